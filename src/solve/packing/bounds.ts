/** Lower bounds of boxes, and heights that a packing can have at all. */
import type { Boxes } from "./boxes.ts";
import { loads } from "./sections.ts";
import type { PackingBound } from "./types.ts";

export interface Bound {
  /** Bytes. */
  readonly bytes: number;
  readonly by: PackingBound;
  readonly time: number;
}

/** Most bytes alive at one time, or the end of a fixed buffer above it. */
export function loadBound({ sections, size, unit, rules, count }: Boxes): Bound {
  const load = loads(sections, size);
  let bytes = 0;
  let time = sections.count > 0 ? sections.time[0]! : 0;
  let by: PackingBound = "load";
  // Sizes are rounded up but for the topmost one.
  const pad = rules === undefined ? undefined : largestPads(sections.from, sections.to, rules.pad, sections.count);
  for (let s = 0; s < sections.count; s++) {
    const here = load[s]! * unit - (pad === undefined ? 0 : pad[s]!);
    if (here > bytes) {
      bytes = here;
      time = sections.time[s]!;
    }
  }
  if (rules !== undefined)
    for (let i = 0; i < count; i++) {
      if (rules.pin[i]! < 0) continue;
      const end = (rules.pin[i]! + size[i]!) * unit - rules.pad[i]!;
      if (end > bytes) {
        bytes = end;
        by = "pin";
        time = sections.time[sections.from[i]!]!;
      }
    }
  return { bytes, by, time };
}

function largestPads(from: Int32Array, to: Int32Array, pad: Float64Array, count: number): Float64Array {
  const largest = new Float64Array(count);
  // The largest first; each section takes the first that covers it, found by skipping covered ones.
  const order = Uint32Array.from({ length: pad.length }, (_, i) => i).sort((a, b) => pad[b]! - pad[a]! || a - b);
  const next = Int32Array.from({ length: count + 1 }, (_, s) => s);
  const free = (s: number): number => {
    let root = s;
    while (next[root] !== root) root = next[root]!;
    while (next[s] !== root) [s, next[s]] = [next[s]!, root];
    return root;
  };
  for (const i of order)
    for (let s = free(from[i]!); s < to[i]!; s = free(s)) {
      largest[s] = pad[i]!;
      next[s] = s + 1;
    }
  return largest;
}

/** Bits of a table of sums that are still cheap, and sums times bits that are. */
const MOST_SUMS = 1 << 21;
const MOST_WORK = 2 ** 31;

/**
 * The least height at or above `bytes` that a packing pushed down can have: a sum of sizes or, with
 * alignments and pins, units less what rounding added to the topmost size. `below`: heights from there on
 * are of no interest; `sums` false, or large numbers, leave the sums out.
 */
export function reachableFrom(boxes: Boxes, below: number, sums: boolean): (bytes: number) => number {
  const { size, unit, rules, count } = boxes;
  if (rules !== undefined) {
    const pads = [...new Set(rules.pad)];
    return (bytes) =>
      pads.reduce((least, pad) => Math.min(least, Math.ceil((bytes + pad) / unit) * unit - pad), Infinity);
  }
  const units = Math.ceil(below / unit);
  if (!sums || !(units <= MOST_SUMS) || units * count > MOST_WORK) return (bytes) => Math.ceil(bytes / unit) * unit;
  const words = (units >> 5) + 1;
  const reached = new Int32Array(words);
  reached[0] = 1;
  for (let i = 0; i < count; i++) {
    const shift = size[i]!;
    if (shift > units) continue;
    const whole = shift >> 5;
    const bits = shift & 31;
    // Downwards, so that each size counts once.
    for (let w = words - 1; w >= whole; w--) {
      let moved = reached[w - whole]! << bits;
      if (bits > 0 && w > whole) moved |= reached[w - whole - 1]! >>> (32 - bits);
      reached[w]! |= moved;
    }
  }
  return (bytes) => {
    let sum = Math.ceil(bytes / unit);
    while (sum < units && ((reached[sum >> 5]! >>> (sum & 31)) & 1) === 0) sum++;
    return sum * unit;
  };
}

/** Highest byte of a packing. */
export function heightOf({ count, size, unit, rules }: Boxes, offsets: Float64Array): number {
  let height = 0;
  for (let i = 0; i < count; i++) {
    const end = (offsets[i]! + size[i]!) * unit - (rules === undefined ? 0 : rules.pad[i]!);
    if (end > height) height = end;
  }
  return height;
}
