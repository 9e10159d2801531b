/**
 * Attention, MultiHeadAttention and GroupQueryAttention of com.microsoft, as ONNX Runtime's CPU
 * kernels define them: keys that a padding mask leaves out get `maskFilter` added, keys that come
 * later than a causal query are left out altogether.
 */
import { badData } from "../errors.ts";
import { reader, writer } from "./access.ts";
import { attend, copyRows, headRows, type HeadRows, type RowPlace } from "./attention-core.ts";
import { maskAdder } from "./attention.ts";
import { matrixProduct } from "./matrix-product.ts";
import { rowRotation } from "./rotary-embedding.ts";
import type { AttrValue } from "../ir/types.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

type BiasRow = (place: RowPlace, bias: Float64Array) => void;

const num = (attrs: ReadonlyMap<string, AttrValue>, name: string): number => Number(attrs.get(name));

/** Lengths (batch), ends then starts (2 * batch), or ones and zeros (batch, key) or (batch, query, key). */
function paddingMask(mask: Tensor | null | undefined, batches: number, filter: number): BiasRow {
  if (!mask) return () => {};
  const read = reader(mask);
  const { shape } = mask;
  if (shape.length === 1)
    return ({ batch }, bias) => {
      const end = read(batch);
      const start = shape[0] === 2 * batches ? read(batches + batch) : 0;
      for (let j = 0; j < bias.length; j++) if (j >= end || j < start) bias[j] = bias[j]! + filter;
    };
  const rows = shape.length === 3 ? shape[1]! : 1;
  return ({ batch, query }, bias) => {
    const from = (batch * rows + (rows === 1 ? 0 : query)) * bias.length;
    for (let j = 0; j < bias.length; j++) if (read(from + j) <= 0) bias[j] = bias[j]! + filter;
  };
}

/** Keys after the query's own position are left out. */
const causalMask =
  (past: number): BiasRow =>
  ({ query }, bias) => {
    for (let j = past + query + 1; j < bias.length; j++) bias[j] = -Infinity;
  };

const both =
  (...rules: readonly BiasRow[]): BiasRow =>
  (place, bias) => {
    for (const rule of rules) rule(place, bias);
  };

/** Key half (0) or value half (1) of a state (2, batch, heads, length, size). */
function stateRows(state: Tensor, half: 0 | 1): HeadRows {
  const [, batches, heads, length, size] = state.shape as [number, number, number, number, number];
  const batch = heads * length * size;
  return { tensor: state, offset: half * batches * batch, batch, head: length * size, row: size, length };
}

/** Operands: input, weights, bias, mask, past, attention bias. Scratch: of the product, of attend, projections. */
const attention: Kernel = ({ inputs, outputs, attrs }) => {
  const [x, weights, projectionBias, mask, past, scoreBias] = inputs;
  const [y, present] = outputs;
  const [productSpace, attendSpace, projection] = outputs.slice(-3) as [Tensor, Tensor, Tensor];
  const [batches, positions, width] = x!.shape as [number, number, number];
  const [heads, size, valueSize] = [num(attrs, "heads"), num(attrs, "size"), num(attrs, "valueSize")];
  const columns = weights!.shape[1]!;
  const write = writer(projection);
  const readBias = projectionBias ? reader(projectionBias) : undefined;
  matrixProduct(
    batches * positions,
    columns,
    width,
    { tensor: x!, offset: 0, laneStride: width, depthStride: 1 },
    { tensor: weights!, offset: 0, laneStride: 1, depthStride: columns },
    { number: (i, j, sum) => write(i * columns + j, sum + (readBias?.(j) ?? 0)) },
    productSpace.data as Float64Array,
  );
  const part = (offset: number, headSize: number): HeadRows => ({
    tensor: projection,
    offset,
    batch: positions * columns,
    head: headSize,
    row: columns,
    length: positions,
  });
  const pastLength = past ? past.shape[3]! : 0;
  const keys = [...(past ? [stateRows(past, 0)] : []), part(heads * size, size)];
  const values = [...(past ? [stateRows(past, 1)] : []), part(2 * heads * size, valueSize)];
  if (present) {
    copyRows(keys, size, batches, heads, stateRows(present, 0));
    copyRows(values, valueSize, batches, heads, stateRows(present, 1));
  }
  attend(
    {
      batches,
      heads,
      group: 1,
      size,
      valueSize,
      query: part(0, size),
      keys,
      values,
      output: headRows(y!, heads),
      scale: num(attrs, "scale"),
      softcap: 0,
      bias: both(
        scoreBias ? maskAdder(scoreBias, [batches, heads, positions], false) : () => {},
        paddingMask(mask, batches, num(attrs, "maskFilter")),
        attrs.get("causal") === 1 ? causalMask(pastLength) : () => {},
      ),
    },
    attendSpace.data as Float64Array,
  );
};

/** Rows of a tensor that packs `parts` of query, key and value behind each other: (batch, position, heads, parts, size). */
function packedRows(tensor: Tensor, part: number): HeadRows {
  const [, length, heads, parts, size] = tensor.shape as [number, number, number, number, number];
  const row = heads * parts * size;
  return { tensor, offset: part * size, batch: length * row, head: parts * size, row, length };
}

const withBias = (rows: HeadRows, bias: Tensor | null | undefined, offset: number): HeadRows =>
  bias ? { ...rows, added: { tensor: bias, offset } } : rows;

/** Operands: query, key, value, bias, key padding mask, attention bias, past key, past value. */
const multiHeadAttention: Kernel = ({ inputs, outputs, attrs }) => {
  const [q, k, v, bias, mask, scoreBias, pastKey, pastValue] = inputs;
  const [y, presentKey, presentValue] = outputs;
  const [heads, size, valueSize] = [num(attrs, "heads"), num(attrs, "size"), num(attrs, "valueSize")];
  const batches = q!.shape[0]!;
  const query = withBias(q!.shape.length === 5 ? packedRows(q!, 0) : headRows(q!, heads), bias, 0);
  const newKeys =
    q!.shape.length === 5 ? packedRows(q!, 1) : k!.shape.length === 5 ? packedRows(k!, 0) : headRows(k!, heads);
  const newValues =
    q!.shape.length === 5 ? packedRows(q!, 2) : k!.shape.length === 5 ? packedRows(k!, 1) : headRows(v!, heads);
  const keys = [...(pastKey ? [headRows(pastKey, heads)] : []), withBias(newKeys, bias, heads * size)];
  const values = [...(pastValue ? [headRows(pastValue, heads)] : []), withBias(newValues, bias, 2 * heads * size)];
  if (presentKey) copyRows(keys, size, batches, heads, headRows(presentKey, heads));
  if (presentValue) copyRows(values, valueSize, batches, heads, headRows(presentValue, heads));
  attend(
    {
      batches,
      heads,
      group: 1,
      size,
      valueSize,
      query,
      keys,
      values,
      output: headRows(y!, heads),
      scale: num(attrs, "scale"),
      softcap: 0,
      bias: both(
        scoreBias ? maskAdder(scoreBias, [batches, heads, query.length], false) : () => {},
        paddingMask(mask, batches, num(attrs, "maskFilter")),
        attrs.get("causal") === 1 ? causalMask(pastKey ? pastKey.shape[2]! : 0) : () => {},
      ),
    },
    outputs.at(-1)!.data as Float64Array,
  );
};

/**
 * Operands: query (or query, key and value packed), key, value, past key, past value, last position
 * of each batch row, cos cache, sin cache, position ids, attention bias, head sink.
 * Scratch: of attend, and the rotated query.
 */
const groupQueryAttention: Kernel = ({ inputs, outputs, attrs }) => {
  const [q, k, v, pastKey, pastValue, lasts, cos, sin, ids, scoreBias, sinks] = inputs;
  const [y, presentKey, presentValue] = outputs as [Tensor, Tensor, Tensor];
  const [heads, kvHeads, size] = [num(attrs, "heads"), num(attrs, "kvHeads"), num(attrs, "size")];
  const [batches, positions] = q!.shape as [number, number];
  const capacity = presentKey.shape[2]!;
  const readLast = reader(lasts!);
  // The first prompt starts from an empty cache, whatever a padded row's own length is.
  const pastOf = (b: number): number => {
    const past = attrs.get("firstPrompt") === 1 ? 0 : readLast(b) + 1 - positions;
    if (past < 0 || past + positions > capacity || past > (pastKey?.shape[2] ?? 0))
      throw badData("GroupQueryAttention", `batch row ${b} has ${past} past positions`);
    return past;
  };
  const packed = (part: number): HeadRows => {
    const row = (heads + 2 * kvHeads) * size;
    return { tensor: q!, offset: part * size, batch: positions * row, head: size, row, length: positions };
  };
  const query = k ? headRows(q!, heads) : packed(0);
  const newKeys = k ? headRows(k, kvHeads) : packed(heads);
  const newValues = v ? headRows(v, kvHeads) : packed(heads + kvHeads);
  const [attendSpace, rotatedQuery] = outputs.slice(3) as [Tensor, Tensor | undefined];
  const readId = ids ? reader(ids) : undefined;

  /** Rotates rows of every batch and head by their positions; `first(b)` is where a batch row's rows go. */
  const rotate = (rows: HeadRows, count: number, target: HeadRows, first: (b: number) => number): void => {
    const turn = rowRotation(
      { cos: cos!, sin: sin!, rotated: 2 * cos!.shape[1]!, interleaved: attrs.get("interleaved") === 1 },
      rows.tensor,
    );
    const write = writer(target.tensor);
    for (let b = 0; b < batches; b++)
      for (let i = 0; i < positions; i++) {
        const angle = readId?.(b * positions + i) ?? pastOf(b) + i;
        if (angle < 0 || angle >= cos!.shape[0]!)
          throw badData("GroupQueryAttention", `position ${angle} is outside the caches' ${cos!.shape[0]} rows`);
        for (let h = 0; h < count; h++) {
          const to = target.offset + b * target.batch + h * target.head + (first(b) + i) * target.row;
          turn(rows.offset + b * rows.batch + h * rows.head + i * rows.row, angle, size, (d, value) =>
            write(to + d, value),
          );
        }
      }
  };

  const keep = (past: Tensor | null | undefined, fresh: HeadRows, present: Tensor): HeadRows => {
    const cache = headRows(present, kvHeads);
    const zero = writer(present);
    for (let i = 0; i < batches * kvHeads * capacity * size; i++) zero(i, 0);
    for (let b = 0; b < batches; b++) {
      const length = pastOf(b);
      const at = (rows: HeadRows, count: number): HeadRows => ({
        ...rows,
        offset: rows.offset + b * rows.batch,
        length: count,
      });
      copyRows(
        [...(past ? [at(headRows(past, kvHeads), length)] : []), at(fresh, positions)],
        size,
        1,
        kvHeads,
        at(cache, capacity),
      );
    }
    return cache;
  };
  const keys = keep(pastKey, newKeys, presentKey);
  const values = keep(pastValue, newValues, presentValue);
  let turned = query;
  if (rotatedQuery) {
    rotate(newKeys, kvHeads, keys, pastOf);
    turned = headRows(
      { dtype: rotatedQuery.dtype, shape: [batches, positions, heads * size], data: rotatedQuery.data },
      heads,
    );
    rotate(query, heads, turned, () => 0);
  }
  const window = num(attrs, "window");
  const addBias = scoreBias ? maskAdder(scoreBias, [batches, heads, positions], false) : undefined;
  const readSink = sinks ? reader(sinks) : attrs.get("smooth") === 1 ? (): number => 0 : undefined;
  attend(
    {
      batches,
      heads,
      group: heads / kvHeads,
      size,
      valueSize: size,
      query: turned,
      keys: [keys],
      values: [values],
      output: headRows(y, heads),
      scale: num(attrs, "scale"),
      softcap: num(attrs, "softcap"),
      bias(place, row) {
        addBias?.(place, row);
        const position = pastOf(place.batch) + place.query;
        for (let j = 0; j < row.length; j++)
          if (j > position || (window > 0 && j <= position - window)) row[j] = -Infinity;
      },
      ...(readSink && { sink: readSink }),
    },
    attendSpace.data as Float64Array,
  );
};

export const contribAttentionKernels: KernelTable = {
  ContribAttention: attention,
  GroupQueryAttention: groupQueryAttention,
  MultiHeadAttention: multiHeadAttention,
};
