/**
 * Static allocation. `pack(problem, params)` gives every buffer its offset, as low as it can, with a lower
 * bound that is named: reductions, a portfolio of greedy techniques, then exact search between bound and best.
 * It stops as soon as the height meets the bound, which proves it optimal; with `minimize: false` already at the
 * capacity. Deterministic: budgets count steps, and the same problem, seed and budget give the same packing.
 */
import { boxesOf } from "./boxes.ts";
import { newEffort } from "./effort.ts";
import { isGeneral } from "./items/items.ts";
import { packGeneral } from "./pack-general.ts";
import { solveBoxes } from "./solve-boxes.ts";
import { switchesOf } from "./switches.ts";
import type { PackingParams, PackingProblem, PackingResult } from "./types.ts";
import { checkProblem } from "./validate.ts";

/** Throws InputError `invalid-packing` where a buffer makes no sense or fixed buffers collide. */
export function pack(problem: PackingProblem, params: PackingParams = {}): PackingResult {
  checkProblem(problem);
  return isGeneral(problem) ? packGeneral(problem, params) : packPlain(problem, params);
}

/** Capacity of the one arena of a plain problem. */
export const capacityOf = ({ capacity = Infinity, arenas }: PackingProblem): number =>
  Math.min(capacity, arenas?.[0]?.capacity ?? Infinity);

/** Boxes in one arena. */
function packPlain(problem: PackingProblem, params: PackingParams): PackingResult {
  const { buffers } = problem;
  const capacity = capacityOf(problem);
  const offsets = new Array<number>(buffers.length);
  const alive = new Int32Array(buffers.length);
  let count = 0;
  let hinted = false;
  for (let i = 0; i < buffers.length; i++) {
    const { size, lower, upper, offset = 0, hint } = buffers[i]!;
    offsets[i] = offset;
    if (size > 0 && upper > lower) alive[count++] = i;
    if (hint !== undefined) hinted = true;
  }
  const switches = switchesOf(params);
  const boxes = boxesOf(buffers, alive.subarray(0, count), switches.units);
  const effort = newEffort(params);
  const goal = params.minimize === false && capacity < Infinity ? capacity : 0;
  const best = solveBoxes(
    boxes,
    { goal, capacity },
    switches,
    effort,
    hinted ? (box) => buffers[boxes.index[box]!]!.hint : undefined,
  );
  for (let k = 0; k < count; k++) offsets[boxes.index[k]!] = best.offsets[k]! * boxes.unit;
  const { height, bound, method } = best;
  return {
    offsets,
    ...(problem.arenas === undefined ? {} : { arenas: buffers.map(() => 0) }),
    height,
    lowerBound: bound.bytes,
    bound: bound.by,
    boundTime: bound.time,
    status: statusOf(height, bound.bytes, capacity),
    method,
    steps: effort.count.steps,
  };
}

const statusOf = (height: number, lowerBound: number, capacity: number): PackingResult["status"] => {
  if (lowerBound > capacity) return "infeasible";
  if (height > capacity) return "unknown";
  return height <= lowerBound ? "optimal" : "feasible";
};
