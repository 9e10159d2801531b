/** Who takes the turns of a race. */
import { pack } from "../pack.ts";
import type { PackingParams, PackingProblem, PackingProgress, PackingResult } from "../types.ts";
import type { Turn } from "./turns.ts";

export interface Crew {
  /** Turns that can be taken at a time. */
  readonly places: number;
  /** Takes a turn at a free place; it stops with what it has where it has counted more steps than the place's limit. */
  take(place: number, turn: Turn, onProgress: (progress: PackingProgress) => void): Promise<PackingResult>;
  /** May be called at any time; Infinity where the place is free. */
  setLimit(place: number, steps: number): void;
  /** Ends whatever still goes on. */
  close(): Promise<void>;
}

/** One turn after the other, in this thread. `stopped`: asked in between and within turns. */
export function oneByOne(problem: PackingProblem, params: PackingParams, stopped: () => boolean): Crew {
  let limit = Infinity;
  return {
    places: 1,
    async take(_, { seed, budget }, onProgress) {
      // Timers and signals have their turn, too.
      await new Promise<void>((resolve) => void setTimeout(resolve));
      return pack(problem, {
        ...params,
        seed,
        budget,
        onProgress,
        shouldStop: (steps) => steps > limit || stopped(),
      });
    },
    setLimit(_, steps) {
      limit = steps;
    },
    close: () => Promise.resolve(),
  };
}
