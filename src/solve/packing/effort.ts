/** What one call may spend and has spent, shared by all techniques; and whom to tell. */
import type { PackingParams } from "./types.ts";

export interface Effort {
  readonly count: { steps: number };
  /** Steps at which to stop. */
  readonly limit: number;
  readonly stopped: () => boolean;
  readonly report: (method: string, height: number, lowerBound: number) => void;
}

/** Steps by default: a second or two. */
export const DEFAULT_BUDGET = 3_000_000;

export function newEffort({ budget = DEFAULT_BUDGET, shouldStop, onProgress }: PackingParams): Effort {
  const count = { steps: 0 };
  let stopped = false;
  return {
    count,
    limit: budget,
    stopped: () => {
      if (!stopped && shouldStop !== undefined) stopped = shouldStop(count.steps);
      return stopped;
    },
    report: (method, height, lowerBound) => onProgress?.({ height, lowerBound, steps: count.steps, method }),
  };
}

export const left = ({ limit, count }: Effort): number => Math.max(0, limit - count.steps);

export const spent = (effort: Effort): boolean => left(effort) === 0 || effort.stopped();

/** The same with at most so many more steps. */
export const within = (effort: Effort, steps: number): Effort => ({
  ...effort,
  limit: Math.min(effort.limit, effort.count.steps + steps),
});
