/** What every buffer of a file must keep, whatever the format. */
import { quote } from "../errors.ts";
import type { PackingBuffer } from "../solve/packing/types.ts";

/** What is wrong with the buffer, in one sentence; undefined where nothing is. */
export function faultOf(buffer: PackingBuffer): string | undefined {
  const { lower, upper, size, alignment = 1, offset, hint, gaps } = buffer;
  if (!Number.isSafeInteger(lower)) return overflow("lower", lower);
  if (!Number.isSafeInteger(upper)) return overflow("upper", upper);
  if (!Number.isSafeInteger(size)) return overflow("size", size);
  if (size < 0) return `the size is negative: ${size}`;
  if (upper < lower) return `the lifetime [${lower}, ${upper}) is inverted`;
  if (!Number.isSafeInteger(alignment)) return overflow("alignment", alignment);
  if (alignment < 1) return `the alignment must be 1 or more, it is ${alignment}`;
  if (offset !== undefined) {
    if (!Number.isSafeInteger(offset)) return overflow("offset", offset);
    if (offset < 0) return `the offset is negative: ${offset} (leave the field empty where the buffer is free)`;
    if (offset % alignment !== 0) return `the offset ${offset} is no multiple of the alignment ${alignment}`;
    if (!Number.isSafeInteger(offset + size)) return `offset + size passes 2^53 - 1: ${offset} + ${size}`;
  }
  if (hint !== undefined && !Number.isSafeInteger(hint)) return overflow("hint", hint);
  return gaps === undefined ? undefined : gapFault(buffer);
}

/** Offsets of stacked buffers are sums of sizes: they must stay exact. */
export const TOTAL_FAULT = "the sizes up to here add up to more than 2^53 - 1";

export function collisionFault(buffers: readonly PackingBuffer[], a: number, b: number): string {
  const name = (i: number): string => quote(buffers[i]!.id ?? String(i));
  const range = (i: number): string => {
    const { offset = 0, size } = buffers[i]!;
    return `[${offset}, ${offset + size})`;
  };
  return `buffer ${name(a)} is fixed at ${range(a)}, which collides with ${range(b)} of buffer ${name(b)}`;
}

const overflow = (name: string, value: number): string =>
  Number.isNaN(value) ? `${name} is no integer` : `${name} is no integer between -(2^53 - 1) and 2^53 - 1`;

function gapFault({ lower, upper, size, gaps = [] }: PackingBuffer): string | undefined {
  let last = lower;
  for (const gap of gaps) {
    const name = `the gap [${gap.lower}, ${gap.upper})`;
    if (!Number.isSafeInteger(gap.lower) || !Number.isSafeInteger(gap.upper)) return `${name} passes 2^53 - 1`;
    if (gap.upper < gap.lower) return `${name} is inverted`;
    if (gap.lower < lower || gap.upper > upper) return `${name} is outside of the lifetime [${lower}, ${upper})`;
    if (gap.lower < last) return `${name} overlaps the one before it, or gaps are out of order`;
    last = gap.upper;
    if (gap.window !== undefined) {
      const [from, to] = gap.window;
      if (!(from >= 0 && from <= to && to <= size))
        return `the window [${from}, ${to}) of ${name} is outside of the buffer's ${size} bytes`;
    }
  }
  return undefined;
}
