/**
 * Checks a packing against its problem, and shares nothing with what makes packings. Sweeps time with
 * the live intervals of addresses in order: O(n log n) but for moving array elements. Quadratic where buffers
 * lie inside others.
 */
import type { PackingBuffer, PackingProblem } from "./types.ts";

interface Span {
  readonly buffer: number;
  readonly lower: number;
  readonly upper: number;
  readonly from: number;
  readonly to: number;
}

/** What is wrong first, in words; undefined where nothing is. `arenas`: of each buffer; the first where left out. */
export function faultOfPacking(
  { buffers, capacity = Infinity, arenas: memories = [{}] }: PackingProblem,
  offsets: readonly number[],
  arenas: readonly number[] = buffers.map(() => 0),
): string | undefined {
  if (offsets.length !== buffers.length || arenas.length !== buffers.length) return "not one offset a buffer";
  const spans: Span[][] = memories.map(() => []);
  const rootOf = (i: number): number => {
    const inside = buffers[i]!.inside;
    return inside === undefined ? i : rootOf(inside.buffer);
  };
  const nested = buffers.some((buffer) => buffer.inside !== undefined);
  for (let i = 0; i < buffers.length; i++) {
    const buffer = buffers[i]!;
    const offset = offsets[i]!;
    const arena = arenas[i]!;
    const memory = memories[arena];
    if (memory === undefined) return `buffer ${i} is in no arena: ${arena}`;
    if (buffer.arenas !== undefined && !buffer.arenas.includes(arena))
      return `buffer ${i} may not lie in arena ${arena}`;
    if (!Number.isSafeInteger(offset) || offset < 0) return `buffer ${i} has offset ${offset}`;
    if (offset % (buffer.alignment ?? 1) !== 0) return `buffer ${i} at ${offset} is not aligned`;
    if (buffer.offset !== undefined && buffer.offset !== offset) return `buffer ${i} is not where it is fixed`;
    if (buffer.inside !== undefined) {
      const { buffer: parent, distance } = buffer.inside;
      if (offsets[parent]! + distance !== offset || arenas[parent] !== arena)
        return `buffer ${i} does not lie ${distance} bytes inside buffer ${parent}`;
    }
    for (const span of spansOf(buffer, i, offset)) {
      if (span.to > Math.min(capacity, memory.capacity ?? Infinity)) return `buffer ${i} ends above the capacity`;
      for (const [from, to] of memory.forbidden ?? [])
        if (span.from < to && from < span.to) return `buffer ${i} lies in a forbidden region`;
      spans[arena]!.push(span);
    }
  }
  for (const own of spans) {
    const fault = nested ? pairwise(own, rootOf) : sweep(own);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Bytes that the buffer really needs over time. */
function spansOf({ lower, upper, size, gaps = [] }: PackingBuffer, buffer: number, offset: number): Span[] {
  const spans: Span[] = [];
  let at = lower;
  const add = (until: number, [from, to]: readonly [number, number]): void => {
    if (until > at && to > from) spans.push({ buffer, lower: at, upper: until, from: offset + from, to: offset + to });
    at = Math.max(at, until);
  };
  for (const gap of gaps) {
    add(gap.lower, [0, size]);
    add(gap.upper, gap.window ?? [0, 0]);
  }
  add(upper, [0, size]);
  return spans;
}

const overlap = (a: Span, b: Span): string => {
  const [i, j] = [a.buffer, b.buffer].sort((x, y) => x - y);
  return `buffers ${i} and ${j} share bytes`;
};

function pairwise(spans: readonly Span[], rootOf: (i: number) => number): string | undefined {
  for (let i = 0; i < spans.length; i++)
    for (let j = 0; j < i; j++) {
      const [a, b] = [spans[i]!, spans[j]!];
      if (a.lower < b.upper && b.lower < a.upper && a.from < b.to && b.from < a.to)
        if (rootOf(a.buffer) !== rootOf(b.buffer)) return overlap(a, b);
    }
  return undefined;
}

function sweep(spans: readonly Span[]): string | undefined {
  const starting = [...spans].sort((a, b) => a.lower - b.lower);
  const ending = [...spans].sort((a, b) => a.upper - b.upper);
  const live: Span[] = [];
  const placeOf = (from: number): number => {
    let low = 0;
    for (let high = live.length; low < high;) {
      const middle = (low + high) >> 1;
      if (live[middle]!.from < from) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  let ended = 0;
  for (const span of starting) {
    while (ended < ending.length && ending[ended]!.upper <= span.lower) live.splice(placeOf(ending[ended++]!.from), 1);
    const at = placeOf(span.from);
    const [below, above] = [live[at - 1], live[at]];
    if (below !== undefined && below.to > span.from) return overlap(below, span);
    if (above !== undefined && above.from < span.to) return overlap(above, span);
    live.splice(at, 0, span);
  }
  return undefined;
}
