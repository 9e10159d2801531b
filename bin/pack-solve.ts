/** What `strata pack` computes, wherever it runs: in the main thread or in a worker. */
import type { PackingProblem, PackingProgress, PackingResult } from "../src/solve/packing/types.ts";

export interface PackTask {
  readonly problem: PackingProblem;
  readonly minimize: boolean;
  readonly solver: "search" | "highs" | "glpk";
  readonly budget?: number;
  readonly seed: number;
}

/** Steps of the search that looks for what the mixed integer program starts from. */
const START_STEPS = 200_000;

/** Throws as `pack` and `packByMip` do. */
export async function solvePack(
  task: PackTask,
  shouldStop: () => boolean,
  onProgress: (progress: PackingProgress) => void,
): Promise<PackingResult> {
  const { problem, minimize, solver, budget, seed } = task;
  const { pack } = await import("../src/solve/packing/index.ts");
  const limit = budget === undefined ? {} : { budget };
  if (solver === "search") return pack(problem, { ...limit, seed, minimize, shouldStop, onProgress });
  const { packByMip } = await import("../src/solve/packing/mip/index.ts");
  const start = startOf(problem, seed, shouldStop, pack);
  onProgress({ height: start.height, lowerBound: start.lowerBound, steps: 0, method: `${solver} MIP` });
  return packByMip(problem, { ...limit, seed, solver, minimize, start: start.offsets });
}

/** A good packing, quickly. */
export const startOf = (
  problem: PackingProblem,
  seed: number,
  shouldStop: () => boolean,
  pack: typeof import("../src/solve/packing/index.ts").pack,
): PackingResult => pack(problem, { budget: START_STEPS, seed, exact: false, shouldStop });
