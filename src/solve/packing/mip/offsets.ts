/** Integer offsets from an order of the pairs: what a solver's floating-point addresses are never asked for. */
import type { PackingBuffer } from "../types.ts";
import type { Relation, Span } from "./relations.ts";

const alignUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;

/**
 * The least offsets that keep the order (`below[r]`: whether relation r puts i below j), alignments and
 * pins: longest paths. Undefined where the order has a cycle or a pin stands in the way.
 */
export function offsetsOf(
  buffers: readonly PackingBuffer[],
  relations: readonly Relation[],
  below: readonly boolean[],
): number[] | undefined {
  const offsets = buffers.map((buffer) => buffer.offset ?? 0);
  const raise = (k: number, least: number): boolean => {
    if (least <= offsets[k]!) return false;
    offsets[k] = alignUp(least, buffers[k]!.alignment ?? 1);
    return true;
  };
  // A path without a cycle has fewer edges than there are buffers.
  for (let round = 0; round <= buffers.length; round++) {
    let changed = false;
    relations.forEach(({ i, j, up, down }, r) => {
      if (below[r] === true) changed = raise(j, offsets[i]! + up) || changed;
      else changed = raise(i, offsets[j]! + down) || changed;
    });
    if (!changed) return offsets;
    if (buffers.some((buffer, k) => buffer.offset !== undefined && offsets[k] !== buffer.offset)) return undefined;
  }
  return undefined;
}

/** Highest byte in use. */
export const heightOf = (buffers: readonly PackingBuffer[], offsets: readonly number[]): number =>
  buffers.reduce((height, buffer, i) => Math.max(height, offsets[i]! + buffer.size), 0);

/** Whether the offsets are a packing: aligned, pinned, and no two buffers share a byte at one time. */
export function isPacking(
  buffers: readonly PackingBuffer[],
  spans: readonly (readonly Span[])[],
  offsets: readonly number[],
): boolean {
  const kept = buffers.every(
    ({ alignment = 1, offset }, i) =>
      Number.isSafeInteger(offsets[i]!) &&
      offsets[i]! >= 0 &&
      offsets[i]! % alignment === 0 &&
      (offset === undefined || offset === offsets[i]),
  );
  return (
    kept &&
    spans.every((own, i) =>
      spans
        .slice(0, i)
        .every((others, j) =>
          own.every((a) =>
            others.every(
              (b) =>
                a.lower >= b.upper ||
                b.lower >= a.upper ||
                offsets[i]! + a.from >= offsets[j]! + b.to ||
                offsets[j]! + b.from >= offsets[i]! + a.to,
            ),
          ),
        ),
    )
  );
}

/** First fit, pins first and then by size: a first incumbent, and the big-M of the program. */
export function firstFit(buffers: readonly PackingBuffer[], relations: readonly Relation[]): number[] | undefined {
  const near = buffers.map((): { other: number; above: number; under: number }[] => []);
  for (const { i, j, up, down } of relations) {
    near[i]!.push({ other: j, above: down, under: up });
    near[j]!.push({ other: i, above: up, under: down });
  }
  const offsets = buffers.map((buffer) => buffer.offset ?? -1);
  const fits = (k: number, at: number): boolean =>
    near[k]!.every(({ other, above, under }) => {
      const offset = offsets[other]!;
      return offset < 0 || at >= offset + above || offset >= at + under;
    });
  if (buffers.some((buffer, k) => buffer.offset !== undefined && !fits(k, buffer.offset))) return undefined;
  const order = buffers
    .map((_, k) => k)
    .filter((k) => buffers[k]!.offset === undefined)
    .sort((a, b) => buffers[b]!.size - buffers[a]!.size || a - b);
  for (const k of order) {
    const starts = near[k]!.flatMap(({ other, above }) => (offsets[other]! < 0 ? [] : [offsets[other]! + above]));
    offsets[k] = [0, ...starts]
      .map((start) => alignUp(Math.max(0, start), buffers[k]!.alignment ?? 1))
      .sort((a, b) => a - b)
      .find((start) => fits(k, start))!;
  }
  return offsets;
}
