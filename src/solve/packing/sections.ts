/**
 * Time compression: what matters of time is which buffers are alive together, so the maximal
 * cliques of the interval graph, in order, serve as time ("sections"); every buffer becomes a range
 * of sections. The heaviest section is the lower bound.
 */
import type { PackingBuffer } from "./types.ts";

export interface Sections {
  readonly count: number;
  /** First section of each buffer, and the one after its last. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Buffers by first section. */
  readonly byStart: Uint32Array;
  /** A time inside each section. */
  readonly time: Float64Array;
}

export function sectionsOf(buffers: readonly PackingBuffer[]): Sections {
  const n = buffers.length;
  const byStart = Uint32Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => buffers[a]!.lower - buffers[b]!.lower || a - b,
  );
  const byEnd = Uint32Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => buffers[a]!.upper - buffers[b]!.upper || a - b,
  );
  const from = new Int32Array(n);
  const to = new Int32Array(n);
  const time = new Float64Array(n);
  let section = 0;
  let started = 0;
  let open = false;
  for (const ending of byEnd) {
    const end = buffers[ending]!.upper;
    while (started < n && buffers[byStart[started]!]!.lower < end) {
      const starting = byStart[started++]!;
      from[starting] = section;
      time[section] = buffers[starting]!.lower;
      open = true;
    }
    // The set alive is maximal exactly when an end follows a start.
    if (open) {
      section++;
      open = false;
    }
    to[ending] = section;
  }
  return { count: section, from, to, byStart, time };
}

/** Bytes alive in each section. */
export function loads(sections: Sections, sizes: Float64Array): Float64Array {
  const change = new Float64Array(sections.count + 1);
  for (let i = 0; i < sizes.length; i++) {
    change[sections.from[i]!]! += sizes[i]!;
    change[sections.to[i]!]! -= sizes[i]!;
  }
  for (let s = 1; s < change.length; s++) change[s]! += change[s - 1]!;
  return change.subarray(0, sections.count);
}
