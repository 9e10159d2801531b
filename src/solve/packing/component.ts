/**
 * One component (nothing outside lives together with any of it): greedy fits, restarts, exact search,
 * local search, in this order and only for as long as the height is above the goal.
 */
import { seededRandom } from "../random.ts";
import type { Boxes } from "./boxes.ts";
import { close } from "./close.ts";
import { left, spent, within, type Effort } from "./effort.ts";
import { fitPack } from "./fits.ts";
import { fitOrders } from "./greedy.ts";
import { offer, reached, type Aim, type Incumbent } from "./incumbent.ts";
import { climb } from "./local-search.ts";
import { restartSkyline } from "./restarts.ts";
import type { Switches } from "./switches.ts";

/** Above this, quadratic techniques are left out; above that, the search. */
const FIT_LIMIT = 3000;
const SEARCH_LIMIT = 3000;
const SEARCH_PAIRS = 2_000_000;
const LOCAL_SEARCH_LIMIT = 400;
/** A greedy packing further above the goal is not brought down to it by more of the same. */
const NEAR = 0.08;

/** Improves `best` until the aim is reached or the effort spent. */
export function improve(best: Incumbent, aim: Aim, switches: Switches, effort: Effort): void {
  const { boxes } = best;
  const n = boxes.count;
  const done = (): boolean => best.height < Infinity && (reached(best, aim) || spent(effort));
  if (done()) return;
  const trial = new Float64Array(n);
  const fits = (): void => {
    for (const [name, order] of fitOrders(boxes)) {
      const sorted = order();
      for (const tight of [true, false]) {
        if (done()) return;
        fitPack(boxes, sorted, tight, trial);
        effort.count.steps += n;
        offer(best, trial, `${tight ? "best" : "first"} fit by ${name}`);
      }
    }
  };
  const random = seededRandom(switches.seed);
  const restart = (steps: number): void => {
    if (switches.restarts && boxes.rules?.rigid !== true)
      restartSkyline(best, aim, switches, within(effort, steps), random);
  };
  const searchable = switches.exact && n <= SEARCH_LIMIT && pairsOf(boxes) <= SEARCH_PAIRS;
  const fitting = switches.greedyFits && n <= FIT_LIMIT;
  // Far from the goal, the search gets there sooner.
  const low = Math.max(best.bound.bytes, aim.goal);
  const near = !searchable || best.height <= low * (1 + NEAR);
  if (best.height === Infinity || (fitting && near)) fits();
  if (!done() && near) restart(searchable ? Math.min(left(effort) / 4, 60 * n) : 0.9 * left(effort));
  if (searchable && !done())
    close(best, aim, switches, within(effort, switches.localSearch ? 0.8 * left(effort) : Infinity));
  if (fitting && !near && !done()) fits();
  if (switches.localSearch && n <= LOCAL_SEARCH_LIMIT && !done())
    climb(best, aim, within(effort, left(effort) / 2), random);
  if (!done()) restart(left(effort));
}

/** Buffers alive, summed over sections. */
function pairsOf({ sections: { from, to } }: Boxes): number {
  let pairs = 0;
  for (let i = 0; i < from.length; i++) pairs += to[i]! - from[i]!;
  return pairs;
}
