/** Attention and MultiHeadAttention of com.microsoft, as the reference kernels define them. */
import { broadcastStrides, sizeOf } from "../../../kernels/access.ts";
import { attendScratch } from "../../../kernels/attention-core.ts";
import { productScratch } from "../../../kernels/matrix-product.ts";
import type { StepShape } from "../tfjs-kernels.ts";
import { attend, copyRows, rowsOf, type Mask, type Rows } from "./attention.ts";
import type { OwnSelector, StepPlaces } from "./steps.ts";

const FLOAT = 4;

type Type = StepShape["inputs"][number] | undefined;

const isFloat = (type: Type): boolean => !type || type.dtype === "float32";
const isEmpty = (type: Type): boolean => Boolean(type) && sizeOf(type!.shape) === 0;

/** What is added to scores, by operand; its rows are as long as there are keys. */
function biasMask(bias: Type, at: number, dims: readonly [number, number, number]): Mask | undefined {
  if (!bias) return undefined;
  const [ofBatch, ofHead, ofQuery] = broadcastStrides(bias.shape, [...dims, bias.shape.at(-1)!]) as [
    number,
    number,
    number,
  ];
  return { width: 4, at: (b, h, i) => at + FLOAT * (b * ofBatch + h * ofHead + i * ofQuery) };
}

/** A padding mask's operand as rows of floats that are added, for every batch row and, where it has them, query. */
interface Padding {
  readonly shape: readonly number[];
  bind(heap: ArrayBufferLike, mask: number, rows: number): { readonly mask: Mask; readonly fill: () => void };
}

function padding(mask: Type, batches: number, count: number, filter: number): Padding | undefined {
  if (!mask) return undefined;
  const { shape } = mask;
  const queries = shape.length === 3 ? shape[1]! : 1;
  return {
    shape: [batches, queries, count],
    bind(heap, at, to) {
      const read = new Int32Array(heap, at, sizeOf(shape));
      const rows = new Float32Array(heap, to, batches * queries * count);
      const isOut = (b: number, row: number, j: number): boolean =>
        shape.length === 1
          ? j >= read[b]! || (shape[0] === 2 * batches && j < read[batches + b]!)
          : read[row * count + j]! <= 0;
      return {
        mask: { width: 4, at: (b, _, i) => to + FLOAT * (b * queries + (queries === 1 ? 0 : i)) * count },
        fill() {
          for (let row = 0; row < batches * queries; row++)
            for (let j = 0; j < count; j++)
              rows[row * count + j] = isOut(Math.floor(row / queries), row, j) ? filter : 0;
        },
      };
    },
  };
}

/** Key half (0) or value half (1) of a state (2, batch, heads, length, size). */
function stateRows(shape: readonly number[], at: number, half: 0 | 1): Rows {
  const [, batches, ...rest] = shape as [number, number, number, number, number];
  return rowsOf([batches, ...rest], at + FLOAT * half * batches * sizeOf(rest), rest[0]);
}

const seen =
  (past: number, count: number, isCausal: boolean) =>
  (_: number, query: number, range: Int32Array): void => {
    range[0] = 0;
    range[1] = isCausal ? Math.min(count, past + query + 1) : count;
  };

const number = (attrs: StepShape["attrs"], name: string): number => Number(attrs.get(name));

/** Operands: input, weights, bias, mask, past, attention bias; results: y, present. */
export const packedAttention: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, weights, bias, mask, past, scoreBias] = inputs;
  const [y, present] = outputs;
  if (!x || !weights || !y || ![x, weights, bias, past, scoreBias, y, present].every(isFloat)) return undefined;
  if ((mask && mask.dtype !== "int32") || [...inputs, ...outputs].some(isEmpty)) return undefined;
  const [batches, positions, width] = x.shape as [number, number, number];
  const [heads, size, valueSize] = ["heads", "size", "valueSize"].map((name) => number(attrs, name)) as [
    number,
    number,
    number,
  ];
  const columns = weights.shape[1]!;
  const old = past ? past.shape[3]! : 0;
  const count = old + positions;
  const padded = padding(mask, batches, count, number(attrs, "maskFilter"));
  if (scoreBias && scoreBias.shape.at(-1) !== count) return undefined;
  const first = padded ? 1 : 0;
  return {
    scratch: [
      ...(padded ? [{ dtype: "float32", shape: padded.shape } as const] : []),
      productScratch(batches * positions, columns, width),
      attendScratch(size, valueSize, count),
      { dtype: "float32", shape: [batches, positions, columns] },
    ],
    bind({ functions, heap, input, output, scratch }) {
      const product = functions[bias ? "addProduct" : "product"]!;
      const projection = scratch(first + 2);
      const projected = new Float32Array(heap, projection, batches * positions * columns);
      const shift = bias && new Float32Array(heap, input(2), columns);
      const [from, by] = [input(0), input(1)];
      const part = (offset: number, headSize: number): Rows => ({
        at: projection + FLOAT * offset,
        batch: FLOAT * positions * columns,
        head: FLOAT * headSize,
        row: FLOAT * columns,
        length: positions,
      });
      const keys = [...(past ? [stateRows(past.shape, input(4), 0)] : []), part(heads * size, size)];
      const values = [...(past ? [stateRows(past.shape, input(4), 1)] : []), part(2 * heads * size, valueSize)];
      const filled = padded?.bind(heap, input(3), scratch(0));
      const run = attend(functions, heap, {
        batches,
        heads,
        group: 1,
        size,
        valueSize,
        query: part(0, size),
        keys,
        values,
        output: rowsOf(y.shape, output(0), heads),
        scale: number(attrs, "scale"),
        softcap: 0,
        range: seen(old, count, attrs.get("causal") === 1),
        masks: [biasMask(scoreBias, scoreBias ? input(5) : 0, [batches, heads, positions]), filled?.mask],
        scratch: scratch(first + 1),
      });
      const copies = present
        ? [
            copyRows(heap, keys, size, batches, heads, stateRows(present.shape, output(1), 0)),
            copyRows(heap, values, valueSize, batches, heads, stateRows(present.shape, output(1), 1)),
          ]
        : [];
      return () => {
        if (shift) for (let i = 0; i < batches * positions; i++) projected.set(shift, i * columns);
        product(
          from,
          by,
          projection,
          batches * positions,
          columns,
          width,
          FLOAT * width,
          FLOAT,
          FLOAT * columns,
          FLOAT * columns,
        );
        for (const copy of copies) copy();
        filled?.fill();
        run();
      };
    },
  };
};

/** Rows of an operand that packs `parts` of query, key and value behind each other: (batch, position, heads, parts, size). */
function packedRows(shape: readonly number[], at: number, part: number): Rows {
  const [, length, heads, parts, size] = shape as [number, number, number, number, number];
  const row = FLOAT * heads * parts * size;
  return { at: at + FLOAT * part * size, batch: length * row, head: FLOAT * parts * size, row, length };
}

/** Where query, new keys and new values stand, whichever of the three forms they come in. */
function operandsOf(
  inputs: StepShape["inputs"],
  heads: number,
  at: (i: number) => number,
): readonly [Rows, Rows, Rows] {
  const [q, k, v] = inputs;
  if (q!.shape.length === 5) return [0, 1, 2].map((part) => packedRows(q!.shape, at(0), part)) as [Rows, Rows, Rows];
  const query = rowsOf(q!.shape, at(0), heads);
  if (k!.shape.length === 5) return [query, packedRows(k!.shape, at(1), 0), packedRows(k!.shape, at(1), 1)];
  return [query, rowsOf(k!.shape, at(1), heads), rowsOf(v!.shape, at(2), heads)];
}

/** Rows with a bias of the heads on top, in scratch: a function that fills them, and where they are. */
function biased(
  { heap, functions, input }: StepPlaces,
  rows: Rows,
  size: number,
  batches: number,
  heads: number,
  offset: number,
  to: number,
): { readonly rows: Rows; readonly fill: () => void } {
  const target = rowsOf([batches, rows.length, heads * size], to, heads);
  const copy = copyRows(heap, [rows], size, batches, heads, target);
  const plus = functions["addRow"]!;
  const bias = input(3) + FLOAT * offset;
  return {
    rows: target,
    fill() {
      copy();
      for (let i = 0; i < batches * rows.length; i++) plus(to + i * target.row, bias, target.row);
    },
  };
}

/** Operands: query, key, value, bias, key padding mask, attention bias, past key, past value; results: y, present key and value. */
export const multiHeadAttention: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [q, k, , bias, mask, scoreBias, pastKey, pastValue] = inputs;
  const [y, presentKey, presentValue] = outputs;
  if (!q || !y || ![...inputs.filter((_, i) => i !== 4), ...outputs].every(isFloat)) return undefined;
  if ((mask && mask.dtype !== "int32") || [...inputs, ...outputs].some(isEmpty)) return undefined;
  const [heads, size, valueSize] = ["heads", "size", "valueSize"].map((name) => number(attrs, name)) as [
    number,
    number,
    number,
  ];
  const batches = q.shape[0]!;
  const [{ length: queries }, { length: fresh }] = operandsOf(inputs, heads, () => 0);
  const past = pastKey ? pastKey.shape[2]! : 0;
  const count = past + fresh;
  const padded = padding(mask, batches, count, number(attrs, "maskFilter"));
  if ((scoreBias && scoreBias.shape.at(-1) !== count) || (k === null && q.shape.length !== 5)) return undefined;
  const spaces = bias
    ? [
        [batches, queries, heads * size],
        [batches, fresh, heads * size],
        [batches, fresh, heads * valueSize],
      ]
    : [];
  return {
    scratch: [
      ...spaces.map((shape) => ({ dtype: "float32", shape }) as const),
      ...(padded ? [{ dtype: "float32", shape: padded.shape } as const] : []),
      attendScratch(size, valueSize, count),
    ],
    bind(places) {
      const { functions, heap, input, output, scratch } = places;
      const fills: (() => void)[] = [];
      const [query, newKeys, newValues] = operandsOf(inputs, heads, input).map((rows, i) => {
        if (!bias) return rows;
        const wide = i === 2 ? valueSize : size;
        const made = biased(places, rows, wide, batches, heads, i * heads * size, scratch(i));
        fills.push(made.fill);
        return made.rows;
      }) as [Rows, Rows, Rows];
      const keys = [...(pastKey ? [rowsOf(pastKey.shape, input(6), heads)] : []), newKeys];
      const values = [...(pastValue ? [rowsOf(pastValue.shape, input(7), heads)] : []), newValues];
      const filled = padded?.bind(heap, input(4), scratch(spaces.length));
      if (filled) fills.push(filled.fill);
      if (presentKey)
        fills.push(copyRows(heap, keys, size, batches, heads, rowsOf(presentKey.shape, output(1), heads)));
      if (presentValue)
        fills.push(copyRows(heap, values, valueSize, batches, heads, rowsOf(presentValue.shape, output(2), heads)));
      fills.push(
        attend(functions, heap, {
          batches,
          heads,
          group: 1,
          size,
          valueSize,
          query,
          keys,
          values,
          output: rowsOf(y.shape, output(0), heads),
          scale: number(attrs, "scale"),
          softcap: 0,
          range: seen(past, count, attrs.get("causal") === 1),
          masks: [biasMask(scoreBias, scoreBias ? input(5) : 0, [batches, heads, queries]), filled?.mask],
          scratch: scratch(spaces.length + (padded ? 1 : 0)),
        }),
      );
      return () => {
        for (const fill of fills) fill();
      };
    },
  };
};
