/**
 * Peeling: a buffer that still finds a gap however badly its neighbours lie is left out until they are
 * packed. k neighbours leave k + 1 gaps below the capacity; where they can't all be too small, it fits.
 */
import type { Boxes } from "./boxes.ts";

export interface Peeled {
  /** Boxes to pack first. */
  readonly rest: Int32Array;
  /** Boxes to add afterwards, in this order, each at its first gap: none of them ends above `capacity`. */
  readonly later: readonly number[];
}

/** `capacity` in bytes: any height at or above it that the rest has will do. */
export function peel({ count, size, sections, rules, unit }: Boxes, capacity: number): Peeled {
  const { from, to } = sections;
  const room = Math.floor(capacity / unit);
  const gone = new Uint8Array(count);
  const later: number[] = [];
  for (let changed = true; changed;) {
    changed = false;
    const startSize = new Float64Array(sections.count + 1);
    const endSize = new Float64Array(sections.count + 1);
    const starts = new Int32Array(sections.count + 1);
    const ends = new Int32Array(sections.count + 1);
    for (let i = 0; i < count; i++) {
      if (gone[i] === 1) continue;
      startSize[from[i]!]! += size[i]!;
      endSize[to[i]!]! += size[i]!;
      starts[from[i]!]!++;
      ends[to[i]!]!++;
    }
    for (let s = 1; s <= sections.count; s++) {
      startSize[s]! += startSize[s - 1]!;
      endSize[s]! += endSize[s - 1]!;
      starts[s]! += starts[s - 1]!;
      ends[s]! += ends[s - 1]!;
    }
    for (let i = 0; i < count; i++) {
      if (gone[i] === 1 || (rules !== undefined && rules.pin[i]! >= 0)) continue;
      const taken = startSize[to[i]! - 1]! - endSize[from[i]!]! - size[i]!;
      const neighbours = starts[to[i]! - 1]! - ends[from[i]!]! - 1;
      const needed = size[i]! + (rules === undefined ? 1 : rules.alignment[i]!) - 1;
      // Sums of this round count neighbours that it peels already: on the safe side.
      if (room - taken < (neighbours + 1) * (needed - 1) + 1) continue;
      gone[i] = 1;
      later.push(i);
      changed = true;
    }
  }
  const rest = Int32Array.from({ length: count - later.length }, () => 0);
  for (let i = 0, k = 0; i < count; i++) if (gone[i] === 0) rest[k++] = i;
  return { rest, later: later.reverse() };
}
