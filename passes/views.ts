/**
 * Purpose     Shows the parts of a split where they lie in its operand, instead of copying them out.
 * Requires    A lowered Program, before kernel calls become dispatches and before storage is shared in place.
 * Guarantees  Every part that becomes a view starts at a multiple of `alignment`, so that every backend
 *             can bind it. Outputs of the program stay copies. The live peak never rises.
 * Method      A split whose parts are each one run of the operand's bytes (all dims before its axis are 1)
 *             loses its step; its results become views. One split after another, each kept only if the
 *             live peak, in-place writes included, is no higher than without it.
 * Cost        Linear for each split that could go.
 * Limits      All parts or none. Slices that are one run of bytes are views since the import.
 */
import { elementCount } from "../src/ir/bytes.ts";
import { DTYPES } from "../src/ir/dtype.ts";
import type { KernelStep, Program, ProgramValue, ValueId } from "../src/ir/types.ts";
import { inPlace } from "./in-place.ts";
import { livePeak, liveRanges } from "./liveness.ts";

/** Makes views of the parts of splits; `alignment` (bytes) is that of the target's arena. */
export function views(program: Program, alignment: number): Program {
  const isOutput = new Set(program.outputs);
  let best = program;
  let least: number | undefined;
  for (const step of program.steps) {
    const values = withViews(best.values, step, alignment, isOutput);
    if (values === undefined) continue;
    least ??= peakBytes(program, alignment);
    const candidate = { ...best, values, steps: best.steps.filter((other) => other !== step) };
    const bytes = peakBytes(candidate, alignment);
    if (bytes > least) continue;
    best = candidate;
    least = bytes;
  }
  return best;
}

const peakBytes = (program: Program, alignment: number): number =>
  livePeak(liveRanges(inPlace(program)), program.steps.length, alignment).bytes;

/** Offsets (bytes in the operand) of the parts that a step writes; undefined where one is no run of bytes. */
function offsetsOf(values: readonly ProgramValue[], step: KernelStep): readonly number[] | undefined {
  const attr = (name: string): unknown => step.attrs.find((candidate) => candidate.name === name)?.value;
  const axis = attr("axis");
  const starts = attr("starts");
  const operand = values[step.reads[0]!]!;
  if (typeof axis !== "number" || !Array.isArray(starts) || DTYPES[operand.dtype].bits < 8) return undefined;
  if (elementCount(operand.shape.slice(0, axis)) !== 1) return undefined;
  const stride = elementCount(operand.shape.slice(axis + 1)) * (DTYPES[operand.dtype].bits / 8);
  const present = (starts as readonly number[]).filter((_, position) => !step.absentWrites.includes(position));
  return present.length === step.writes.length ? present.map((start) => start * stride) : undefined;
}

/** The values with the results of a split as views of its operand; undefined where they can't be. */
function withViews(
  values: readonly ProgramValue[],
  step: KernelStep,
  alignment: number,
  isOutput: ReadonlySet<ValueId>,
): readonly ProgramValue[] | undefined {
  if (step.kernel !== "Split" || step.dispatch !== undefined || step.reads.length !== 1) return undefined;
  const operand = values[step.reads[0]!]!;
  const offsets = offsetsOf(values, step);
  if (offsets === undefined || operand.kind === "weight") return undefined;
  const start = operand.storage.offset;
  const starts = new Map(step.writes.map((id, k) => [id, start + offsets[k]!]));
  for (const [id, offset] of starts) {
    const { storage, dtype, id: own } = values[id]!;
    // A view comes after what it shows; what lies elsewhere already has been decided.
    if (storage.value !== id || own <= operand.id || dtype !== operand.dtype || isOutput.has(id)) return undefined;
    if (offset % alignment !== 0) return undefined;
  }
  return values.map((value) => {
    const at = starts.get(value.storage.value);
    if (at === undefined) return value;
    const storage = { value: operand.storage.value, offset: at + value.storage.offset };
    return starts.has(value.id) ? { ...value, storage, viewOf: operand.id } : { ...value, storage };
  });
}
