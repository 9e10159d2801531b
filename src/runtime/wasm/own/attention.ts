/**
 * Scaled dot-product attention: the scores of four queries at a time over the keys that any of them may
 * see, in the scratch of the reference kernel. A value that is not finite spoils the queries of its four.
 */
import { broadcastStrides, sizeOf } from "../../../kernels/access.ts";
import { attendScratch } from "../../../kernels/attention-core.ts";
import type { OwnFunctions } from "./index.ts";
import type { OwnSelector } from "./steps.ts";

const FLOAT = 4;
/** Queries at a time: as many rows of scores as the reference kernel's scratch holds. */
const QUERIES = 4;

/** The rows of every head at an address; distances in bytes. */
export interface Rows {
  readonly at: number;
  readonly batch: number;
  readonly head: number;
  readonly row: number;
  readonly length: number;
}

/** Rows of a 3-D tensor (batch, position, heads * size), or of a 4-D one (batch, head, position, size). */
export function rowsOf(shape: readonly number[], at: number, heads: number): Rows {
  if (shape.length === 4) {
    const [, count, length, size] = shape as [number, number, number, number];
    const row = FLOAT * size;
    return { at, batch: count * length * row, head: length * row, row, length };
  }
  const [, length, hidden] = shape as [number, number, number];
  return { at, batch: FLOAT * length * hidden, head: (FLOAT * hidden) / heads, row: FLOAT * hidden, length };
}

export interface Mask {
  /** Bytes of an element: 4 is added, 1 keeps. */
  readonly width: 4 | 1;
  /** Where the row of a query starts. */
  at(batch: number, head: number, query: number): number;
}

export interface Attend {
  readonly batches: number;
  readonly heads: number;
  /** Query heads that share one head of keys and values. */
  readonly group: number;
  readonly size: number;
  readonly valueSize: number;
  readonly query: Rows;
  readonly keys: readonly Rows[];
  readonly values: readonly Rows[];
  readonly output: Rows;
  readonly scale: number;
  /** 0 for none. */
  readonly softcap: number;
  /** Keys that a query may see: sets the first, and the end. */
  readonly range: (batch: number, query: number, range: Int32Array) => void;
  /** Applied in this order; the added ones up to a number a row, so not with a sink. */
  readonly masks?: readonly (Mask | undefined)[];
  readonly sink?: ((head: number) => number) | undefined;
  /** Address of `attendScratch`. */
  readonly scratch: number;
}

const rowAt = (rows: Rows, batch: number, head: number, position: number): number =>
  rows.at + batch * rows.batch + head * rows.head + position * rows.row;

/** A function that fills the output; a query that may see no key gets zeros. */
export function attend(functions: OwnFunctions, heap: ArrayBufferLike, call: Attend): () => void {
  const { size, valueSize, query, keys, values, output, scratch, scale, softcap } = call;
  const [scores, weights, cap] = [functions["scores"]!, functions["weights"]!, functions["softcap"]!];
  const [product, addProduct] = [functions["product"]!, functions["addProduct"]!];
  const masks = (call.masks ?? []).filter((mask) => mask !== undefined);
  const bases = keys.map((_, p) => keys.slice(0, p).reduce((sum, piece) => sum + piece.length, 0));
  const count = keys.reduce((sum, piece) => sum + piece.length, 0);
  const space = new Float32Array(heap, scratch, QUERIES * count);
  const starts = new Int32Array(QUERIES);
  const ends = new Int32Array(QUERIES);
  const range = new Int32Array(2);

  /** Weights of the queries from `i` of a head over the keys [low, high), a row each. */
  const weigh = (b: number, h: number, i: number, rows: number, low: number, high: number): void => {
    const kvHead = Math.floor(h / call.group);
    const width = high - low;
    for (let p = 0; p < keys.length; p++) {
      const piece = keys[p]!;
      const first = Math.max(low, bases[p]!);
      const end = Math.min(high, bases[p]! + piece.length);
      if (first >= end) continue;
      const from = rowAt(piece, b, kvHead, first - bases[p]!);
      const to = scratch + FLOAT * (first - low);
      const at = rowAt(query, b, h, i);
      scores(at, from, to, rows, end - first, FLOAT * size, query.row, piece.row, FLOAT * width, scale);
    }
    if (softcap !== 0) cap(scratch, FLOAT * rows * width, softcap);
    const sink = call.sink?.(h) ?? -Infinity;
    for (let r = 0; r < rows; r++) {
      const [start, end] = [starts[r]!, ends[r]!];
      const row = r * width - low;
      const at = scratch + FLOAT * (row + start);
      if (start > low) space.fill(0, r * width, row + start);
      if (end < high) space.fill(0, row + end, (r + 1) * width);
      if (start >= end) continue;
      for (const mask of masks)
        functions[mask.width === 1 ? "keep" : "addMask"]!(
          at,
          mask.at(b, h, i + r) + mask.width * start,
          FLOAT * (end - start),
        );
      weights(at, FLOAT * (end - start), sink);
    }
  };

  const gather = (b: number, h: number, i: number, rows: number, low: number, high: number): void => {
    const kvHead = Math.floor(h / call.group);
    const to = rowAt(output, b, h, i);
    const width = FLOAT * (high - low);
    let f = product;
    for (let p = 0; p < values.length; p++) {
      const piece = values[p]!;
      const first = Math.max(low, bases[p]!);
      const end = Math.min(high, bases[p]! + piece.length);
      if (first >= end) continue;
      const from = rowAt(piece, b, kvHead, first - bases[p]!);
      f(scratch + FLOAT * (first - low), from, to, rows, valueSize, end - first, width, FLOAT, piece.row, output.row);
      f = addProduct;
    }
    // No key at all: a product of no terms.
    if (f === product) f(scratch, scratch, to, rows, valueSize, 0, 0, 0, 0, output.row);
  };

  return () => {
    for (let b = 0; b < call.batches; b++)
      for (let i = 0; i < query.length; i += QUERIES) {
        const rows = Math.min(QUERIES, query.length - i);
        let low = count;
        let high = 0;
        for (let r = 0; r < rows; r++) {
          call.range(b, i + r, range);
          const isEmpty = range[0]! >= range[1]!;
          if (!isEmpty) low = Math.min(low, range[0]!);
          if (!isEmpty) high = Math.max(high, range[1]!);
          starts[r] = isEmpty ? -1 : range[0]!;
          ends[r] = isEmpty ? -1 : range[1]!;
        }
        if (low >= high) low = high = 0;
        for (let r = 0; r < rows; r++)
          if (starts[r] === -1) {
            starts[r] = high;
            ends[r] = high;
          }
        for (let h = 0; h < call.heads; h++) {
          weigh(b, h, i, rows, low, high);
          gather(b, h, i, rows, low, high);
        }
      }
  };
}

/** A function that copies the rows of `pieces`, one after the other, to the first rows of `target`. */
export function copyRows(
  heap: ArrayBufferLike,
  pieces: readonly Rows[],
  size: number,
  batches: number,
  heads: number,
  target: Rows,
): () => void {
  const bytes = new Uint8Array(heap);
  const row = FLOAT * size;
  return () => {
    for (let b = 0; b < batches; b++)
      for (let h = 0; h < heads; h++) {
        let to = rowAt(target, b, h, 0);
        for (const piece of pieces) {
          const isWhole = piece.row === row && target.row === row;
          const [runs, length] = isWhole ? [1, piece.length * row] : [piece.length, row];
          for (let i = 0; i < runs; i++, to += isWhole ? length : target.row) {
            const from = rowAt(piece, b, h, i);
            bytes.copyWithin(to, from, from + length);
          }
        }
      }
  };
}

/** Attention of ONNX. Operands: query, key, value, mask, past key, past value, lengths; results: y, present key and value. */
export const attention: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [q, k, v, mask, pastKey, pastValue, lengths] = inputs;
  const [y, presentKey, presentValue, seen] = outputs;
  if (!q || !k || !v || !y || seen) return undefined;
  const floats = [q, k, v, pastKey, pastValue, y, presentKey, presentValue];
  if (floats.some((tensor) => tensor && tensor.dtype !== "float32")) return undefined;
  if ([...inputs, ...outputs].some((tensor) => tensor && sizeOf(tensor.shape) === 0)) return undefined;
  if (mask && mask.dtype !== "float32" && mask.dtype !== "bool") return undefined;
  if (lengths && lengths.dtype !== "int64") return undefined;
  if (!["", "float32"].includes(String(attrs.get("precision") ?? ""))) return undefined;
  const [heads, kvHeads, size, valueSize, left, right] = ["heads", "kvHeads", "size", "valueSize", "left", "right"].map(
    (name) => Number(attrs.get(name)),
  ) as [number, number, number, number, number, number];
  const [batches, past] = [q.shape[0]!, pastKey ? pastKey.shape[2]! : 0];
  const lengthOf = ({ shape }: { readonly shape: readonly number[] }): number => shape.at(-2)!;
  const queries = lengthOf(q);
  const count = past + lengthOf(k);
  const masked = mask ? mask.shape.at(-1)! : count;
  // A mask of one column that stands for all.
  if (masked === 1 && count > 1 && attrs.get("repeatMask") === 1) return undefined;
  const isCausal = attrs.get("causal") === 1;
  return {
    scratch: [attendScratch(size, valueSize, count)],
    bind({ functions, heap, input, output, scratch }) {
      const pieces = (fresh: readonly number[], at: number, old: number): Rows[] => [
        ...(pastKey ? [rowsOf(inputs[old]!.shape, input(old), kvHeads)] : []),
        rowsOf(fresh, input(at), kvHeads),
      ];
      const [keys, values] = [pieces(k.shape, 1, 4), pieces(v.shape, 2, 5)];
      const readLength = lengths && new BigInt64Array(heap, input(6), batches);
      const width = mask?.dtype === "bool" ? 1 : 4;
      const [ofBatch, ofHead, ofQuery] = mask
        ? (broadcastStrides(mask.shape, [batches, heads, queries, masked]).map((stride) => width * stride) as [
            number,
            number,
            number,
          ])
        : [0, 0, 0];
      const maskAt = mask ? input(3) : 0;
      const run = attend(functions, heap, {
        batches,
        heads,
        group: heads / kvHeads,
        size,
        valueSize,
        query: rowsOf(q.shape, input(0), heads),
        keys,
        values,
        output: rowsOf(y.shape, output(0), heads),
        scale: Number(attrs.get("scale")),
        softcap: Number(attrs.get("softcap")),
        range(batch, i, range) {
          const valid = readLength ? Number(readLength[batch]!) : count;
          // Position of this query among the keys.
          const position = i + (pastKey || !readLength ? past : valid - queries);
          let end = Math.min(valid, masked, count);
          if (isCausal) end = Math.min(end, position + 1);
          if (right >= 0) end = Math.min(end, position + right + 1);
          range[0] = left >= 0 ? Math.max(0, position - left) : 0;
          range[1] = Math.max(0, end);
        },
        masks: mask ? [{ width, at: (b, h, i) => maskAt + b * ofBatch + h * ofHead + i * ofQuery }] : [],
        scratch: scratch(0),
      });
      const keep = [
        ...(presentKey
          ? [copyRows(heap, keys, size, batches, kvHeads, rowsOf(presentKey.shape, output(1), kvHeads))]
          : []),
        ...(presentValue
          ? [copyRows(heap, values, valueSize, batches, kvHeads, rowsOf(presentValue.shape, output(2), kvHeads))]
          : []),
      ];
      return () => {
        for (const copy of keep) copy();
        run();
      };
    },
  };
};
