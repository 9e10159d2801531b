/** Attention of ONNX (opsets 23 to 25) and Microsoft's MultiHeadAttention, GroupQueryAttention and Attention. */
import { broadcastStrides } from "../../../kernels/access.ts";
import type { DType } from "../../../ir/dtype.ts";
import type { AttrValue } from "../../../ir/types.ts";
import { attendCall, rowsAt, type Attend, type RowsAt } from "./attend.ts";
import { projection } from "./projection.ts";
import type { OperandShape, Ref, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import {
  areComputable,
  areFloats,
  elementRead,
  greatestCommonDivisor,
  isShaderFloat,
  literal,
  pointwise,
  unitRead,
  unitType,
  type UnitRead,
} from "./units.ts";

type Attrs = ReadonlyMap<string, AttrValue>;

const num = (attrs: Attrs, name: string): number => Number(attrs.get(name));

/** One rule about scores: bindings, functions, and the expressions that they give `isKept` and `biased`. */
interface Rule {
  readonly reads: readonly UnitRead[];
  readonly code: string;
  /** bool expressions of b, h, i, j that must all hold. */
  readonly kept: readonly string[];
  /** f32 expressions of b, h, i, j that are added. */
  readonly added: readonly string[];
}

const NO_RULE: Rule = { reads: [], code: "", kept: [], added: [] };

const joinRules = (rules: readonly Rule[]): Pick<Attend, "reads" | "code"> => {
  const kept = rules.flatMap((rule) => rule.kept);
  const added = rules.flatMap((rule) => rule.added);
  return {
    reads: rules.flatMap((rule) => rule.reads),
    code: `${rules.map((rule) => rule.code).join("\n")}
fn isKept(b: i32, h: i32, i: i32, j: i32) -> bool { return ${kept.map((test) => `(${test})`).join(" && ") || "true"}; }
fn biased(b: i32, h: i32, i: i32, j: i32, score: f32) -> f32 { return ${added.length === 0 ? "score" : `max(${["score", ...added].join(" + ")}, -3.4028234e38f)`}; }`,
  };
};

/** A mask that broadcasts to (batch, head, query, key); keys past its last dim are kept out, unless it repeats. */
function maskRule(input: number, mask: OperandShape, dims: readonly number[], repeats: boolean): Rule | undefined {
  if (!areComputable(mask)) return undefined;
  const length = mask.shape.at(-1)!;
  const strides = broadcastStrides(mask.shape, [...dims, length]);
  const isRepeated = repeats && length === 1;
  const names = ["b", "h", "i"];
  const terms = names.flatMap((name, d) => (strides[d] === 0 ? [] : [`${name} * ${strides[d]}`]));
  const at = [...terms, ...(isRepeated ? [] : ["j"])].join(" + ") || "0";
  const inside = isRepeated ? [] : [`j < ${length}`];
  const read = elementRead("mask", { input }, mask);
  if (mask.dtype === "bool") return { reads: [read], code: "", kept: [...inside, `load_mask(${at}) != 0u`], added: [] };
  const value = `f32(load_mask(${at}))`;
  // Minus infinity keeps a key out; seen on the bits, as compilers may take infinities for impossible.
  const finite = isShaderFloat(mask.dtype) ? [`bitcast<u32>(load_mask(${at})) != 0xff800000u`] : [];
  return { reads: [read], code: "", kept: [...inside, ...finite], added: [value] };
}

/** Lengths (batch), ends then starts (2 * batch), or ones and zeros (batch, key) or (batch, query, key). */
function paddingRule(
  input: number,
  mask: OperandShape,
  batches: number,
  keys: number,
  filter: number,
): Rule | undefined {
  if (mask.dtype !== "int32") return undefined;
  const { shape } = mask;
  const read: UnitRead = { read: { name: "padding", from: { input } }, code: "" };
  const rows = shape.length === 3 ? shape[1]! : 1;
  const test =
    shape.length === 1
      ? `j < padding[b]${shape[0] === 2 * batches ? ` && j >= padding[${batches} + b]` : ""}`
      : `padding[(b * ${rows}${rows === 1 ? "" : " + i"}) * ${keys} + j] > 0`;
  const value = Math.max(-3.4028234e38, Math.min(3.4028234e38, filter));
  return { reads: [read], code: "", kept: [], added: [`select(${literal(value)}, 0f, ${test})`] };
}

const present = (input: OperandShape | null | undefined): input is OperandShape =>
  input !== null && input !== undefined;

/** Past rows, then fresh ones, as (batch, head, position, size): a present state, or where keys come in two pieces. */
function concatenate(
  label: string,
  writes: Ref,
  type: OperandShape,
  past: { readonly from: Ref; readonly type: OperandShape; readonly offset: number } | undefined,
  fresh: RowsAt,
): WgslDispatch {
  const [, heads, total, size] = type.shape.slice(-4) as [number, number, number, number];
  const pastLength = past ? past.type.shape.at(-2)! : 0;
  return pointwise({
    label,
    writes,
    type,
    divisor: size,
    body(unit) {
      const at = (n: number): number => n / unit;
      const reads = [
        ...(past ? [unitRead("past", past.from, past.type, unit)] : []),
        unitRead("fresh", fresh.from, fresh.type, unit),
        ...(fresh.added ? [unitRead("added", fresh.added.from, fresh.added.type, unit)] : []),
      ];
      const added = fresh.added ? ` + unit_added(${at(fresh.added.offset)} + h * ${at(size)} + d)` : "";
      const old = past
        ? `if (i < ${pastLength}) { return unit_past(${at(past.offset)} + ((b * ${heads} + h) * ${pastLength} + i) * ${at(size)} + d); }`
        : "";
      return {
        reads,
        code: `fn compute(u: i32) -> ${unitType(unit)} {
  let d = u % ${at(size)};
  let i = (u / ${at(size)}) % ${total};
  let h = (u / ${at(size * total)}) % ${heads};
  let b = u / ${at(size * total * heads)};
  ${old}
  return unit_fresh(${at(fresh.offset)} + b * ${at(fresh.batch)} + h * ${at(fresh.head)} + (i - ${pastLength}) * ${at(fresh.row)} + d)${added};
}`,
      };
    },
  });
}

interface State {
  readonly past: OperandShape | null | undefined;
  readonly pastInput: number;
  readonly present: OperandShape | null | undefined;
  readonly presentOutput: number;
}

/** Where an attention reads its keys (or values), and what has to be written first. */
function stateRows(
  label: string,
  fresh: RowsAt,
  heads: number,
  size: number,
  length: number,
  batches: number,
  state: State,
  temporaries: OperandShape[],
): { readonly rows: RowsAt; readonly dispatches: readonly WgslDispatch[] } {
  if (!state.past && !state.present) return { rows: fresh, dispatches: [] };
  const total = length + (state.past ? state.past.shape[2]! : 0);
  const type: OperandShape = state.present ?? { dtype: fresh.type.dtype, shape: [batches, heads, total, size] };
  const past = state.past ? { from: { input: state.pastInput }, type: state.past, offset: 0 } : undefined;
  const dispatches: WgslDispatch[] = [];
  const write = (writes: Ref, own: OperandShape): RowsAt => {
    dispatches.push(concatenate(label, writes, own, past, fresh));
    return rowsAt(writes, own, heads);
  };
  const written = state.present ? write({ output: state.presentOutput }, state.present) : undefined;
  // Without a past the fresh rows are just as good to read, and need no waiting.
  if (!state.past) return { rows: fresh, dispatches };
  // A sum with a bias is rounded in the state; scores are made of the unrounded one.
  const exact: DType = fresh.added ? "float32" : type.dtype;
  if (written && exact === type.dtype) return { rows: written, dispatches };
  const apart: OperandShape = { dtype: exact, shape: type.shape };
  return { rows: write({ temporary: temporaries.push(apart) - 1 }, apart), dispatches };
}

const attention: WgslKernel = ({ inputs, outputs, attrs }) => {
  const [q, k, v, mask, pastKey, pastValue, lengths] = inputs;
  const [y, presentKey, presentValue, weights] = outputs;
  if (!q || !k || !v || !y || weights || !areFloats(q, k, v, y, pastKey, pastValue, presentKey, presentValue))
    return undefined;
  if (String(attrs.get("precision") ?? "") !== "") return undefined;
  if (lengths && lengths.dtype !== "int64" && lengths.dtype !== "int32") return undefined;
  const [heads, kvHeads] = [num(attrs, "heads"), num(attrs, "kvHeads")];
  const [size, valueSize] = [num(attrs, "size"), num(attrs, "valueSize")];
  const batches = q.shape[0]!;
  const queries = q.shape.length === 4 ? q.shape[2]! : q.shape[1]!;
  const fresh = k.shape.length === 4 ? k.shape[2]! : k.shape[1]!;
  const past = pastKey ? pastKey.shape[2]! : 0;
  const keys = past + fresh;
  const temporaries: OperandShape[] = [];
  const rows = (x: OperandShape, input: number): RowsAt => rowsAt({ input }, x, kvHeads);
  const keyState = { past: pastKey, pastInput: 4, present: presentKey, presentOutput: 1 };
  const valueState = { past: pastValue, pastInput: 5, present: presentValue, presentOutput: 2 };
  const key = stateRows("Attention/keys", rows(k, 1), kvHeads, size, fresh, batches, keyState, temporaries);
  const value = stateRows("Attention/values", rows(v, 2), kvHeads, valueSize, fresh, batches, valueState, temporaries);

  const masked = mask ? maskRule(3, mask, [batches, heads, queries], attrs.get("repeatMask") === 1) : NO_RULE;
  if (masked === undefined) return undefined;
  const isCausal = attrs.get("causal") === 1;
  const [left, right] = [num(attrs, "left"), num(attrs, "right")];
  const valid = lengths ? `lengths[b${lengths.dtype === "int64" ? " * 2" : ""}]` : `${keys}`;
  const position = pastKey || !lengths ? `i + ${past}` : `i + validOf(b) - ${queries}`;
  const kept = [
    ...(lengths ? ["j < validOf(b)"] : []),
    ...(isCausal ? ["j <= positionOf(b, i)"] : []),
    ...(left >= 0 ? [`j >= positionOf(b, i) - ${left}`] : []),
    ...(right >= 0 ? [`j <= positionOf(b, i) + ${right}`] : []),
  ];
  const ends = [
    ...(lengths ? ["validOf(b)"] : []),
    ...(isCausal ? ["positionOf(b, i) + 1"] : []),
    ...(right >= 0 ? [`positionOf(b, i) + ${right + 1}`] : []),
  ];
  const places: Rule = {
    reads: lengths ? [{ read: { name: "lengths", from: { input: 6 } }, code: "" }] : [],
    code: `fn validOf(b: i32) -> i32 { return ${valid}; }
fn positionOf(b: i32, i: i32) -> i32 { return ${position}; }
${ends.length > 0 ? `fn keyEnd(b: i32, i: i32) -> i32 { return ${ends.reduce((a, c) => `min(${a}, ${c})`)}; }` : ""}`,
    kept,
    added: [],
  };
  const made = attendCall(
    {
      label: "Attention",
      writes: { output: 0 },
      output: rowsAt({ output: 0 }, y, heads),
      batches,
      kvHeads,
      group: heads / kvHeads,
      queries,
      keys,
      size,
      valueSize,
      query: rowsAt({ input: 0 }, q, heads),
      key: key.rows,
      value: value.rows,
      scale: num(attrs, "scale"),
      softcap: num(attrs, "softcap"),
      // The cheap tests come first.
      ...joinRules([places, masked]),
      isBounded: ends.length > 0,
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

/** Rows of a tensor that packs `parts` of query, key and value behind each other: (batch, position, heads, parts, size). */
function packedRows(input: number, type: OperandShape, part: number): RowsAt {
  const [, length, heads, parts, size] = type.shape as [number, number, number, number, number];
  const row = heads * parts * size;
  return { from: { input }, type, offset: part * size, batch: length * row, head: parts * size, row };
}

const withBias = (rows: RowsAt, bias: OperandShape | null | undefined, offset: number): RowsAt =>
  bias ? { ...rows, added: { from: { input: 3 }, type: bias, offset } } : rows;

/** Rules of Microsoft's: an attention bias, a padding mask, causal order. */
function microsoftRules(
  attrs: Attrs,
  scoreBias: readonly [number, OperandShape | null | undefined],
  padding: readonly [number, OperandShape | null | undefined],
  dims: readonly [number, number, number],
  keys: number,
  past: number,
): Pick<Attend, "reads" | "code" | "isBounded"> | undefined {
  const isCausal = attrs.get("causal") === 1;
  const biasRule = scoreBias[1] ? maskRule(scoreBias[0], scoreBias[1], dims, false) : NO_RULE;
  const padRule = padding[1] ? paddingRule(padding[0], padding[1], dims[0], keys, num(attrs, "maskFilter")) : NO_RULE;
  if (!biasRule || !padRule) return undefined;
  const causal: Rule = isCausal
    ? {
        reads: [],
        code: `fn keyEnd(b: i32, i: i32) -> i32 { return ${past} + i + 1; }`,
        kept: [`j <= ${past} + i`],
        added: [],
      }
    : NO_RULE;
  return { ...joinRules([causal, biasRule, padRule]), isBounded: isCausal };
}

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

/** Element d of a row that may be turned: `rotated(...)` in code over elements. */
interface Turn {
  readonly rotated: number;
  readonly interleaved: boolean;
}

const indexCode = (name: string, type: OperandShape): string =>
  `fn ${name}_at(i: i32) -> i32 { return ${name}[i${type.dtype === "int64" ? " * 2" : ""}]; }`;

/**
 * `fn turned(start: i32, d: i32, angle: i32) -> f32`: element d of the row of `fresh` at `start`, rotated by
 * row `angle` of the caches (Su et al., "RoFormer", 2021).
 */
export function turnCode({ rotated, interleaved }: Turn, operand: string): string {
  const half = rotated / 2;
  const [pair, isSecond, partner] = interleaved
    ? ["d / 2", "d % 2 == 1", "select(d + 1, d - 1, second)"]
    : [`d % ${half}`, `d >= ${half}`, `select(d + ${half}, d - ${half}, second)`];
  return `fn turned(start: i32, d: i32, angle: i32) -> f32 {
  let x = load_${operand}(start + d);
  if (d >= ${rotated}) { return x; }
  let second = ${isSecond};
  let at = angle * ${half} + ${pair};
  let other = load_${operand}(start + ${partner});
  return load_cos(at) * x + select(-1f, 1f, second) * load_sin(at) * other;
}`;
}

const groupQueryAttention: WgslKernel = ({ inputs, outputs, attrs }) => {
  const [q, k, v, pastKey, pastValue, lasts, cos, sin, ids, scoreBias, sinks] = inputs;
  const [y, presentKey, presentValue] = outputs;
  if (!q || !lasts || !y || !presentKey || !presentValue || lasts.dtype !== "int32") return undefined;
  if (!areFloats(q, k, v, pastKey, pastValue, cos, sin, scoreBias, sinks, y, presentKey, presentValue))
    return undefined;
  if (ids && ids.dtype !== "int64" && ids.dtype !== "int32") return undefined;
  const [heads, kvHeads, size] = [num(attrs, "heads"), num(attrs, "kvHeads"), num(attrs, "size")];
  const [batches, positions] = q.shape as [number, number];
  const capacity = presentKey.shape[2]!;
  const turns = cos && sin ? { rotated: 2 * cos.shape[1]!, interleaved: attrs.get("interleaved") === 1 } : undefined;
  if (turns && turns.rotated === 0) return undefined;
  const packed = (part: number): RowsAt => {
    const row = (heads + 2 * kvHeads) * size;
    return { from: { input: 0 }, type: q, offset: part * size, batch: positions * row, head: size, row };
  };
  const query = k ? rowsAt({ input: 0 }, q, heads) : packed(0);
  const newKeys = k ? rowsAt({ input: 1 }, k, kvHeads) : packed(heads);
  const newValues = v ? rowsAt({ input: 2 }, v, kvHeads) : packed(heads + kvHeads);
  const isFirst = attrs.get("firstPrompt") === 1;
  const lastsRead: UnitRead = { read: { name: "lasts", from: { input: 5 } }, code: "" };
  const pastCode = `fn pastOf(b: i32) -> i32 { return ${isFirst ? "0" : `lasts[b] + 1 - ${positions}`}; }`;
  const needsLasts = isFirst ? [] : [lastsRead];
  const label = "GroupQueryAttention";
  const angle = ids ? `ids_at(b * ${positions} + i)` : "pastOf(b) + i";
  const turnReads = turns
    ? [
        elementRead("cos", { input: 6 }, cos!),
        elementRead("sin", { input: 7 }, sin!),
        ...(ids ? [{ read: { name: "ids", from: { input: 8 } }, code: indexCode("ids", ids) }] : []),
      ]
    : [];

  /** A cache: the past where it is, fresh rows behind it, zeros in the rest. */
  const cache = (
    name: string,
    output: number,
    type: OperandShape,
    pastInput: number,
    past: OperandShape | null | undefined,
    fresh: RowsAt,
    turn: Turn | undefined,
  ): WgslDispatch => {
    const pastCapacity = past ? past.shape[2]! : 0;
    return pointwise({
      label: `${label}/${name}`,
      writes: { output },
      type,
      // Rotation goes by elements.
      divisor: turn ? 1 : size,
      body(unit) {
        const at = (n: number): number => n / unit;
        const row = `${at(fresh.offset)} + b * ${at(fresh.batch)} + h * ${at(fresh.head)} + i * ${at(fresh.row)}`;
        const isPast = past && !isFirst;
        return {
          reads: [
            turn ? elementRead("fresh", fresh.from, fresh.type) : unitRead("fresh", fresh.from, fresh.type, unit),
            ...(isPast ? [unitRead("past", { input: pastInput }, past, unit)] : []),
            ...needsLasts,
            ...(turn ? turnReads : []),
          ],
          code: `${pastCode}
${turn ? turnCode(turn, "fresh") : ""}
fn compute(u: i32) -> ${unitType(unit)} {
  let d = u % ${at(size)};
  let place = (u / ${at(size)}) % ${capacity};
  let h = (u / ${at(size * capacity)}) % ${kvHeads};
  let b = u / ${at(size * capacity * kvHeads)};
  let length = pastOf(b);
  if (place < length) { return ${isPast ? `unit_past(((b * ${kvHeads} + h) * ${pastCapacity} + place) * ${at(size)} + d)` : `${unitType(unit)}()`}; }
  let i = place - length;
  if (i >= ${positions}) { return ${unitType(unit)}(); }
  return ${turn ? `turned(${row}, d, ${angle})` : `unit_fresh(${row} + d)`};
}`,
        };
      },
    });
  };
  const temporaries: OperandShape[] = [];
  const dispatches = [
    cache("keys", 1, presentKey, 3, pastKey, newKeys, turns),
    cache("values", 2, presentValue, 4, pastValue, newValues, undefined),
  ];
  let turned = query;
  if (turns) {
    const type: OperandShape = { dtype: q.dtype, shape: [batches, positions, heads * size] };
    const to: Ref = { temporary: temporaries.push(type) - 1 };
    dispatches.push(
      pointwise({
        label: `${label}/query`,
        writes: to,
        type,
        divisor: 1,
        body: () => ({
          reads: [elementRead("fresh", query.from, query.type), ...(ids ? [] : needsLasts), ...turnReads],
          code: `${ids ? "" : pastCode}
${turnCode(turns, "fresh")}
fn compute(u: i32) -> f32 {
  let d = u % ${size};
  let h = (u / ${size}) % ${heads};
  let i = (u / ${size * heads}) % ${positions};
  let b = u / ${size * heads * positions};
  return turned(${query.offset} + b * ${query.batch} + h * ${query.head} + i * ${query.row}, d, ${angle});
}`,
        }),
      }),
    );
    turned = rowsAt(to, type, heads);
  }
  const window = num(attrs, "window");
  const masked = scoreBias ? maskRule(9, scoreBias, [batches, heads, positions], false) : NO_RULE;
  if (masked === undefined) return undefined;
  const hasSink = sinks !== null && sinks !== undefined;
  const sinkRead = hasSink ? [elementRead("sinks", { input: 10 }, sinks)] : [];
  const places: Rule = {
    reads: [...needsLasts, ...sinkRead],
    code: `${pastCode}
fn sink(h: i32) -> f32 { return ${hasSink ? "load_sinks(h)" : "0f"}; }
fn keyEnd(b: i32, i: i32) -> i32 { return pastOf(b) + i + 1; }`,
    kept: ["j <= pastOf(b) + i", ...(window > 0 ? [`j > pastOf(b) + i - ${window}`] : [])],
    added: [],
  };
  const made = attendCall(
    {
      label,
      writes: { output: 0 },
      output: rowsAt({ output: 0 }, y, heads),
      batches,
      kvHeads,
      group: heads / kvHeads,
      queries: positions,
      keys: capacity,
      size,
      valueSize: size,
      query: turned,
      key: rowsAt({ output: 1 }, presentKey, kvHeads),
      value: rowsAt({ output: 2 }, presentValue, kvHeads),
      scale: num(attrs, "scale"),
      softcap: num(attrs, "softcap"),
      ...joinRules([places, masked]),
      isBounded: true,
      hasSink: hasSink || attrs.get("smooth") === 1,
    },
    temporaries.length,
  );
  return (
    made && { temporaries: [...temporaries, ...made.temporaries], dispatches: [...dispatches, ...made.dispatches] }
  );
};

/** Operands: X, cos and sin caches, position ids. */
const rotaryEmbedding: WgslKernel = ({ inputs, attrs }): WgslCall | undefined => {
  const [x, cos, sin, ids] = inputs;
  if (!x || !cos || !sin || !areFloats(x, cos, sin)) return undefined;
  if (ids && ids.dtype !== "int64" && ids.dtype !== "int32") return undefined;
  const [heads, rotated] = [num(attrs, "heads"), num(attrs, "rotated")];
  if (heads === 0 || rotated === 0) return undefined;
  const isSplit = x.shape.length === 4;
  const positions = x.shape[isSplit ? 2 : 1]!;
  const size = isSplit ? x.shape[3]! : x.shape[2]! / heads;
  const isOffset = attrs.get("offsetIds") === 1;
  const [place, batch] = isSplit
    ? [`(u / ${size}) % ${positions}`, `u / ${size * positions * heads}`]
    : [`(u / ${size * heads}) % ${positions}`, `u / ${size * heads * positions}`];
  const angle = !present(ids) ? `b * ${positions} + i` : isOffset ? "ids_at(0) + i" : `ids_at(b * ${positions} + i)`;
  return {
    temporaries: [],
    dispatches: [
      pointwise({
        label: "RotaryEmbedding",
        writes: { output: 0 },
        type: x,
        divisor: 1,
        body: () => ({
          reads: [
            elementRead("x", { input: 0 }, x),
            elementRead("cos", { input: 1 }, cos),
            elementRead("sin", { input: 2 }, sin),
            ...(ids ? [{ read: { name: "ids", from: { input: 3 } }, code: indexCode("ids", ids) }] : []),
          ],
          code: `${turnCode({ rotated, interleaved: attrs.get("interleaved") === 1 }, "x")}
fn compute(u: i32) -> f32 {
  let b = ${batch};
  let i = ${place};
  return turned(u - u % ${size}, u % ${size}, ${angle});
}`,
        }),
      }),
    ],
  };
};

export const attentionKernels: WgslTable = {
  Attention: attention,
  ContribAttention: contribAttention,
  GroupQueryAttention: groupQueryAttention,
  MultiHeadAttention: multiHeadAttention,
  RotaryEmbedding: rotaryEmbedding,
};
