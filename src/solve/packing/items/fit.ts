/** Where items can lie among others, and first and best fit over several arenas. */
import { baseFrom, type Item, type Items } from "./items.ts";

/** Where items lie. */
export interface Places {
  readonly base: Float64Array;
  /** -1 where it is not placed. */
  readonly arena: Int32Array;
}

export const noPlaces = (n: number): Places => ({ base: new Float64Array(n), arena: new Int32Array(n).fill(-1) });

/** Open intervals of bases that item `i` can't have in the arena, as [low, high, ...]; not sorted. */
export function blockedBases({ items, arenas }: Items, places: Places, i: number, arena: number): number[] {
  const blocked: number[] = [];
  const { parts, lower, upper } = items[i]!;
  for (const [from, to] of arenas[arena]!.forbidden ?? [])
    if (to > from) for (const part of parts) blocked.push(from - part.to, to - part.from);
  for (let j = 0; j < items.length; j++) {
    if (places.arena[j] !== arena || j === i) continue;
    const other = items[j]!;
    if (other.lower >= upper || lower >= other.upper) continue;
    const base = places.base[j]!;
    for (const b of other.parts)
      for (const a of parts)
        if (a.lower < b.upper && b.lower < a.upper) blocked.push(base + b.from - a.to, base + b.to - a.from);
  }
  return blocked;
}

/** Whether a base is in none of the blocked intervals. */
export function isFree(blocked: readonly number[], base: number): boolean {
  for (let k = 0; k < blocked.length; k += 2) if (blocked[k]! < base && base < blocked[k + 1]!) return false;
  return true;
}

/** The lowest free base (or that of the tightest gap) at or below `last`; -1 where there is none. */
export function freeBase(item: Item, blocked: readonly number[], last: number, tight: boolean): number {
  if (item.pin !== undefined) return item.pin <= last && isFree(blocked, item.pin) ? item.pin : -1;
  const order = Array.from({ length: blocked.length / 2 }, (_, k) => k).sort(
    (a, b) => blocked[2 * a]! - blocked[2 * b]! || a - b,
  );
  let start = baseFrom(item, 0);
  let chosen = -1;
  let slack = Infinity;
  for (const k of order) {
    const gap = blocked[2 * k]! - start;
    if (gap >= 0 && start <= last && gap < slack) {
      chosen = start;
      slack = gap;
      if (!tight) return chosen;
    }
    if (blocked[2 * k + 1]! > start) start = baseFrom(item, blocked[2 * k + 1]!);
  }
  return chosen >= 0 ? chosen : start <= last ? start : -1;
}

/** Highest byte in each arena. */
export function heightsOf({ items, arenas }: Items, places: Places): number[] {
  const heights = arenas.map(() => 0);
  items.forEach(({ top }, i) => {
    const arena = places.arena[i]!;
    if (arena >= 0) heights[arena] = Math.max(heights[arena]!, places.base[i]! + top);
  });
  return heights;
}

/**
 * Fits items in an order, fixed ones first. Each goes to the first arena that has room for it below its capacity
 * (`spread`: where it ends lowest); where none has, to the one where it sticks out least.
 */
export function fitItems(all: Items, order: readonly number[], tight: boolean, spread: boolean, places: Places): void {
  const { items, arenas } = all;
  places.arena.fill(-1);
  const put = (i: number): void => {
    const item = items[i]!;
    let excess = Infinity;
    let end = Infinity;
    for (const arena of item.arenas) {
      if (excess === 0 && !spread) break;
      const blocked = blockedBases(all, places, i, arena);
      const { capacity = Infinity } = arenas[arena]!;
      let base = freeBase(item, blocked, capacity - item.top, tight);
      if (base < 0) base = freeBase(item, blocked, Infinity, tight);
      // A pin that something else has taken: the packing is no good, whatever the rest does.
      if (base < 0) base = item.pin!;
      const over = Math.max(0, base + item.top - capacity) + (isFree(blocked, base) ? 0 : Number.MAX_SAFE_INTEGER);
      if (over < excess || (over === excess && base + item.top < end)) {
        excess = over;
        end = base + item.top;
        places.base[i] = base;
        places.arena[i] = arena;
      }
    }
  };
  for (const i of order) if (items[i]!.pin !== undefined) put(i);
  for (const i of order) if (items[i]!.pin === undefined) put(i);
}

/** Whether no two items share a byte at one time, all within capacities. Quadratic. */
export function isValid(all: Items, places: Places): boolean {
  return all.items.every((item, i) => {
    const arena = places.arena[i]!;
    const { capacity = Infinity } = all.arenas[arena]!;
    return places.base[i]! + item.top <= capacity && isFree(blockedBases(all, places, i, arena), places.base[i]!);
  });
}
