/** Microsoft's MultiHeadAttention, and its Attention, which projects its input first. */
import { attendCall, rowsAt, type RowsAt } from "./attend.ts";
import { microsoftRules, num } from "./attention-rules.ts";
import { stateRows } from "./attention-state.ts";
import { projection } from "./projection.ts";
import type { OperandShape, Ref, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import { areFloats, greatestCommonDivisor, pointwise, unitRead, unitType } from "./units.ts";

/** Rows of a tensor that packs `parts` of query, key and value behind each other: (batch, position, heads, parts, size). */
function packedRows(input: number, type: OperandShape, part: number): RowsAt {
  const [, length, heads, parts, size] = type.shape as [number, number, number, number, number];
  const row = heads * parts * size;
  return { from: { input }, type, offset: part * size, batch: length * row, head: parts * size, row };
}

const withBias = (rows: RowsAt, bias: OperandShape | null | undefined, offset: number): RowsAt =>
  bias ? { ...rows, added: { from: { input: 3 }, type: bias, offset } } : rows;

/** Operands: query, key, value, bias, key padding mask, attention bias, past key, past value. */
const multiHeadAttention: WgslKernel = ({ inputs, outputs, attrs }) => {
  const [q, k, v, bias, mask, scoreBias, pastKey, pastValue] = inputs;
  const [y, presentKey, presentValue] = outputs;
  if (!q || !y || !areFloats(q, k, v, bias, y, scoreBias, pastKey, pastValue, presentKey, presentValue))
    return undefined;
  const [heads, size, valueSize] = [num(attrs, "heads"), num(attrs, "size"), num(attrs, "valueSize")];
  const [batches, queries] = q.shape as [number, number];
  const isPacked = q.shape.length === 5;
  const query = withBias(isPacked ? packedRows(0, q, 0) : rowsAt({ input: 0 }, q, heads), bias, 0);
  const pair = isPacked
    ? { key: packedRows(0, q, 1), value: packedRows(0, q, 2), length: queries }
    : k && k.shape.length === 5
      ? { key: packedRows(1, k, 0), value: packedRows(1, k, 1), length: k.shape[1]! }
      : k && v
        ? {
            key: rowsAt({ input: 1 }, k, heads),
            value: rowsAt({ input: 2 }, v, heads),
            length: k.shape.length === 4 ? k.shape[2]! : k.shape[1]!,
          }
        : undefined;
  if (pair === undefined) return undefined;
  const past = pastKey ? pastKey.shape[2]! : 0;
  const keys = past + pair.length;
  const temporaries: OperandShape[] = [];
  const keyState = { past: pastKey, pastInput: 6, present: presentKey, presentOutput: 1 };
  const valueState = { past: pastValue, pastInput: 7, present: presentValue, presentOutput: 2 };
  const label = "MultiHeadAttention";
  const keyRows = withBias(pair.key, bias, heads * size);
  const valueRows = withBias(pair.value, bias, 2 * heads * size);
  const key = stateRows(`${label}/keys`, keyRows, heads, size, pair.length, batches, keyState, temporaries);
  const value = stateRows(
    `${label}/values`,
    valueRows,
    heads,
    valueSize,
    pair.length,
    batches,
    valueState,
    temporaries,
  );
  const rules = microsoftRules(attrs, [5, scoreBias], [4, mask], [batches, heads, queries], keys, past);
  if (rules === undefined) return undefined;
  const made = attendCall(
    {
      label,
      writes: { output: 0 },
      output: rowsAt({ output: 0 }, y, heads),
      batches,
      kvHeads: heads,
      group: 1,
      queries,
      keys,
      size,
      valueSize,
      query,
      key: key.rows,
      value: value.rows,
      scale: num(attrs, "scale"),
      softcap: 0,
      ...rules,
      hasSink: false,
    },
    temporaries.length,
  );
  return (
    made && {
      temporaries: [...temporaries, ...made.temporaries],
      dispatches: [...key.dispatches, ...value.dispatches, ...made.dispatches],
    }
  );
};

/** Operands: input, weights, bias, mask, past, attention bias. Keys and values of the state lie in one tensor. */
const contribAttention: WgslKernel = ({ inputs, outputs, attrs }) => {
  const [x, weights, bias, mask, past, scoreBias] = inputs;
  const [y, state] = outputs;
  if (!x || !weights || !y || !areFloats(x, weights, bias, past, scoreBias, y, state)) return undefined;
  const [batches, positions, width] = x.shape as [number, number, number];
  const [heads, size, valueSize] = [num(attrs, "heads"), num(attrs, "size"), num(attrs, "valueSize")];
  const columns = weights.shape[1]!;
  const pastLength = past ? past.shape[3]! : 0;
  const keys = pastLength + positions;
  const label = "ContribAttention";
  const projected: OperandShape = { dtype: "float32", shape: [batches, positions, columns] };
  const temporaries: OperandShape[] = [projected];
  const dispatches: WgslDispatch[] = [
    projection(`${label}/projection`, { temporary: 0 }, x, weights, bias, [batches * positions, width, columns]),
  ];
  const part = (offset: number, own: number): RowsAt => ({
    from: { temporary: 0 },
    type: projected,
    offset,
    batch: positions * columns,
    head: own,
    row: columns,
  });
  let key = part(heads * size, size);
  let value = part(2 * heads * size, valueSize);
  if (past || state) {
    const type: OperandShape = state ?? { dtype: x.dtype, shape: [2, batches, heads, keys, size] };
    const [freshKey, freshValue] = [key, value];
    const write = (to: Ref, own: OperandShape): void =>
      void dispatches.push(stateOf(`${label}/state`, to, own, past, freshKey, freshValue));
    if (state) write({ output: 1 }, type);
    if (past) {
      // Scores are made of the projection before the state rounds it.
      const apart: OperandShape = { dtype: "float32", shape: type.shape };
      const isRead = state?.dtype === "float32";
      const from: Ref = isRead ? { output: 1 } : { temporary: temporaries.push(apart) - 1 };
      if (!isRead) write(from, apart);
      const half = batches * heads * keys * size;
      const rows = { from, type: apart, batch: heads * keys * size, head: keys * size, row: size };
      key = { ...rows, offset: 0 };
      value = { ...rows, offset: half };
    }
  }
  const rules = microsoftRules(attrs, [5, scoreBias], [3, mask], [batches, heads, positions], keys, pastLength);
  if (rules === undefined) return undefined;
  const made = attendCall(
    {
      label,
      writes: { output: 0 },
      output: rowsAt({ output: 0 }, y, heads),
      batches,
      kvHeads: heads,
      group: 1,
      queries: positions,
      keys,
      size,
      valueSize,
      query: part(0, size),
      key,
      value,
      scale: num(attrs, "scale"),
      softcap: 0,
      ...rules,
      hasSink: false,
    },
    temporaries.length,
  );
  return (
    made && { temporaries: [...temporaries, ...made.temporaries], dispatches: [...dispatches, ...made.dispatches] }
  );
};

/** The state (2, batch, heads, total, size) out of a past one and fresh keys and values. */
function stateOf(
  label: string,
  writes: Ref,
  type: OperandShape,
  past: OperandShape | null | undefined,
  key: RowsAt,
  value: RowsAt,
): WgslDispatch {
  const [, batches, heads, total, size] = type.shape as [number, number, number, number, number];
  const pastLength = past ? past.shape[3]! : 0;
  return pointwise({
    label,
    writes,
    type,
    divisor: greatestCommonDivisor(size, key.row),
    body(unit) {
      const at = (n: number): number => n / unit;
      const old = past
        ? `if (i < ${pastLength}) { return unit_past((((half * ${batches} + b) * ${heads} + h) * ${pastLength} + i) * ${at(size)} + d); }`
        : "";
      return {
        reads: [
          unitRead("fresh", key.from, key.type, unit),
          ...(past ? [unitRead("past", { input: 4 }, past, unit)] : []),
        ],
        code: `fn compute(u: i32) -> ${unitType(unit)} {
  let d = u % ${at(size)};
  let i = (u / ${at(size)}) % ${total};
  let h = (u / ${at(size * total)}) % ${heads};
  let b = (u / ${at(size * total * heads)}) % ${batches};
  let half = u / ${at(size * total * heads * batches)};
  ${old}
  return unit_fresh(select(${at(key.offset)}, ${at(value.offset)}, half == 1) + b * ${at(key.batch)} + h * ${at(size)} + (i - ${pastLength}) * ${at(key.row)} + d);
}`,
      };
    },
  });
}

export const multiHeadAttentionKernels: WgslTable = {
  ContribAttention: contribAttention,
  MultiHeadAttention: multiHeadAttention,
};
