/**
 * Purpose     Maps the values of a Program to a fast and a slow memory, with asynchronous copies between them.
 * Requires    A checked Program, steps in their final order, in-place decided; a target with two linked memories.
 * Guarantees  The mapping holds by the rules of src/solve/mapping/check.ts; its seconds are the simulator's; no plan
 *             of this order takes less than its bound, which the multipliers prove in one pass. Never worse than
 *             mapping nothing, greedy play or the MSA-style baseline.
 * Method      "Optimizing Memory Mapping Using Deep Reinforcement Learning" (Wang et al., 2023) states the game; it is
 *             solved by the portfolio of src/solve/mapping.
 * Cost        Bounded by the budget, in evaluations.
 * Limits      Values of one storage move as one. Seconds are simulated on the target's figures.
 */
import type { Program, ValueId } from "../../src/ir/types.ts";
import { type BoundCertificate, mapMemory, type MapParams, simulate } from "../../src/solve/mapping/index.ts";
import type { Target } from "../../src/target/schema.ts";
import type { Placed } from "../allocate.ts";
import { fastMemoryOf } from "./memories.ts";
import { programProblem } from "./problem.ts";

export { fastMemoryOf } from "./memories.ts";
export { programProblem } from "./problem.ts";
export {
  type Action,
  type Episode,
  fork,
  type GameFile,
  type GameRules,
  isOver,
  legalActions,
  mapMemory,
  planOfEpisode,
  prepare,
  readGame,
  reset,
  step,
} from "../../src/solve/mapping/index.ts";

/** A transfer of a whole storage root beside the program's steps. */
export interface MappedCopy {
  readonly value: ValueId;
  readonly from: string;
  readonly to: string;
  /** It may progress in steps [start, done) of the program; -1 is before its first step. */
  readonly start: number;
  readonly done: number;
}

export interface MemoryMapping {
  readonly fastMemory: string;
  readonly slowMemory: string;
  /** Ranges in the fast memory, [from, to) in steps of the program; -1 is before its first step. */
  readonly placements: readonly Placed[];
  readonly copies: readonly MappedCopy[];
  /** For each step, the storage roots that it finds in fast memory. */
  readonly fastAt: readonly (readonly ValueId[])[];
  /** Seconds before the first step, and of each step, stalls included. */
  readonly leadSeconds: number;
  readonly stepSeconds: readonly number[];
  readonly seconds: number;
  readonly allSlowSeconds: number;
  readonly bound: number;
  readonly gap: number;
  readonly method: string;
  readonly certificate: BoundCertificate;
}

/**
 * The mapping of `program` on `target`, or undefined where the target has no second memory to map to. Throws
 * InfeasibleError `working-set-too-large`.
 */
export function mapProgram(program: Program, target: Target, params: MapParams = {}): MemoryMapping | undefined {
  const memories = fastMemoryOf(target);
  const stated = programProblem(program, target);
  if (memories === undefined || stated === undefined) return undefined;
  const { roots } = stated;
  const result = mapMemory(stated.problem, params);
  const { instance, plan } = result;
  const rootOf = (version: number): ValueId => roots[instance.valueOf[version]!]!;
  const fastAt: ValueId[][] = program.steps.map(() => []);
  plan.fast.forEach((fast, access) => {
    if (fast) fastAt[instance.stepOf[access]! - 1]!.push(rootOf(instance.versionOf[access]!));
  });
  const { stepSeconds } = simulate(instance, plan);
  const names = { fast: memories.memory.name, slow: memories.slow.name };
  return {
    fastMemory: names.fast,
    slowMemory: names.slow,
    placements: plan.ranges.map(({ value, offset, from, to }) => ({
      value: rootOf(value),
      memory: names.fast,
      offset,
      bytes: instance.bytes[value]!,
      from: from - 1,
      to: to - 1,
    })),
    copies: plan.copies.map(({ value, direction, release, deadline }) => ({
      value: rootOf(value),
      from: direction === "in" ? names.slow : names.fast,
      to: direction === "in" ? names.fast : names.slow,
      start: release - 1,
      done: deadline - 1,
    })),
    fastAt,
    leadSeconds: stepSeconds[0]!,
    stepSeconds: [...stepSeconds.subarray(1)],
    seconds: result.seconds,
    allSlowSeconds: result.allSlowSeconds,
    bound: result.bound,
    gap: result.gap,
    method: result.method,
    certificate: result.certificate,
  };
}
