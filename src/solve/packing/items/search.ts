/**
 * Exact search for general items. In a packing pushed down as far as it goes every item lies at the bottom or
 * right above some box of another one or of a forbidden region, and these supports form a forest: so from its roots
 * up, some item that is not placed can always be placed where what is placed already supports it. Branches on all
 * such (item, place); a place that was tried is excluded in the branches after it, so no packing is met twice.
 */
import { blockedBases, freeBase, isFree, type Places } from "./fit.ts";
import { baseFrom, type Items } from "./items.ts";

/** Multiples of an alignment that are tried one by one. */
const MOST_MULTIPLES = 256;

export type ItemOutcome = "packed" | "none" | "stopped";

interface Place {
  readonly i: number;
  readonly arena: number;
  readonly base: number;
}

/** Packs all items at or below `height` into `places`, or proves that nothing does. `spend`: false ends the search. */
export function searchItems(all: Items, height: number, places: Places, spend: () => boolean): ItemOutcome {
  const { items, arenas } = all;
  const n = items.length;
  places.arena.fill(-1);
  const limits = arenas.map(({ capacity = Infinity }) => Math.min(height, capacity));
  // Boxes that hook into each other may hold each other up by what alignment rounds away: then no forest.
  const interlocked = items.some(({ parts, top }) => parts.some(({ from, to }) => from > 0 || to < top));
  let complete = true;
  /** Excluded places of each item, as arena and base in turn. */
  const excluded = items.map((): number[] => []);
  const isExcluded = (i: number, arena: number, base: number): boolean => {
    const list = excluded[i]!;
    for (let k = 0; k < list.length; k += 2) if (list[k] === arena && list[k + 1] === base) return true;
    return false;
  };
  /** Supported places of what is not placed, or undefined where some item has no place left at all. */
  const openPlaces = (): Place[] | undefined => {
    const found: Place[] = [];
    for (let i = 0; i < n; i++) {
      if (places.arena[i]! >= 0) continue;
      const item = items[i]!;
      let somewhere = false;
      for (const arena of item.arenas) {
        const last = limits[arena]! - item.top;
        const blocked = blockedBases(all, places, i, arena);
        if (freeBase(item, blocked, last, false) < 0) continue;
        somewhere = true;
        const starts = item.pin === undefined ? [baseFrom(item, 0)] : [item.pin];
        if (item.pin !== undefined) {
          // Nothing else to try.
        } else if (interlocked && item.modulus > 1 && last / item.modulus <= MOST_MULTIPLES)
          for (let base = baseFrom(item, 1); base <= last; base += item.modulus) starts.push(base);
        else {
          if (interlocked && item.modulus > 1) complete = false;
          for (let k = 1; k < blocked.length; k += 2) if (blocked[k]! > 0) starts.push(baseFrom(item, blocked[k]!));
        }
        for (const base of new Set(starts))
          if (base <= last && isFree(blocked, base) && !isExcluded(i, arena, base)) found.push({ i, arena, base });
      }
      if (!somewhere) return undefined;
    }
    return found.sort(
      (a, b) => a.base - b.base || items[b.i]!.area - items[a.i]!.area || a.i - b.i || a.arena - b.arena,
    );
  };
  const dive = (placed: number): ItemOutcome => {
    if (placed === n) return "packed";
    if (!spend()) return "stopped";
    const open = openPlaces();
    if (open === undefined) return "none";
    let outcome: ItemOutcome = "none";
    let tried = 0;
    for (const { i, arena, base } of open) {
      places.arena[i] = arena;
      places.base[i] = base;
      outcome = dive(placed + 1);
      if (outcome !== "none") break;
      places.arena[i] = -1;
      excluded[i]!.push(arena, base);
      tried++;
    }
    for (let k = 0; k < tried; k++) excluded[open[k]!.i]!.length -= 2;
    return outcome;
  };
  const outcome = dive(0);
  return outcome === "none" && !complete ? "stopped" : outcome;
}
