/**
 * Split residency: parts of a value in fast memory while the rest is in slow memory. Large values are cut into slices,
 * each a value of its own, so that everything else works as before; an instruction accesses all slices of its operands. The
 * rounding and subset-sum cuts of one slicing hold for that slicing only; the bound for any split does without them.
 */
import { ascend, newAscent } from "./bound.ts";
import { prepare } from "./instance.ts";
import { mapMemory, type MapParams, type MapResult } from "./portfolio.ts";
import type { MappingAccess, MappingProblem, MappingValue } from "./types.ts";

export interface SplitProblem {
  readonly problem: MappingProblem;
  /** Value of the unsplit problem that each value is a slice of, and where the slice begins in it, bytes. */
  readonly valueOf: readonly number[];
  readonly offsetOf: readonly number[];
}

/** Share of the fast memory from which on a value is split. */
const SPLIT_FROM = 1 / 16;

/** `problem` with its large values in so many slices, as even as alignment allows. */
export function splitProblem(problem: MappingProblem, slices: number): SplitProblem {
  const { fastBytes, alignment } = problem.hardware;
  const valueOf: number[] = [];
  const offsetOf: number[] = [];
  const values: MappingValue[] = [];
  /** Ends of the slices of each value, bytes. */
  const ends = problem.values.map(({ bytes }): number[] => {
    if (bytes < fastBytes * SPLIT_FROM || slices < 2) return [bytes];
    const cuts = new Set<number>();
    for (let k = 1; k <= slices; k++) {
      const end = k === slices ? bytes : Math.round((bytes * k) / slices / alignment) * alignment;
      if (end > 0 && end <= bytes) cuts.add(end);
    }
    return [...cuts].sort((x, y) => x - y);
  });
  const firstOf = ends.map((list, value) => {
    const first = values.length;
    let offset = 0;
    for (const end of list) {
      valueOf.push(value);
      offsetOf.push(offset);
      values.push({ ...problem.values[value]!, bytes: end - offset });
      offset = end;
    }
    return first;
  });
  const parts = (access: MappingAccess): MappingAccess[] => {
    const list = ends[access.value]!;
    const whole = problem.values[access.value]!.bytes;
    const upTo = (bytes: number, end: number): number => (whole === 0 ? bytes : Math.round(bytes * (end / whole)));
    return list.map((end, k) => {
      const start = k === 0 ? 0 : list[k - 1]!;
      return {
        ...access,
        value: firstOf[access.value]! + k,
        readBytes: upTo(access.readBytes, end) - (k === 0 ? 0 : upTo(access.readBytes, start)),
        writeBytes: upTo(access.writeBytes, end) - (k === 0 ? 0 : upTo(access.writeBytes, start)),
      };
    });
  };
  const instructions = problem.instructions.map((instruction) => ({
    ...instruction,
    accesses: instruction.accesses.flatMap(parts),
  }));
  return { problem: { ...problem, values, instructions }, valueOf, offsetOf };
}

/** Iterations of the bound for any split. */
const ITERATIONS = 1500;

/** A lower bound on the latency of every plan that may hold any parts of values, seconds. */
export function anySplitBound(problem: MappingProblem, iterations = ITERATIONS): number {
  const ascent = newAscent(prepare(problem), false);
  ascend(ascent, iterations, { rate: 0.08, lastRate: 0.0008 });
  return ascent.seconds;
}

export interface SplitResult extends SplitProblem {
  /** The mapping of the sliced problem; its bound holds for this slicing. */
  readonly result: MapResult;
  /** No plan takes less, however values are split. */
  readonly anySplitBound: number;
}

/** Maps `problem` with large values in slices. Throws as {@link mapMemory} does. */
export function mapSplit(problem: MappingProblem, slices: number, params: MapParams = {}): SplitResult {
  const split = splitProblem(problem, slices);
  return { ...split, result: mapMemory(split.problem, params), anySplitBound: anySplitBound(problem) };
}
