/**
 * The plain form of a problem: boxes of time and space as columns of numbers, in units of what divides
 * every size, alignment and pin. Offsets of a packing pushed down as far as it goes are sums of sizes
 * rounded up to alignments, so nothing is lost by counting in such units.
 */
import { sectionsOf, type Sections } from "./sections.ts";
import type { PackingBuffer } from "./types.ts";

export interface Boxes {
  readonly count: number;
  /** Bytes a unit. */
  readonly unit: number;
  /** Index of each box in the problem. */
  readonly index: Int32Array;
  readonly sections: Sections;
  /** Units, rounded up to what all alignments share. */
  readonly size: Float64Array;
  /** Time alive. */
  readonly width: Float64Array;
  /** What rules beyond the plain ones there are; undefined in the plain case, which pays nothing for them. */
  readonly rules: BoxRules | undefined;
}

export interface BoxRules {
  /** Units; 1 where any offset will do. */
  readonly alignment: Float64Array;
  /** Fixed offset in units, or -1. */
  readonly pin: Float64Array;
  /** Bytes that rounding added to each size: the topmost buffer may stick out over the capacity by them. */
  readonly pad: Float64Array;
  /** Whether there are pins or alignments, so that what lies above something can't just be moved down by its size. */
  readonly rigid: boolean;
}

export const gcd = (a: number, b: number): number => {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
};

/** Boxes of the buffers at `index`, none of them empty; `units` false counts in bytes. */
export function boxesOf(buffers: readonly PackingBuffer[], index: Int32Array, units: boolean): Boxes {
  const n = index.length;
  const lower = new Float64Array(n);
  const upper = new Float64Array(n);
  const size = new Float64Array(n);
  let common = 0;
  let plain = true;
  for (let k = 0; k < n; k++) {
    const buffer = buffers[index[k]!]!;
    lower[k] = buffer.lower;
    upper[k] = buffer.upper;
    size[k] = buffer.size;
    if (buffer.offset !== undefined) plain = false;
    const alignment = buffer.alignment ?? 1;
    if (alignment !== 1) plain = false;
    if (common !== 1) common = gcd(alignment, common);
  }
  const width = new Float64Array(n);
  let unit = 0;
  if (plain) {
    for (let k = 0; k < n && unit !== 1; k++) unit = gcd(size[k]!, unit);
    if (!units || unit === 0) unit = 1;
    for (let k = 0; k < n; k++) {
      if (unit !== 1) size[k]! /= unit;
      width[k] = upper[k]! - lower[k]!;
    }
    return { count: n, unit, index, sections: sectionsOf(lower, upper), size, width, rules: undefined };
  }
  const alignment = new Float64Array(n).fill(1);
  const pin = new Float64Array(n).fill(-1);
  const pad = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    const buffer = buffers[index[k]!]!;
    alignment[k] = buffer.alignment ?? 1;
    if (buffer.offset !== undefined) pin[k] = buffer.offset;
    // Whatever lies above starts at a multiple of what all alignments share.
    pad[k] = (common - (buffer.size % common)) % common;
    size[k]! += pad[k]!;
  }
  for (let k = 0; k < n && unit !== 1; k++) {
    unit = gcd(size[k]!, unit);
    if (alignment[k]! > 1) unit = gcd(alignment[k]!, unit);
    if (pin[k]! > 0) unit = gcd(pin[k]!, unit);
  }
  if (!units || unit === 0) unit = 1;
  let rigid = false;
  let padded = false;
  for (let k = 0; k < n; k++) {
    size[k]! /= unit;
    width[k] = upper[k]! - lower[k]!;
    alignment[k] = alignment[k]! > 1 ? Math.max(1, alignment[k]! / unit) : 1;
    if (pin[k]! > 0) pin[k]! /= unit;
    if (pin[k]! >= 0 || alignment[k]! > 1) rigid = true;
    if (pad[k]! > 0) padded = true;
  }
  const rules = rigid || padded ? { alignment, pin, pad, rigid } : undefined;
  return { count: n, unit, index, sections: sectionsOf(lower, upper), size, width, rules };
}

/** The boxes at `part`, which share no time with the others. */
export function partOf(boxes: Boxes, part: Int32Array): Boxes {
  const { index, size, width, rules, sections } = boxes;
  const pick = (column: Float64Array): Float64Array => Float64Array.from(part, (k) => column[k]!);
  const lower = Float64Array.from(part, (k) => sections.from[k]!);
  const upper = Float64Array.from(part, (k) => sections.to[k]!);
  const own = sectionsOf(lower, upper);
  return {
    ...boxes,
    count: part.length,
    index: Int32Array.from(part, (k) => index[k]!),
    sections: { ...own, time: own.time.map((s) => sections.time[s]!) },
    size: pick(size),
    width: pick(width),
    rules:
      rules === undefined
        ? undefined
        : { alignment: pick(rules.alignment), pin: pick(rules.pin), pad: pick(rules.pad), rigid: rules.rigid },
  };
}
