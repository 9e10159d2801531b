/** What `strata pack` computes, wherever it runs: in the main thread or in a worker. */
import type { Infeasibility } from "../src/solve/packing/infeasible.ts";
import type { PackingProblem, PackingProgress, PackingResult } from "../src/solve/packing/types.ts";

export interface PackTask {
  readonly problem: PackingProblem;
  readonly minimize: boolean;
  readonly solver: "search" | "highs" | "glpk";
  readonly budget?: number;
  readonly seed: number;
  /** Race several seeds over so many threads; one seed alone where left out. */
  readonly workers?: number;
  /** Say of an optimal packing, too, what makes its height necessary. */
  readonly explain: boolean;
}

export interface PackOutcome {
  readonly result: PackingResult;
  /** The few buffers that can't be packed within the capacity, or below the least height. */
  readonly why?: Infeasibility | undefined;
}

/** Steps of the search that looks for what the mixed integer program starts from. */
const START_STEPS = 200_000;

/** Throws as `pack`, `packParallel` and `packByMip` do. */
export async function solvePack(
  task: PackTask,
  shouldStop: () => boolean,
  onProgress: (progress: PackingProgress) => void,
): Promise<PackOutcome> {
  const { explainInfeasible } = await import("../src/solve/packing/index.ts");
  const { problem, budget, seed, explain } = task;
  const result = await solved(task, shouldStop, onProgress);
  const { status, height } = result;
  const least = explain && status === "optimal" && problem.arenas === undefined;
  if (shouldStop() || !(status === "infeasible" || least)) return { result };
  const tight = least ? { ...problem, capacity: height - 1 } : problem;
  onProgress({ height, lowerBound: result.lowerBound, steps: result.steps, method: "looking for what is in the way" });
  const why = explainInfeasible(tight, { ...(budget === undefined ? {} : { budget }), seed, shouldStop });
  return why === undefined ? { result } : { result, why };
}

async function solved(
  { problem, minimize, solver, budget, seed, workers }: PackTask,
  shouldStop: () => boolean,
  onProgress: (progress: PackingProgress) => void,
): Promise<PackingResult> {
  const { pack } = await import("../src/solve/packing/index.ts");
  const limit = budget === undefined ? {} : { budget };
  if (solver === "search") {
    const params = { ...limit, seed, minimize, shouldStop, onProgress };
    if (workers === undefined) return pack(problem, params);
    const { packParallel } = await import("../src/solve/packing/parallel/index.ts");
    return packParallel(problem, { ...params, workers });
  }
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
