/**
 * Scaled dot-product attention, one query row at a time: one row of scores and one row of the
 * result in scratch, whatever the sequence length. Attention of ONNX and Microsoft's variants
 * differ only in where their rows lie and in what is added to the scores.
 */
import type { TensorType } from "../ir/types.ts";
import { reader, writer } from "./access.ts";
import { rowAdd, rowDot } from "./rows.ts";
import type { Tensor } from "./types.ts";

/** The rows of every head in a tensor: element 0 of a row is at offset + b * batch + h * head + i * row. */
export interface HeadRows {
  readonly tensor: Tensor;
  readonly offset: number;
  readonly batch: number;
  readonly head: number;
  readonly row: number;
  /** Positions that it holds; keys and values may come in several pieces, one after the other. */
  readonly length: number;
  /** A bias that every row of head h has on top: element d at offset + h * size + d. */
  readonly added?: { readonly tensor: Tensor; readonly offset: number };
}

/** Rows of a 3-D tensor (batch, position, heads * size), or of a 4-D one (batch, head, position, size). */
export function headRows(tensor: Tensor, heads: number): HeadRows {
  const { shape } = tensor;
  if (shape.length === 4) {
    const [, count, length, size] = shape as [number, number, number, number];
    return { tensor, offset: 0, batch: count * length * size, head: length * size, row: size, length };
  }
  const [, length, hidden] = shape as [number, number, number];
  return { tensor, offset: 0, batch: length * hidden, head: heads === 0 ? 0 : hidden / heads, row: hidden, length };
}

/** One query row's place. */
export interface RowPlace {
  readonly batch: number;
  readonly head: number;
  readonly query: number;
}

export interface AttentionCall {
  readonly batches: number;
  readonly heads: number;
  /** Query heads that share one head of keys and values. */
  readonly group: number;
  readonly size: number;
  readonly valueSize: number;
  readonly query: HeadRows;
  readonly keys: readonly HeadRows[];
  readonly values: readonly HeadRows[];
  readonly output: HeadRows;
  readonly scale: number;
  /** 0 for none. */
  readonly softcap: number;
  /** Fills `bias` with what is added to the scores; -Infinity keeps a key out. */
  readonly bias: (place: RowPlace, bias: Float64Array) => void;
  /** Rounds scores before and weights after the softmax to its precision. */
  readonly round?: (x: number) => number;
  /** A score of this height takes part in every softmax without a value ("smooth softmax"). */
  readonly sink?: (head: number) => number;
  /** Sees the scores: as they come, capped, biased, and as weights. */
  readonly watch?: {
    readonly stage: "raw" | "capped" | "biased" | "weights";
    readonly put: (place: RowPlace, key: number, value: number) => void;
  };
}

/** Scratch of `attend`, in elements of float64. */
export const attendScratch = (size: number, valueSize: number, keys: number): TensorType => ({
  dtype: "float64",
  shape: [size + valueSize + 2 * keys],
});

const rowAt = (rows: HeadRows, batch: number, head: number, position: number): number =>
  rows.offset + batch * rows.batch + head * rows.head + position * rows.row;

const total = (pieces: readonly HeadRows[]): number => pieces.reduce((sum, piece) => sum + piece.length, 0);

/** Softmax of `row` in place; all zeros where every key is kept out. */
function softmaxRow(row: Float64Array, sink: number | undefined, round: (x: number) => number): void {
  let top = sink ?? -Infinity;
  for (const score of row) if (score > top || Number.isNaN(score)) top = score;
  if (top === -Infinity) {
    row.fill(0);
    return;
  }
  let sum = sink === undefined ? 0 : Math.exp(sink - top);
  for (let j = 0; j < row.length; j++) {
    const weight = Math.exp(row[j]! - top);
    row[j] = weight;
    sum += weight;
  }
  for (let j = 0; j < row.length; j++) row[j] = round(row[j]! / sum);
}

/** Fills the output (and what is watched). A query that may attend to no key gets zeros. */
export function attend(call: AttentionCall, scratch: Float64Array): void {
  const { size, valueSize, keys, values, watch } = call;
  const count = total(keys);
  const query = scratch.subarray(0, size);
  const result = scratch.subarray(size, size + valueSize);
  const scores = scratch.subarray(size + valueSize, size + valueSize + count);
  const bias = scratch.subarray(size + valueSize + count, size + valueSize + 2 * count);
  const readQuery = reader(call.query.tensor);
  const write = writer(call.output.tensor);
  const dots = keys.map(({ tensor }) => rowDot(tensor));
  const adds = values.map(({ tensor }) => rowAdd(tensor));
  const round = call.round ?? ((x: number): number => x);
  const biasDots = keys.map(({ added }) => added && rowDot(added.tensor));
  const biasAdds = values.map(({ added }) => added && rowAdd(added.tensor));
  const readQueryBias = call.query.added && reader(call.query.added.tensor);

  const scoreRow = (place: RowPlace, kvHead: number): void => {
    let j = 0;
    keys.forEach((piece, p) => {
      // The bias of the keys adds the same to every score of the piece.
      const shift = biasDots[p]?.(piece.added!.offset + kvHead * size, query, 0, size) ?? 0;
      for (let i = 0; i < piece.length; i++, j++) {
        const added = bias[j]!;
        // A key that is kept out needs no product, unless somebody wants to see it.
        if (added === -Infinity && watch === undefined) {
          scores[j] = -Infinity;
          continue;
        }
        const raw = call.scale * (shift + dots[p]!(rowAt(piece, place.batch, kvHead, i), query, 0, size));
        const capped = call.softcap === 0 ? raw : call.softcap * Math.tanh(raw / call.softcap);
        scores[j] = round(capped + added);
        if (watch?.stage === "raw") watch.put(place, j, raw);
        else if (watch?.stage === "capped") watch.put(place, j, capped);
        else if (watch?.stage === "biased") watch.put(place, j, capped + added);
        if (added === -Infinity) scores[j] = -Infinity;
      }
    });
  };

  for (let b = 0; b < call.batches; b++)
    for (let h = 0; h < call.heads; h++) {
      const kvHead = Math.floor(h / call.group);
      for (let i = 0; i < call.query.length; i++) {
        const place = { batch: b, head: h, query: i };
        const from = rowAt(call.query, b, h, i);
        for (let d = 0; d < size; d++)
          query[d] = readQuery(from + d) + (readQueryBias?.(call.query.added!.offset + h * size + d) ?? 0);
        bias.fill(0);
        call.bias(place, bias);
        scoreRow(place, kvHead);
        softmaxRow(scores, call.sink?.(h), round);
        if (watch?.stage === "weights") for (let j = 0; j < count; j++) watch.put(place, j, scores[j]!);
        result.fill(0);
        let j = 0;
        values.forEach((piece, p) => {
          let weight = 0;
          for (let k = 0; k < piece.length; k++, j++) {
            if (scores[j] === 0) continue;
            adds[p]!(rowAt(piece, b, kvHead, k), scores[j]!, result, 0, valueSize);
            weight += scores[j]!;
          }
          biasAdds[p]?.(piece.added!.offset + kvHead * valueSize, weight, result, 0, valueSize);
        });
        const to = rowAt(call.output, b, h, i);
        for (let d = 0; d < valueSize; d++) write(to + d, result[d]!);
      }
    }
}

/** Copies the rows of `pieces`, one after the other, to the first rows of `target`, rounded to its dtype. */
export function copyRows(
  pieces: readonly HeadRows[],
  size: number,
  batches: number,
  heads: number,
  target: HeadRows,
): void {
  const write = writer(target.tensor);
  const readers = pieces.map(({ tensor, added }) => ({
    read: reader(tensor),
    readAdded: added && reader(added.tensor),
  }));
  for (let b = 0; b < batches; b++)
    for (let h = 0; h < heads; h++) {
      let to = rowAt(target, b, h, 0);
      pieces.forEach((piece, p) => {
        const { read, readAdded } = readers[p]!;
        for (let i = 0; i < piece.length; i++, to += target.row) {
          const from = rowAt(piece, b, h, i);
          for (let d = 0; d < size; d++)
            write(to + d, read(from + d) + (readAdded?.(piece.added!.offset + h * size + d) ?? 0));
        }
      });
    }
}
