/**
 * Closes the interval between the bound and the best packing by exact search on the capacity: at the
 * bound itself, where the optimum nearly always is, and at heights in between, with more placements each round.
 */
import { reachableFrom } from "./bounds.ts";
import { offer, reached, type Aim, type Incumbent } from "./incumbent.ts";
import { left, spent, type Effort } from "./effort.ts";
import { FAILED, SOLVED } from "./search/branch.ts";
import { decide, newSearch } from "./search/run.ts";
import type { Switches } from "./switches.ts";

/** Steps that one placement of the search counts: it propagates, a greedy one does not. */
const PLACEMENT = 16;
/** Placements of the first attempt at a height. */
const FIRST = 20_000;

/**
 * Until the height is at most `goal` (bytes) or the bound is met. Heights above `capacity` are of no interest, and
 * a bound above it ends the search.
 */
export function close(best: Incumbent, aim: Aim, switches: Switches, effort: Effort): void {
  const { goal, capacity } = aim;
  const { boxes } = best;
  const search = newSearch(boxes, switches, switches.seed);
  const trial = new Float64Array(boxes.count);
  const next = reachableFrom(boxes, best.height, switches.sums);
  const attempt = (height: number, placements: number): boolean => {
    const before = search.state.placements;
    const allowed = Math.min(placements, Math.ceil(left(effort) / PLACEMENT));
    const outcome = decide(search, height, allowed, effort.stopped, trial);
    effort.count.steps += (search.state.placements - before) * PLACEMENT + 1;
    if (outcome === SOLVED) offer(best, trial, "search");
    else if (outcome === FAILED) raiseBound(best, next(height + 1), "search");
    else return false;
    effort.report(best.method, best.height, best.bound.bytes);
    return true;
  };
  raiseBound(best, next(best.bound.bytes), "sums");
  const done = (): boolean => reached(best, aim) || spent(effort);
  for (let placements = FIRST; !done(); placements *= 2) {
    const lowest = (): number => Math.max(best.bound.bytes, goal);
    if (best.height > capacity && capacity > lowest()) attempt(capacity, placements);
    // A goal above the bound is all that is asked for.
    while (!done() && attempt(lowest(), placements));
    for (let fraction = 0.5; !done();) {
      const low = lowest();
      const high = Math.min(best.height, capacity + 1);
      const middle = next(low + Math.floor((high - low) * fraction));
      if (middle <= low || middle >= high) break;
      fraction = attempt(middle, placements / 4) ? 0.5 : (1 + fraction) / 2;
    }
  }
}

/** The bound never passes a height that was found. */
function raiseBound(best: Incumbent, bytes: number, by: "sums" | "search"): void {
  const least = Math.min(best.height, bytes);
  if (least > best.bound.bytes) best.bound = { ...best.bound, bytes: least, by };
}
