/** Reductions over axes, ArgMax and ArgMin, Hardmax. */
import { isFloat, isInteger, DTYPES, type DType } from "../../../ir/dtype.ts";
import { sizeOf } from "../../../kernels/access.ts";
import { flagAttr, intAttr, intsAttr } from "../../../kernels/attributes.ts";
import { elementwise, is64Bit, isElement, scalarOf } from "./elementwise.ts";
import { floatLiteral } from "./grid.ts";
import { fold, packedAfter, unpackedType, type Folding } from "./reduction.ts";
import type { WgslKernel, WgslTable } from "./types.ts";

type FoldingOf = (dtype: DType, count: number) => Omit<Folding, "label"> | undefined;

const ZEROS: Readonly<Record<string, string>> = { f32: "0.0", i32: "0", u32: "0u", "vec2<u32>": "vec2<u32>(0u, 0u)" };
const ONES: Readonly<Record<string, string>> = { f32: "1.0", i32: "1", u32: "1u", "vec2<u32>": "vec2<u32>(1u, 0u)" };

const scalarFold = (dtype: DType, empty: string, take: string, join: string, finish = "p"): Omit<Folding, "label"> => ({
  state: scalarOf(dtype),
  empty,
  take,
  join,
  finish,
  segments: unpackedType(dtype),
});

/** Sum of `take`. */
const sum =
  (takeOf: (dtype: DType) => string, finishOf?: (dtype: DType, count: number) => string | undefined): FoldingOf =>
  (dtype, count) => {
    if (dtype === "bool") return undefined;
    const finish = finishOf === undefined ? "p" : finishOf(dtype, count);
    if (finish === undefined) return undefined;
    return scalarFold(
      dtype,
      ZEROS[scalarOf(dtype)]!,
      takeOf(dtype),
      is64Bit(dtype) ? "addLong(p, q)" : "p + q",
      finish,
    );
  };

const floatsOnly =
  (finish: string) =>
  (dtype: DType): string | undefined =>
    isFloat(dtype) ? finish : undefined;

const square = (dtype: DType): string => (is64Bit(dtype) ? "mulLong(x, x)" : "x * x");

const magnitude = (dtype: DType): string =>
  dtype === "int64" ? "absLong(x)" : is64Bit(dtype) || scalarOf(dtype) === "u32" ? "x" : "abs(x)";

/** Integers divide towards zero; only narrow ones can't have overflowed before. */
function meanOf(dtype: DType, count: number): string | undefined {
  if (isFloat(dtype)) return `p / ${floatLiteral(count)}`;
  if (dtype === "int64") return `quotientLong(p, vec2<u32>(${count}u, 0u))`;
  if (DTYPES[dtype].bits > 16 || count >= 2 ** 15) return undefined;
  return scalarOf(dtype) === "u32" ? `p / ${count}u` : `p / ${count}`;
}

const product: FoldingOf = (dtype) =>
  dtype === "bool"
    ? undefined
    : scalarFold(dtype, ONES[scalarOf(dtype)]!, "x", is64Bit(dtype) ? "mulLong(p, q)" : "p * q");

/** Of floats, NaN comes through. The empty state is the first candidate to lose. */
const extreme =
  (greatest: boolean): FoldingOf =>
  (dtype) => {
    const scalar = scalarOf(dtype);
    if (scalar === "f32")
      return scalarFold(
        dtype,
        `floatOf(${greatest ? "0xff800000u" : "0x7f800000u"})`,
        "x",
        greatest ? "larger(p, q)" : "smaller(p, q)",
      );
    if (scalar === "vec2<u32>") {
      const signed = dtype === "int64";
      const least = signed ? "vec2<u32>(0u, 0x80000000u)" : "vec2<u32>(0u, 0u)";
      const most = signed ? "vec2<u32>(0xffffffffu, 0x7fffffffu)" : "vec2<u32>(0xffffffffu, 0xffffffffu)";
      const less = signed ? "lessLong" : "lessUlong";
      return scalarFold(
        dtype,
        greatest ? least : most,
        "x",
        `select(p, q, ${greatest ? `${less}(p, q)` : `${less}(q, p)`})`,
      );
    }
    const [least, most] = scalar === "i32" ? ["bitcast<i32>(0x80000000u)", "0x7fffffff"] : ["0u", "0xffffffffu"];
    return scalarFold(dtype, greatest ? least : most, "x", greatest ? "max(p, q)" : "min(p, q)");
  };

/** The greatest element, and the sum of exponentials of the distances to it. */
const logSumExp: FoldingOf = (dtype) =>
  isFloat(dtype)
    ? {
        state: "vec2<f32>",
        empty: "vec2<f32>(floatOf(0xff800000u), 0.0)",
        take: "vec2<f32>(x, 1.0)",
        join: `if (isNotANumber(p.x)) { return p; }
  if (isNotANumber(q.x)) { return q; }
  if (p.x == q.x) { return vec2<f32>(p.x, p.y + q.y); }
  let e = exp(-abs(p.x - q.x));
  if (p.x > q.x) { return vec2<f32>(p.x, p.y + q.y * e); }
  return vec2<f32>(q.x, q.y + p.y * e);`,
        finish: "p.x + log(p.y)",
      }
    : undefined;

const reduce =
  (label: string, foldingOf: FoldingOf): WgslKernel =>
  ({ inputs: [x], outputs: [y], attrs }) => {
    if (!x || !y || !isElement(x.dtype) || x.dtype !== y.dtype) return undefined;
    const axes = intsAttr(attrs, "axes");
    const count = axes.reduce((total, axis) => total * x.shape[axis]!, 1);
    const folding = foldingOf(x.dtype, count);
    if (folding === undefined) return undefined;
    const operand = { from: { input: 0 }, dtype: x.dtype, shape: x.shape };
    return packedAfter(y, (writes, dtype) => fold({ label, ...folding }, operand, axes, writes, dtype, 0));
  };

/**
 * WGSL (u32) of the rank of `x`: of two elements, the better has the greater key, equal ones the same.
 * NaN is `nan`.
 */
export function keyOf(dtype: DType, greatest: boolean, nan: string): string | undefined {
  switch (scalarOf(dtype)) {
    case "f32":
      return `floatKey(x, ${greatest}, ${nan})`;
    case "i32":
      return `${greatest ? "" : "~"}(bitcast<u32>(x) ^ 0x80000000u)`;
    case "u32":
      return greatest ? "x" : "~x";
    case "vec2<u32>":
      return undefined;
  }
}

/** What `keyOf` calls. Zeros of both signs are equal. */
export const keyFunctions = `fn floatKey(x: f32, greatest: bool, nan: u32) -> u32 {
  var bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return nan; }
  if (bits == 0x80000000u) { bits = 0u; }
  let key = select(bits ^ 0x80000000u, ~bits, (bits >> 31u) == 1u);
  return select(~key, key, greatest);
}
`;

/** Best element as (key, position); of equals the first, or the last: but the first NaN always. */
function bestOf(
  dtype: DType,
  greatest: boolean,
  last: boolean,
  nan: string,
): Omit<Folding, "label" | "finish"> | undefined {
  const key = keyOf(dtype, greatest, nan);
  if (key === undefined) return undefined;
  const first = "(p.y < q.y)";
  const tie = last ? (isFloat(dtype) ? `select(!${first}, ${first}, p.x == 0xffffffffu)` : `!${first}`) : first;
  return {
    state: "vec2<u32>",
    empty: last ? "vec2<u32>(0u, 0u)" : "vec2<u32>(0u, 0xffffffffu)",
    take: `vec2<u32>(${key}, r)`,
    join: `select(q, p, select(p.x > q.x, ${tie}, p.x == q.x))`,
  };
}

/** attrs: axis, last. */
const arg =
  (label: string, greatest: boolean): WgslKernel =>
  ({ inputs: [x], outputs: [y], attrs }) => {
    if (!x || !y || !isElement(x.dtype) || y.dtype !== "int64") return undefined;
    const best = bestOf(x.dtype, greatest, flagAttr(attrs, "last"), "0xffffffffu");
    if (best === undefined) return undefined;
    const operand = { from: { input: 0 }, dtype: x.dtype, shape: x.shape };
    const made = fold(
      { label, ...best, finish: "vec2<u32>(p.y, 0u)" },
      operand,
      [intAttr(attrs, "axis")],
      { output: 0 },
      "int64",
      0,
    );
    return { ...made, dispatches: made.dispatches.map((one) => ({ ...one, code: `${keyFunctions}${one.code}` })) };
  };

/** attrs: axes. 1 at the first largest element, 0 elsewhere; NaN is larger than nothing, and nothing than a first NaN. */
const hardmax: WgslKernel = ({ inputs: [x], outputs: [y], attrs }) => {
  if (!x || !y || !isElement(x.dtype) || isInteger(y.dtype)) return undefined;
  const axes = intsAttr(attrs, "axes");
  const best = bestOf(x.dtype, true, false, "select(0u, 0xffffffffu, r == 0u)");
  if (best === undefined || axes.some((axis, i) => i > 0 && axis !== axes[i - 1]! + 1)) return undefined;
  const count = axes.reduce((total, axis) => total * x.shape[axis]!, 1);
  const inner = sizeOf(x.shape.slice((axes.at(-1) ?? x.shape.length - 1) + 1));
  const results = sizeOf(x.shape) / count;
  const operand = { from: { input: 0 }, dtype: x.dtype, shape: x.shape };
  const made = fold(
    { label: "Hardmax/best", ...best, finish: "bitcast<i32>(p.y)" },
    operand,
    axes,
    { temporary: 0 },
    "int32",
    1,
  );
  const marked = elementwise({
    label: "Hardmax",
    writes: { output: 0 },
    dtype: y.dtype,
    shape: y.shape,
    operands: [
      {
        from: { temporary: 0 },
        dtype: "int32",
        size: results,
        walk: { shape: [results / inner, count, inner], strides: [inner, 0, 1], base: 0 },
      },
    ],
    body: `return select(0.0, 1.0, i32((e / ${inner}u) % ${count}u) == a);`,
  });
  return {
    temporaries: [{ dtype: "int32", shape: [results] }, ...made.temporaries],
    dispatches: [...made.dispatches.map((one) => ({ ...one, code: `${keyFunctions}${one.code}` })), marked],
  };
};

export const reduceKernels: WgslTable = {
  ReduceSum: reduce(
    "ReduceSum",
    sum(() => "x"),
  ),
  ReduceMean: reduce(
    "ReduceMean",
    sum(() => "x", meanOf),
  ),
  ReduceMax: reduce("ReduceMax", extreme(true)),
  ReduceMin: reduce("ReduceMin", extreme(false)),
  ReduceProd: reduce("ReduceProd", product),
  ReduceL1: reduce("ReduceL1", sum(magnitude)),
  ReduceL2: reduce("ReduceL2", sum(square, floatsOnly("sqrt(p)"))),
  ReduceLogSum: reduce(
    "ReduceLogSum",
    sum(() => "x", floatsOnly("logarithm(p)")),
  ),
  ReduceLogSumExp: reduce("ReduceLogSumExp", logSumExp),
  ReduceSumSquare: reduce("ReduceSumSquare", sum(square)),
  ArgMax: arg("ArgMax", true),
  ArgMin: arg("ArgMin", false),
  Hardmax: hardmax,
};
