/** Fields of one line as bytes: no string is made where a number is wanted. */
import type { PackingGap } from "../solve/packing/types.ts";

const SPACE = 32;
const TAB = 9;
const PLUS = 43;
const MINUS = 45;
const ZERO = 48;

/** An integer in decimal digits; NaN where it is none, an infinity where it is no safe integer. */
export function integerAt(bytes: Uint8Array, from: number, to: number): number {
  while (from < to && (bytes[from] === SPACE || bytes[from] === TAB)) from++;
  while (to > from && (bytes[to - 1] === SPACE || bytes[to - 1] === TAB)) to--;
  const sign = bytes[from];
  if (from < to && (sign === MINUS || sign === PLUS)) from++;
  if (from === to) return NaN;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    // Past 2^53 sums are inexact but only grow, so the one check at the end is enough.
    value = value * 10 + digit;
  }
  if (value > Number.MAX_SAFE_INTEGER) return sign === MINUS ? -Infinity : Infinity;
  return sign === MINUS && value !== 0 ? -value : value;
}

/** Whether the field is 0 or digits without a leading zero, below 2^31. */
export function canonicalIndex(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  if (length === 0 || length > 10 || (bytes[from] === ZERO && length > 1)) return -1;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value < 2 ** 31 ? value : -1;
}

const GAP = /^([+-]?\d+)-([+-]?\d+)(?:@(\d+):(\d+))?$/;

/** Gaps as MiniMalloc writes them: `3-5 8-9@0:64`. A string says which gap is malformed. */
export function parseGaps(text: string, endsAdd: 0 | 1): readonly PackingGap[] | string {
  const gaps: PackingGap[] = [];
  for (const item of text.split(/[ \t]+/)) {
    if (item === "") continue;
    const match = GAP.exec(item);
    if (match === null) return item;
    const [lower, upper] = [Number(match[1]), Number(match[2]) + endsAdd];
    gaps.push(
      match[3] === undefined ? { lower, upper } : { lower, upper, window: [Number(match[3]), Number(match[4])] },
    );
  }
  return gaps;
}

/** `3-5 8-9@0:64`. */
export const printGaps = (gaps: readonly PackingGap[], endsAdd: 0 | 1): string =>
  gaps
    .map(({ lower, upper, window }) => {
      const times = `${lower}-${upper - endsAdd}`;
      return window === undefined ? times : `${times}@${window[0]}:${window[1]}`;
    })
    .join(" ");
