/**
 * Time compression: what matters of time is which buffers are alive together, so the maximal
 * cliques of the interval graph, in order, serve as time ("sections"); every buffer becomes a range
 * of sections. The heaviest section is the lower bound.
 */
import { byKey } from "./order.ts";

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

/** Of lifetimes [lower, upper), none of them empty. */
export function sectionsOf(lower: Float64Array, upper: Float64Array): Sections {
  const n = lower.length;
  const byStart = byKey(lower);
  const byEnd = byKey(upper);
  const from = new Int32Array(n);
  const to = new Int32Array(n);
  const time = new Float64Array(n);
  let section = 0;
  let started = 0;
  let open = false;
  for (let k = 0; k < n; k++) {
    const ending = byEnd[k]!;
    const end = upper[ending]!;
    while (started < n && lower[byStart[started]!]! < end) {
      const starting = byStart[started++]!;
      from[starting] = section;
      time[section] = lower[starting]!;
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
export function loads({ count, from, to }: Sections, sizes: Float64Array): Float64Array {
  const change = new Float64Array(count + 1);
  for (let i = 0; i < sizes.length; i++) {
    change[from[i]!]! += sizes[i]!;
    change[to[i]!]! -= sizes[i]!;
  }
  for (let s = 1; s < change.length; s++) change[s]! += change[s - 1]!;
  return change.subarray(0, count);
}

/** Starts of the stretches of sections that no buffer joins, and the number of sections at the end. */
export function cutsOf({ count, from, to }: Sections): Int32Array {
  const joined = new Int32Array(count + 1);
  for (let i = 0; i < from.length; i++) {
    joined[from[i]! + 1]!++;
    joined[to[i]!]!--;
  }
  const cuts = [0];
  let crossing = 0;
  for (let s = 1; s < count; s++) {
    crossing += joined[s]!;
    if (crossing === 0) cuts.push(s);
  }
  if (count > 0) cuts.push(count);
  return Int32Array.from(cuts);
}
