/** Fixed buffers that collide: found in a sweep over time, O(n log n) whatever the file holds. */
import type { PackingBuffer } from "./types.ts";

/**
 * The first two fixed buffers, in order of time, that share bytes; undefined where none do. Buffers with
 * gaps, in chosen arenas or inside of others may share an address: they are left to the solver.
 */
export function collidingPins(buffers: readonly PackingBuffer[]): readonly [number, number] | undefined {
  const pinned: number[] = [];
  buffers.forEach(({ offset, size, lower, upper, gaps, inside, arenas }, i) => {
    if (offset === undefined || size === 0 || upper === lower) return;
    if ((gaps?.length ?? 0) === 0 && inside === undefined && arenas === undefined) pinned.push(i);
  });
  if (pinned.length < 2) return undefined;
  const at = (i: number): PackingBuffer & { readonly offset: number } => buffers[i] as never;
  pinned.sort((a, b) => at(a).offset - at(b).offset || a - b);
  const rank = new Map(pinned.map((i, r) => [i, r]));
  const starting = [...pinned].sort((a, b) => at(a).lower - at(b).lower || a - b);
  const ending = [...pinned].sort((a, b) => at(a).upper - at(b).upper || a - b);
  const live = rankSet(pinned.length);
  let ended = 0;
  for (const i of starting) {
    const { lower, offset, size } = at(i);
    while (ended < ending.length && at(ending[ended]!).upper <= lower) live.remove(rank.get(ending[ended++]!)!);
    const r = rank.get(i)!;
    const below = live.before(r);
    if (below >= 0 && at(pinned[below]!).offset + at(pinned[below]!).size > offset) return [pinned[below]!, i];
    const above = live.after(r);
    if (above >= 0 && at(pinned[above]!).offset < offset + size) return [pinned[above]!, i];
    live.add(r);
  }
  return undefined;
}

interface RankSet {
  add(rank: number): void;
  remove(rank: number): void;
  /** Greatest member below `rank`, or -1. */
  before(rank: number): number;
  /** Least member above `rank`, or -1. */
  after(rank: number): number;
}

/** A set of small numbers as a tree of bitmaps, 32 a level: neighbours in log32 n. */
function rankSet(size: number): RankSet {
  const levels: Int32Array[] = [];
  for (let words = size; words > 1 || levels.length === 0;) {
    words = Math.ceil(words / 32);
    levels.push(new Int32Array(words));
  }
  const highest = (word: number): number => 31 - Math.clz32(word);
  const lowest = (word: number): number => 31 - Math.clz32(word & -word);
  const descend = (level: number, at: number, pick: (word: number) => number): number => {
    for (let l = level - 1; l >= 0; l--) at = at * 32 + pick(levels[l]![at]!);
    return at;
  };
  return {
    add(rank) {
      for (const level of levels) {
        level[rank >> 5]! |= 1 << (rank & 31);
        rank >>= 5;
      }
    },
    remove(rank) {
      for (const level of levels) {
        level[rank >> 5]! &= ~(1 << (rank & 31));
        if (level[rank >> 5] !== 0) return;
        rank >>= 5;
      }
    },
    before(rank) {
      for (let l = 0; l < levels.length; l++) {
        const bits = levels[l]![rank >> 5]! & ((1 << (rank & 31)) - 1);
        if (bits !== 0) return descend(l, (rank >> 5) * 32 + highest(bits), highest);
        rank >>= 5;
      }
      return -1;
    },
    after(rank) {
      for (let l = 0; l < levels.length; l++) {
        const bits = levels[l]![rank >> 5]! & ~((2 << (rank & 31)) - 1);
        if ((rank & 31) < 31 && bits !== 0) return descend(l, (rank >> 5) * 32 + lowest(bits), lowest);
        rank >>= 5;
      }
      return -1;
    },
  };
}
