/**
 * Portfolio for general items: first and best fit in several orders, hill climbing on the order, and the
 * exact search where it may end in time. Quadratic for each fit.
 */
import { seededRandom } from "../../random.ts";
import type { Bound } from "../bounds.ts";
import { left, spent, within, type Effort } from "../effort.ts";
import type { Aim } from "../incumbent.ts";
import type { Switches } from "../switches.ts";
import { itemsBound } from "./bound.ts";
import { fitItems, heightsOf, isValid, noPlaces, type Places } from "./fit.ts";
import type { Item, Items } from "./items.ts";
import { searchItems } from "./search.ts";

export interface PackedItems {
  readonly places: Places;
  readonly heights: readonly number[];
  /** Of the highest arena; meaningless where not valid. */
  readonly height: number;
  /** Whether it is a packing within all capacities. */
  readonly valid: boolean;
  /** Whether it is proven that there is none. */
  readonly infeasible: boolean;
  readonly bound: Bound;
  readonly method: string;
}

/** Items that the exact search is tried on. */
const SEARCH_LIMIT = 60;
/** Steps that one node of it counts, for each item. */
const NODE = 4;

export function packItems(all: Items, goal: number, switches: Switches, effort: Effort): PackedItems {
  const { items, arenas } = all;
  const n = items.length;
  let bound = itemsBound(all);
  const capacity = Math.max(...arenas.map(({ capacity: own = Infinity }) => own));
  let places = noPlaces(n);
  // Quality: bytes over capacities first, then the height.
  let excess = Infinity;
  let height = Infinity;
  let method = "none";
  let infeasible = bound.bytes > capacity;
  const trial = noPlaces(n);
  const offer = (name: string): boolean => {
    const heights = heightsOf(all, trial);
    let over = heights.reduce((sum, top, a) => sum + Math.max(0, top - (arenas[a]!.capacity ?? Infinity)), 0);
    const top = Math.max(0, ...heights);
    if (over > excess || (over === excess && top > height)) return false;
    // Pins can collide with one another where arenas, gaps and forbidden regions are concerned.
    if (over === 0 && pinned && !isValid(all, trial)) over = Number.MAX_SAFE_INTEGER;
    if (over > excess || (over === excess && top > height)) return false;
    if (over < excess || top < height) {
      places = { base: trial.base.slice(), arena: trial.arena.slice() };
      method = name;
      excess = over;
      height = top;
      effort.report(method, excess === 0 ? height : Infinity, bound.bytes);
    }
    return true;
  };
  // No packing pushed down is higher.
  const highest =
    items.reduce((sum, { top, modulus, pin = 0 }) => sum + top + modulus + pin, 0) +
    arenas.reduce((sum, { forbidden = [] }) => forbidden.reduce((most, [, to]) => Math.max(most, to), sum), 0);
  const pinned = items.some(({ pin }) => pin !== undefined);
  const aim: Aim = { goal: Math.max(goal, bound.bytes), capacity };
  const done = (): boolean =>
    (excess === 0 && height <= Math.max(aim.goal, bound.bytes)) || infeasible || spent(effort);
  const rules: readonly (readonly [string, (item: Item) => number])[] = [
    ["size", ({ top }) => top],
    ["area", ({ area }) => area],
    ["duration", ({ lower, upper }) => upper - lower],
    ["start", ({ lower }) => -lower],
  ];
  const orderBy = (rule: (item: Item) => number): number[] =>
    items.map((_, i) => i).sort((a, b) => rule(items[b]!) - rule(items[a]!) || items[b]!.top - items[a]!.top || a - b);
  if (switches.hints && items.some(({ hint }) => hint !== undefined)) {
    fitItems(
      all,
      orderBy(({ hint }) => -(hint ?? Number.MAX_SAFE_INTEGER)),
      false,
      false,
      trial,
    );
    offer("hints");
  }
  const spreads = arenas.length > 1 ? [true, false] : [false];
  for (const [name, rule] of switches.greedyFits || n > 0 ? rules : [])
    for (const tight of [false, true])
      for (const spread of spreads) {
        if (done() && method !== "none") break;
        fitItems(all, orderBy(rule), tight, spread, trial);
        effort.count.steps += n;
        offer(`${tight ? "best" : "first"} fit by ${name}`);
      }
  const search = (share: number): void => {
    const own = within(effort, share);
    const spend = (): boolean => {
      own.count.steps += NODE * n;
      return !spent(own);
    };
    while (!done() && !spent(own)) {
      if (excess > 0) {
        // Whether there is any packing at all.
        const any = searchItems(all, Math.min(capacity, highest), trial, spend);
        if (any === "stopped") return;
        if (any === "packed") offer("search");
        else infeasible = true;
        continue;
      }
      // From the bound up where that is quickly refuted, else from the best down.
      const target = Math.max(aim.goal, bound.bytes);
      const first = searchItems(all, target, trial, boundedSpend(spend, own, left(own) / 2));
      if (first === "packed") offer("search");
      else if (first === "none") bound = { ...bound, bytes: target + 1, by: "search" };
      else {
        const second = searchItems(all, height - 1, trial, spend);
        if (second === "stopped") return;
        if (second === "packed") offer("search");
        else bound = { ...bound, bytes: height, by: "search" };
      }
    }
  };
  if (switches.exact && n <= SEARCH_LIMIT && !done()) search(left(effort) / 2);
  if (switches.localSearch && !done() && n > 1) {
    const random = seededRandom(switches.seed);
    let order = items.map((_, i) => i).sort((a, b) => places.base[a]! - places.base[b]! || a - b);
    const climbing = within(effort, switches.exact && n <= SEARCH_LIMIT ? left(effort) / 2 : left(effort));
    while (!done() && !spent(climbing)) {
      const next = [...order];
      next.splice(Math.floor(random() * n), 0, next.splice(Math.floor(random() * n), 1)[0]!);
      fitItems(all, next, random() < 0.3, random() < 0.5, trial);
      // Each item is compared with each other one.
      effort.count.steps += n * Math.max(1, n >> 4);
      if (offer("local search")) order = next;
    }
  }
  if (switches.exact && n <= SEARCH_LIMIT && !done()) search(left(effort));
  const heights = heightsOf(all, places);
  return { places, heights, height, valid: excess === 0, infeasible, bound, method };
}

function boundedSpend(spend: () => boolean, effort: Effort, steps: number): () => boolean {
  const own = within(effort, steps);
  return () => spend() && !spent(own);
}
