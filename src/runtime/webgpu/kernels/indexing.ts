/**
 * Gather and scatter families. Negative indices count from the end; others outside are clamped, where
 * the reference refuses them. Scatters look from the result's side, at the updates that may reach an
 * element, in their order: so they are deterministic and need no atomics.
 */
import { DTYPES, isFloat, type DType } from "../../../ir/dtype.ts";
import { sizeOf, stridesOf } from "../../../kernels/access.ts";
import { flagAttr, intAttr, textAttr } from "../../../kernels/attributes.ts";
import { carrierOf } from "./binary.ts";
import { broadcastWalk, elementwise, is64Bit, isElement, type ElementwiseOperand } from "./elementwise.ts";
import { invocations } from "./grid.ts";
import { move, single, unitBits, unitElements } from "./moves.ts";
import type { CallShape, OperandShape, Ref, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

const isIndex = (type: OperandShape | null | undefined): type is OperandShape =>
  type?.dtype === "int32" || type?.dtype === "int64";

/** attrs: axis. */
const gather: WgslKernel = ({ inputs: [x, indices], outputs: [y], attrs }) => {
  if (!x || !y || !isIndex(indices)) return undefined;
  const axis = intAttr(attrs, "axis");
  const size = x.shape[axis]!;
  const run = product(x.shape.slice(axis + 1));
  const bits = unitBits(x.dtype, run);
  const inner = run / unitElements(x.dtype, bits);
  const count = sizeOf(indices.shape);
  const body = `let at = wrapped(index_at0(i32((e / ${inner}u) % ${count}u)), ${size});
  return load_in0((i32(e / ${inner * count}u) * ${size} + at) * ${inner} + i32(e % ${inner}u));`;
  const sources = [{ from: { input: 0 } }];
  return single(
    move({
      label: "Gather",
      writes: { output: 0 },
      ...y,
      bits,
      sources,
      indices: [{ from: { input: 1 }, dtype: indices.dtype }],
      body,
    }),
  );
};

/** WGSL (i32) of the coordinate along dim d of the flat index `e`. */
const coordinate = (shape: readonly number[], d: number, index = "e"): string =>
  `i32((${index} / ${product(shape.slice(d + 1))}u) % ${shape[d]}u)`;

/** attrs: axis. */
const gatherElements: WgslKernel = ({ inputs: [x, indices], outputs: [y], attrs }) => {
  if (!x || !y || !isIndex(indices)) return undefined;
  const axis = intAttr(attrs, "axis");
  const strides = stridesOf(x.shape);
  const terms = x.shape.map((size, d) =>
    d === axis ? `wrapped(index_at0(i32(e)), ${size}) * ${strides[d]}` : `${coordinate(y.shape, d)} * ${strides[d]}`,
  );
  return single(
    move({
      label: "GatherElements",
      writes: { output: 0 },
      ...y,
      bits: DTYPES[x.dtype].bits,
      sources: [{ from: { input: 0 } }],
      indices: [{ from: { input: 1 }, dtype: indices.dtype }],
      body: `return load_in0(${terms.join(" + ")});`,
    }),
  );
};

/** attrs: batch. */
const gatherND: WgslKernel = ({ inputs: [x, indices], outputs: [y], attrs }) => {
  if (!x || !y || !isIndex(indices)) return undefined;
  const batch = intAttr(attrs, "batch");
  const depth = indices.shape.at(-1)!;
  const run = product(x.shape.slice(batch + depth));
  const bits = unitBits(x.dtype, run);
  const inner = run / unitElements(x.dtype, bits);
  const tuples = product(indices.shape.slice(batch, -1));
  // Strides in runs.
  const strides = stridesOf(x.shape).map((stride) => stride / run);
  const perBatch = product(x.shape.slice(batch)) / run;
  const terms = Array.from(
    { length: depth },
    (_, k) => `wrapped(index_at0(tuple * ${depth} + ${k}), ${x.shape[batch + k]}) * ${strides[batch + k]}`,
  );
  const body = `let tuple = i32(e / ${inner}u);
  let at = (tuple / ${tuples}) * ${perBatch} + ${terms.join(" + ")};
  return load_in0(at * ${inner} + i32(e % ${inner}u));`;
  const sources = [{ from: { input: 0 } }];
  return single(
    move({
      label: "GatherND",
      writes: { output: 0 },
      ...y,
      bits,
      sources,
      indices: [{ from: { input: 1 }, dtype: indices.dtype }],
      body,
    }),
  );
};

/** Most pairs of result element and update that are compared; beyond, the host scatters. */
const MOST_PAIRS = 2 ** 28;

/** WGSL that combines `value` with `update`; undefined where the form is the host's. */
function combining(dtype: DType, reduction: string): string | undefined {
  if (reduction === "none") return "value = update;";
  const long = is64Bit(dtype);
  const less = dtype === "int64" ? "lessLong" : "lessUlong";
  switch (reduction) {
    case "add":
      return long ? "value = addLong(value, update);" : "value = value + update;";
    case "mul":
      return long ? "value = mulLong(value, update);" : "value = value * update;";
    case "max":
      return long
        ? `value = select(value, update, ${less}(value, update));`
        : `value = ${isFloat(dtype) ? "larger" : "max"}(value, update);`;
    case "min":
      return long
        ? `value = select(value, update, ${less}(update, value));`
        : `value = ${isFloat(dtype) ? "smaller" : "min"}(value, update);`;
    default:
      return undefined;
  }
}

/** The type in which a scatter computes: its own, or any of its width where values only move. */
function scatterType(dtype: DType, reduction: string): DType | undefined {
  const type = reduction === "none" ? carrierOf(dtype) : dtype;
  return type !== undefined && isElement(type) && (reduction === "none" || dtype !== "bool") ? type : undefined;
}

const flat = (from: Ref, dtype: DType, shape: readonly number[]): ElementwiseOperand => ({
  from,
  dtype,
  size: sizeOf(shape),
  walk: broadcastWalk(shape, shape),
});

const manual = (from: Ref, dtype: DType, shape: readonly number[]): ElementwiseOperand => ({
  from,
  dtype,
  size: sizeOf(shape),
  walk: null,
});

const lowWord = (type: OperandShape): string => (type.dtype === "int64" ? ".x" : "");

/** attrs: axis, reduction. */
const scatterElements: WgslKernel = ({ inputs: [x, indices, updates], outputs: [y], attrs }) => {
  if (!x || !y || !updates || !isIndex(indices)) return undefined;
  const axis = intAttr(attrs, "axis");
  const reduction = textAttr(attrs, "reduction");
  const dtype = scatterType(x.dtype, reduction);
  const step = combining(x.dtype, reduction);
  const length = indices.shape[axis]!;
  if (dtype === undefined || step === undefined || sizeOf(x.shape) * length > MOST_PAIRS) return undefined;
  const strides = stridesOf(indices.shape);
  const inside = indices.shape.flatMap((dim, d) =>
    d === axis || dim === x.shape[d] ? [] : [`${coordinate(x.shape, d)} < ${dim}`],
  );
  const terms = indices.shape.flatMap((_, d) => (d === axis ? [] : [`${coordinate(x.shape, d)} * ${strides[d]}`]));
  const size = x.shape[axis]!;
  const body = `var value = a;
  let own = ${coordinate(x.shape, axis)};
  let base = ${["0", ...terms].join(" + ")};
  if (${["true", ...inside].join(" && ")}) {
    for (var k = 0; k < ${length}; k = k + 1) {
      let at = base + k * ${strides[axis]};
      let raw = bitcast<i32>(load_in1(at)${lowWord(indices)});
      if (select(raw, raw + ${size}, raw < 0) == own) { let update = load_in2(at); ${step} }
    }
  }
  return value;`;
  return single(
    elementwise({
      label: "ScatterElements",
      heavy: true,
      writes: { output: 0 },
      dtype,
      shape: x.shape,
      operands: [
        flat({ input: 0 }, dtype, x.shape),
        manual({ input: 1 }, indices.dtype, indices.shape),
        manual({ input: 2 }, dtype, updates.shape),
      ],
      body,
    }),
  );
};

/** The row that each tuple of indices names, one an invocation. */
function targets(indices: OperandShape, shape: readonly number[], label: string): WgslDispatch {
  const depth = indices.shape.at(-1)!;
  const tuples = product(indices.shape.slice(0, -1));
  const strides = stridesOf(shape.slice(0, depth));
  const terms = Array.from({ length: depth }, (_, k) => {
    const raw = `at0[index * ${depth} + ${k}]${lowWord(indices)}`;
    return `wrapped(${raw}, ${shape[k]}) * ${strides[k]}`;
  });
  return {
    label: `${label}/targets`,
    writes: { temporary: 0 },
    reads: [{ name: "at0", from: { input: 1 }, components: indices.dtype === "int64" ? 2 : 1 }],
    ...invocations(tuples),
    code: `fn wrapped(i: i32, size: i32) -> i32 { return clamp(select(i, i + size, i < 0), 0, size - 1); }
fn kernel(index: i32) { if (index < ${tuples}) { result[index] = ${terms.join(" + ")}; } }`,
  };
}

/** Which update came last for each row, or -1. */
const winners = (rows: number, tuples: number): WgslDispatch => ({
  label: "ScatterND/winners",
  writes: { temporary: 1 },
  reads: [{ name: "targets", from: { temporary: 0 } }],
  ...invocations(rows),
  code: `fn kernel(index: i32) {
  if (index >= ${rows}) { return; }
  var winner = -1;
  for (var t = 0; t < ${tuples}; t = t + 1) { if (targets[t] == index) { winner = t; } }
  result[index] = winner;
}`,
});

/** attrs: reduction. */
const scatterND: WgslKernel = ({ inputs: [x, indices, updates], outputs: [y], attrs }): WgslCall | undefined => {
  if (!x || !y || !updates || !isIndex(indices)) return undefined;
  const reduction = textAttr(attrs, "reduction");
  const dtype = scatterType(x.dtype, reduction);
  const step = combining(x.dtype, reduction);
  const depth = indices.shape.at(-1)!;
  const tuples = product(indices.shape.slice(0, -1));
  const run = product(x.shape.slice(depth));
  const rows = product(x.shape.slice(0, depth));
  const pairs = tuples * (reduction === "none" ? rows : rows * run);
  if (dtype === undefined || step === undefined || depth === 0 || pairs > MOST_PAIRS) return undefined;
  const named = targets(indices, x.shape, "ScatterND");
  const temporary: OperandShape = { dtype: "int32", shape: [tuples] };
  if (reduction === "none") {
    const bits = unitBits(dtype, run);
    const inner = run / unitElements(dtype, bits);
    const chosen = move({
      label: "ScatterND",
      writes: { output: 0 },
      dtype: x.dtype,
      shape: x.shape,
      bits,
      sources: [{ from: { input: 0 }, overwrite: true }, { from: { input: 2 } }],
      indices: [{ from: { temporary: 1 }, dtype: "int32" }],
      body: `let winner = index_at0(i32(e / ${inner}u));
  if (winner >= 0) { return load_in1(winner * ${inner} + i32(e % ${inner}u)); }
  return load_in0(i32(e));`,
    });
    return {
      temporaries: [temporary, { dtype: "int32", shape: [rows] }],
      dispatches: [named, winners(rows, tuples), chosen],
    };
  }
  const combined = elementwise({
    label: `ScatterND/${reduction}`,
    heavy: true,
    writes: { output: 0 },
    dtype,
    shape: x.shape,
    operands: [
      flat({ input: 0 }, dtype, x.shape),
      manual({ temporary: 0 }, "int32", [tuples]),
      manual({ input: 2 }, dtype, updates.shape),
    ],
    body: `var value = a;
  let row = i32(e / ${run}u);
  for (var t = 0; t < ${tuples}; t = t + 1) {
    if (load_in1(t) == row) { let update = load_in2(t * ${run} + i32(e % ${run}u)); ${step} }
  }
  return value;`,
  });
  return { temporaries: [temporary], dispatches: [named, combined] };
};

/** attrs: axis, circular. Operands: cache, update, write positions (one a batch, optional). */
const tensorScatter: WgslKernel = ({ inputs: [x, update, positions], outputs: [y], attrs }: CallShape) => {
  if (!x || !update || !y || (positions && !isIndex(positions))) return undefined;
  const axis = intAttr(attrs, "axis");
  const size = x.shape[axis]!;
  const length = update.shape[axis]!;
  const run = product(x.shape.slice(axis + 1));
  const bits = unitBits(x.dtype, run);
  const inner = run / unitElements(x.dtype, bits);
  const perBatch = product(x.shape.slice(1, axis));
  const start = positions ? `index_at0(outer / ${perBatch})` : "0";
  const place = flagAttr(attrs, "circular") ? `((at - start) % ${size} + ${size}) % ${size}` : "at - start";
  return single(
    move({
      label: "TensorScatter",
      writes: { output: 0 },
      ...y,
      bits,
      sources: [{ from: { input: 0 }, overwrite: true }, { from: { input: 1 } }],
      ...(positions ? { indices: [{ from: { input: 2 }, dtype: positions.dtype }] } : {}),
      body: `let at = i32((e / ${inner}u) % ${size}u);
  let outer = i32(e / ${inner * size}u);
  let start = ${start};
  let k = ${place};
  if (k >= 0 && k < ${length}) { return load_in1((outer * ${length} + k) * ${inner} + i32(e % ${inner}u)); }
  return load_in0(i32(e));`,
    }),
  );
};

export const indexingKernels: WgslTable = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TensorScatter: tensorScatter,
};
