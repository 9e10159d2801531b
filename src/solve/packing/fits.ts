/** First fit and best fit in a given order: each buffer at the lowest, or tightest, gap among those alive with it. Quadratic. */
import type { PackingBuffer } from "./types.ts";

export interface FitProblem {
  readonly buffers: readonly PackingBuffer[];
  readonly from: Int32Array;
  readonly to: Int32Array;
}

/** Fills `offsets`; returns the height. Fixed buffers lie where they are fixed, whatever the order. */
export function fitPack(
  { buffers, from, to }: FitProblem,
  order: readonly number[],
  best: boolean,
  offsets: Float64Array,
): number {
  const placed: number[] = [];
  let height = 0;
  const put = (i: number, offset: number): void => {
    offsets[i] = offset;
    height = Math.max(height, offset + buffers[i]!.size);
    // Kept by offset, so that gaps are found in one sweep.
    let at = placed.length;
    while (at > 0 && offsets[placed[at - 1]!]! > offset) at--;
    placed.splice(at, 0, i);
  };
  for (const i of order) if (buffers[i]!.offset !== undefined) put(i, buffers[i]!.offset!);
  for (const i of order) {
    const { size, alignment = 1, offset: fixed } = buffers[i]!;
    if (fixed !== undefined) continue;
    let floor = 0;
    let chosen = -1;
    let slack = Infinity;
    for (const other of placed) {
      if (from[other]! >= to[i]! || to[other]! <= from[i]!) continue;
      const start = Math.ceil(floor / alignment) * alignment;
      const gap = offsets[other]! - start - size;
      if (gap >= 0 && gap < slack) {
        chosen = start;
        slack = gap;
        if (!best) break;
      }
      floor = Math.max(floor, offsets[other]! + buffers[other]!.size);
    }
    put(i, chosen >= 0 ? chosen : Math.ceil(floor / alignment) * alignment);
  }
  return height;
}
