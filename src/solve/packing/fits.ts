/** First fit and best fit in a given order: each buffer at the lowest, or tightest, gap among those alive with it. Quadratic. */
import type { Boxes } from "./boxes.ts";

const NONE = new Int32Array(0);

/**
 * Fills `offsets` (units). Fixed buffers lie where they are fixed, whatever the order; so do those of `already`,
 * which are not in the order.
 */
export function fitPack(
  boxes: Boxes,
  order: ArrayLike<number>,
  best: boolean,
  offsets: Float64Array,
  already: Int32Array = NONE,
): void {
  const { count, size, rules } = boxes;
  const { from, to } = boxes.sections;
  // Kept by offset, so that gaps are found in one sweep.
  const placed = new Int32Array(count);
  let top = 0;
  const put = (i: number, offset: number): void => {
    offsets[i] = offset;
    let low = 0;
    for (let high = top; low < high;) {
      const middle = (low + high) >> 1;
      if (offsets[placed[middle]!]! <= offset) low = middle + 1;
      else high = middle;
    }
    placed.copyWithin(low + 1, low, top++);
    placed[low] = i;
  };
  for (const i of already) put(i, offsets[i]!);
  if (already.length === 0 && rules !== undefined)
    for (let i = 0; i < count; i++) if (rules.pin[i]! >= 0) put(i, rules.pin[i]!);
  for (let k = 0; k < order.length; k++) {
    const i = order[k]!;
    if (rules !== undefined && rules.pin[i]! >= 0) continue;
    const alignment = rules === undefined ? 1 : rules.alignment[i]!;
    const z = size[i]!;
    const first = from[i]!;
    const last = to[i]!;
    let start = 0;
    let chosen = -1;
    let slack = Infinity;
    for (let p = 0; p < top; p++) {
      const other = placed[p]!;
      if (from[other]! >= last || to[other]! <= first) continue;
      const at = offsets[other]!;
      const gap = at - start - z;
      if (gap >= 0 && gap < slack) {
        chosen = start;
        slack = gap;
        if (!best) break;
      }
      const above = at + size[other]!;
      if (above > start) start = alignment === 1 ? above : Math.ceil(above / alignment) * alignment;
    }
    put(i, chosen >= 0 ? chosen : start);
  }
}
