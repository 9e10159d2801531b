/**
 * A portfolio of static allocation over threads: a fixed number of strands, each `pack` with a seed of its own, race
 * for the packing. The answer is the same for the same problem, seed, budget and strands, whatever the number of
 * threads and however they run.
 */
import { invalidOption } from "../../../errors.ts";
import { DEFAULT_BUDGET } from "../effort.ts";
import type { PackingParams, PackingProblem, PackingResult } from "../types.ts";
import { oneByOne } from "./crew.ts";
import { newRace } from "./race.ts";
import { turnsOf } from "./turns.ts";
import { settlesOf } from "./verdict.ts";

export interface ParallelPackingParams extends PackingParams {
  /** Threads beside this one; 0 or 1: none, it runs in this one. As many as the machine runs at a time, where left out. */
  readonly workers?: number;
  /** Seeds that race, 4 where left out. Each may take the whole budget. */
  readonly strands?: number;
  /** Stops it with the best so far, as `shouldStop` does. */
  readonly signal?: AbortSignal;
}

const STRANDS = 4;

/**
 * Like `pack`, and with the same budget never higher. Threads start only where a first short turn does not settle it,
 * and where this package runs from its compiled files; elsewhere everything runs in this thread, which then hears of
 * signals only between turns. `steps` of the result are those of the turns that count. Rejects with InputError
 * `invalid-packing` as `pack` throws it, InputError `invalid-option`, or InternalError `worker-failed` where a thread
 * dies.
 */
export async function packParallel(
  problem: PackingProblem,
  params: ParallelPackingParams = {},
): Promise<PackingResult> {
  const { workers: wanted, strands = STRANDS, signal, seed = 0, budget = DEFAULT_BUDGET, ...rest } = params;
  const { shouldStop, onProgress = () => undefined, ...switches } = rest;
  if (wanted !== undefined && !(Number.isSafeInteger(wanted) && wanted >= 0))
    throw invalidOption("workers", String(wanted), "expected a whole number, 0 or more");
  if (!(Number.isSafeInteger(strands) && strands >= 1))
    throw invalidOption("strands", String(strands), "expected a whole number, 1 or more");
  let steps = 0;
  let stop = false;
  const stopped = (): boolean => (stop ||= signal?.aborted === true || shouldStop?.(steps) === true);
  const [opening, ...turns] = turnsOf(seed, strands, budget, problem.buffers.length);
  const here = oneByOne(problem, switches, stopped);
  const race = newRace(settlesOf(problem, switches), stopped, (progress) => {
    steps = progress.steps;
    onProgress(progress);
  });
  await race.run(here, [opening!]);
  if (race.isOver() || turns.length === 0) return race.result();
  // Only now: nothing of threads is loaded for what is settled already.
  const { defaultWorkers, hasThreads, threadCrew } = await import("./threads.ts");
  const workers = hasThreads() ? Math.min(wanted ?? defaultWorkers(), turns.length) : 0;
  const crew = workers > 1 ? threadCrew(problem, switches, workers, stopped) : here;
  try {
    await race.run(crew, turns);
  } finally {
    await crew.close();
  }
  return race.result();
}
