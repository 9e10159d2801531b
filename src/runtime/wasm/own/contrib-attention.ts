/** Attention, MultiHeadAttention and GroupQueryAttention of com.microsoft, as the reference kernels define them. */
import { badData } from "../../../errors.ts";
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

/**
 * Operands: query (or query, key and value packed), key, value, past key, past value, last position of each
 * batch row, cosines, sines, position ids, attention bias, head sink; results: y, present key and value.
 */
export const groupQueryAttention: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [q, k, v, pastKey, pastValue, lasts, cos, sin, ids, scoreBias, sinks] = inputs;
  const [y, presentKey, presentValue] = outputs;
  if (!q || !y || !presentKey || !presentValue || lasts?.dtype !== "int32" || scoreBias) return undefined;
  if (![q, k, v, pastKey, pastValue, cos, sin, sinks, y, presentKey, presentValue].every(isFloat)) return undefined;
  if ((ids && ids.dtype !== "int64") || [...inputs, ...outputs].some(isEmpty)) return undefined;
  const [heads, kvHeads, size] = ["heads", "kvHeads", "size"].map((name) => number(attrs, name)) as [
    number,
    number,
    number,
  ];
  const [batches, positions] = q.shape as [number, number];
  const capacity = presentKey.shape[2]!;
  const window = number(attrs, "window");
  const angles = cos ? FLOAT * cos.shape[1]! : 0;
  const turned = [batches, positions, heads * size];
  return {
    scratch: [attendScratch(size, size, capacity), ...(cos ? [{ dtype: "float32", shape: turned } as const] : [])],
    bind({ functions, heap, input, output, scratch }) {
      const turn = functions[attrs.get("interleaved") === 1 ? "rotatePairs" : "rotateHalves"]!;
      const last = new Int32Array(heap, input(5), batches);
      const id = ids && new BigInt64Array(heap, input(8), batches * positions);
      const sink = sinks && new Float32Array(heap, input(10), heads);
      const pastOf = (b: number): number => {
        const past = attrs.get("firstPrompt") === 1 ? 0 : last[b]! + 1 - positions;
        if (past < 0 || past + positions > capacity || past > (pastKey?.shape[2] ?? 0))
          throw badData("GroupQueryAttention", `batch row ${b} has ${past} past positions`);
        return past;
      };
      const packed = (part: number): Rows => {
        const row = FLOAT * (heads + 2 * kvHeads) * size;
        return {
          at: input(0) + FLOAT * part * size,
          batch: positions * row,
          head: FLOAT * size,
          row,
          length: positions,
        };
      };
      const query = k ? rowsOf(q.shape, input(0), heads) : packed(0);
      const newKeys = k ? rowsOf(k.shape, input(1), kvHeads) : packed(heads);
      const newValues = v ? rowsOf(v.shape, input(2), kvHeads) : packed(heads + kvHeads);
      const keys = rowsOf(presentKey.shape, output(1), kvHeads);
      const values = rowsOf(presentValue.shape, output(2), kvHeads);
      const asked = cos ? rowsOf(turned, scratch(1), heads) : query;
      const bytes = new Uint8Array(heap);
      const row = FLOAT * size;

      /** The past rows, the new ones after them, then zeros. */
      const keep = (past: Rows | undefined, fresh: Rows, present: Rows): void => {
        for (let b = 0; b < batches; b++)
          for (let h = 0; h < kvHeads; h++) {
            const length = pastOf(b) * row;
            const to = present.at + b * present.batch + h * present.head;
            if (past) {
              const from = past.at + b * past.batch + h * past.head;
              bytes.copyWithin(to, from, from + length);
            }
            for (let i = 0; i < positions; i++) {
              const from = fresh.at + b * fresh.batch + h * fresh.head + i * fresh.row;
              bytes.copyWithin(to + length + i * row, from, from + row);
            }
            bytes.fill(0, to + length + positions * row, to + present.head);
          }
      };
      const rotate = (rows: Rows, count: number, target: Rows, isPresent: boolean): void => {
        for (let b = 0; b < batches; b++)
          for (let i = 0; i < positions; i++) {
            const past = pastOf(b);
            const angle = id ? Number(id[b * positions + i]!) : past + i;
            if (angle < 0 || angle >= cos!.shape[0]!)
              throw badData("GroupQueryAttention", `position ${angle} is outside the caches' ${cos!.shape[0]} rows`);
            const from = rows.at + b * rows.batch + i * rows.row;
            const to = target.at + b * target.batch + (isPresent ? past + i : i) * target.row;
            const [c, s] = [input(6) + angle * angles, input(7) + angle * angles];
            turn(from, to, c, s, count, rows.head, target.head, angles, row);
          }
      };
      const run = attend(functions, heap, {
        batches,
        heads,
        group: heads / kvHeads,
        size,
        valueSize: size,
        query: asked,
        keys: [keys],
        values: [values],
        output: rowsOf(y.shape, output(0), heads),
        scale: number(attrs, "scale"),
        softcap: number(attrs, "softcap"),
        range(batch, i, range) {
          const position = pastOf(batch) + i;
          range[0] = window > 0 ? Math.max(0, position - window + 1) : 0;
          range[1] = Math.min(capacity, position + 1);
        },
        sink: sink ? (head) => sink[head]! : attrs.get("smooth") === 1 ? () => 0 : undefined,
        scratch: scratch(0),
      });
      const [oldKeys, oldValues] = [
        pastKey && rowsOf(pastKey.shape, input(3), kvHeads),
        pastValue && rowsOf(pastValue.shape, input(4), kvHeads),
      ];
      return () => {
        keep(oldKeys ?? undefined, newKeys, keys);
        keep(oldValues ?? undefined, newValues, values);
        if (cos) {
          rotate(newKeys, kvHeads, keys, true);
          rotate(query, heads, asked, false);
        }
        run();
      };
    },
  };
};
