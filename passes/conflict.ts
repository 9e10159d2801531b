/** The few buffers that can't fit into a memory together. */
import { alignUp } from "../src/ir/bytes.ts";
import type { PackingProblem, PackingResult } from "../src/solve/packing/index.ts";

export interface Conflict {
  /** Indices into the problem's buffers; without any one of them the others do fit. */
  readonly buffers: readonly number[];
  /** Moments [from, to) in which they are alive. */
  readonly from: number;
  readonly to: number;
}

/** Of an infeasible problem whose buffers share one alignment; undefined where nothing proves that it is. */
export function conflictOf(
  { buffers, capacity = Infinity }: PackingProblem,
  result: PackingResult,
): Conflict | undefined {
  const { boundTime: time } = result;
  const live = buffers
    .map((buffer, i) => ({ ...buffer, i }))
    .filter(({ lower, upper, size }) => lower <= time && time < upper && size > 0)
    .sort((a, b) => b.size - a.size || a.i - b.i);
  // Each but the topmost takes its size rounded up: the fewest, which are the largest, that pass the capacity.
  let stacked = 0;
  let pad = 0;
  for (const [k, { size, alignment = 1 }] of live.entries()) {
    const whole = alignUp(size, alignment);
    stacked += whole;
    pad = Math.max(pad, whole - size);
    if (stacked - pad <= capacity) continue;
    const few = live.slice(0, k + 1);
    return {
      buffers: few.map(({ i }) => i),
      from: few.reduce((most, { lower }) => Math.max(most, lower), 0),
      to: few.reduce((least, { upper }) => Math.min(least, upper), Infinity),
    };
  }
  return undefined;
}
