/** Lower bound of general items: bytes alive at one time, shared among the arenas that may hold them. */
import type { Bound } from "../bounds.ts";
import type { Items } from "./items.ts";

/** Sets of arenas looked at: above this, only single arenas and all of them. */
const MOST_SETS = 64;

export function itemsBound({ items, arenas }: Items): Bound {
  let best: Bound = { bytes: 0, by: "load", time: items[0]?.lower ?? 0 };
  for (const { pin, top, lower } of items)
    if (pin !== undefined && pin + top > best.bytes) best = { bytes: pin + top, by: "pin", time: lower };
  const sets = new Map<string, readonly number[]>([["all", arenas.map((_, a) => a)]]);
  for (const item of items) if (sets.size < MOST_SETS) sets.set(item.arenas.join(), item.arenas);
  for (const set of sets.values()) {
    const change = new Map<number, number>();
    for (const item of items) {
      if (!item.arenas.every((a) => set.includes(a))) continue;
      for (const { lower, upper, bytes } of loadsOf(item.parts)) {
        change.set(lower, (change.get(lower) ?? 0) + bytes);
        change.set(upper, (change.get(upper) ?? 0) - bytes);
      }
    }
    let load = 0;
    for (const [time, more] of [...change].sort((a, b) => a[0] - b[0])) {
      load += more;
      const bytes = leastHeight(
        load,
        set.map((a) => arenas[a]!),
      );
      if (bytes > best.bytes) best = { bytes, by: "load", time };
    }
  }
  return best;
}

/** Bytes that one item takes over time, where its boxes may share some. */
function loadsOf(
  parts: Items["items"][number]["parts"],
): readonly { readonly lower: number; readonly upper: number; readonly bytes: number }[] {
  if (parts.length === 1) return parts.map(({ lower, upper, from, to }) => ({ lower, upper, bytes: to - from }));
  const times = [...new Set(parts.flatMap(({ lower, upper }) => [lower, upper]))].sort((a, b) => a - b);
  return times.slice(0, -1).map((lower, k) => {
    const live = parts.filter((part) => part.lower <= lower && lower < part.upper).sort((a, b) => a.from - b.from);
    let bytes = 0;
    let end = 0;
    for (const { from, to } of live) {
      bytes += Math.max(0, to - Math.max(from, end));
      end = Math.max(end, to);
    }
    return { lower, upper: times[k + 1]!, bytes };
  });
}

/** The least height below which the arenas together have that many free bytes; above all capacities where they never do. */
function leastHeight(
  load: number,
  arenas: readonly { readonly capacity?: number; readonly forbidden?: readonly (readonly [number, number])[] }[],
): number {
  const free = (height: number): number =>
    arenas.reduce((sum, { capacity = Infinity, forbidden = [] }) => {
      const top = Math.min(height, capacity);
      let taken = 0;
      let end = 0;
      for (const [from, to] of [...forbidden].sort((a, b) => a[0] - b[0])) {
        taken += Math.max(0, Math.min(to, top) - Math.max(from, end));
        end = Math.max(end, Math.min(to, top));
      }
      return sum + top - taken;
    }, 0);
  let high = load;
  for (const { forbidden = [] } of arenas) for (const [from, to] of forbidden) high += to - from;
  if (arenas.every(({ capacity }) => capacity !== undefined)) {
    const most = Math.max(...arenas.map(({ capacity }) => capacity!));
    if (free(most) < load) return most + Math.ceil((load - free(most)) / arenas.length);
    high = Math.min(high, most);
  }
  let low = 0;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (free(middle) >= load) high = middle;
    else low = middle + 1;
  }
  return low;
}
