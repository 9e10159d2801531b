/** Tensors made out of numbers: fills, ranges, identity matrices, one-hot encodings. */
import { DTYPES } from "../../../ir/dtype.ts";
import { sizeOf } from "../../../kernels/access.ts";
import { intAttr, textAttr } from "../../../kernels/attributes.ts";
import { numberAttr } from "../../../kernels/elementwise.ts";
import { carrierOf } from "./binary.ts";
import { constantOf, elementwise, is64Bit, isElement, loaderOf, scalarOf } from "./elementwise.ts";
import { floatLiteral } from "./grid.ts";
import { move, single } from "./moves.ts";
import type { CallShape, WgslCall, WgslKernel, WgslTable } from "./types.ts";

/** A result whose elements are told by their index. */
const generated =
  (
    label: string,
    bodyOf: (call: CallShape, y: NonNullable<CallShape["outputs"][number]>) => string | undefined,
  ): WgslKernel =>
  (call): WgslCall | undefined => {
    const y = call.outputs[0];
    if (!y || !isElement(y.dtype)) return undefined;
    const body = bodyOf(call, y);
    return body === undefined
      ? undefined
      : single(elementwise({ label, writes: { output: 0 }, ...y, operands: [], body }));
  };

const fill = generated("Fill", ({ attrs }, { dtype }) => {
  const value = numberAttr(attrs, "value");
  if (dtype === "bool") return `return ${value === 0 ? 0 : 1}u;`;
  return Number.isFinite(value) || scalarOf(dtype) === "f32" ? `return ${constantOf(dtype, value)};` : undefined;
});

const fillBig = generated("FillBig", ({ attrs }, { dtype }) => {
  if (!is64Bit(dtype)) return undefined;
  const value = BigInt.asUintN(64, BigInt(textAttr(attrs, "value")));
  return `return vec2<u32>(${value & 0xffffffffn}u, ${value >> 32n}u);`;
});

const range = generated("Range", ({ attrs }, { dtype }) => {
  const [start, delta] = [numberAttr(attrs, "start"), numberAttr(attrs, "delta")];
  const scalar = scalarOf(dtype);
  if (scalar === "f32") return `return ${floatLiteral(start)} + f32(e) * ${floatLiteral(delta)};`;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(delta)) return undefined;
  if (scalar === "vec2<u32>")
    return `return addLong(${constantOf(dtype, start)}, mulLong(vec2<u32>(e, 0u), ${constantOf(dtype, delta)}));`;
  return `return ${constantOf(dtype, start)} + ${scalar}(e) * ${constantOf(dtype, delta)};`;
});

const eyeLike = generated("EyeLike", ({ attrs }, { dtype, shape }) => {
  const columns = shape[1]!;
  const k = Math.max(-(2 ** 30), Math.min(2 ** 30, intAttr(attrs, "k")));
  const test = `i32(e % ${columns}u) - i32(e / ${columns}u) == (${k})`;
  return `return select(${constantOf(dtype, 0)}, ${constantOf(dtype, 1)}, ${test});`;
});

/** attrs: axis, depth. Operands: indices, values [off, on]. */
const oneHot: WgslKernel = ({ inputs: [indices, values], outputs: [y], attrs }) => {
  if (!indices || !values || !y || !isElement(indices.dtype) || DTYPES[y.dtype].bits < 8) return undefined;
  if (carrierOf(y.dtype) === undefined || indices.dtype === "uint64") return undefined;
  const axis = intAttr(attrs, "axis");
  const depth = intAttr(attrs, "depth");
  const step = sizeOf(y.shape.slice(axis + 1));
  // The index is brought into [0, depth), or -1.
  const raw = {
    f32: "i32(clamp(trunc(value), -2147483000.0, 2147483000.0))",
    i32: "value",
    u32: "i32(min(value, 0x7fffffffu))",
    "vec2<u32>":
      "select(0x7fffffff, bitcast<i32>(value.x), value.y == select(0u, 0xffffffffu, (value.x >> 31u) == 1u))",
  }[scalarOf(indices.dtype)];
  const dispatch = move({
    label: "OneHot",
    writes: { output: 0 },
    ...y,
    bits: DTYPES[y.dtype].bits,
    sources: [{ from: { input: 1 } }],
    body: `let at = i32((e / ${step * depth}u) * ${step}u + e % ${step}u);
  let value = load_indices(at);
  let raw = ${raw};
  let chosen = select(raw, raw + ${depth}, raw < 0);
  return load_in0(select(0, 1, chosen == i32((e / ${step}u) % ${depth}u)));`,
  });
  const components = is64Bit(indices.dtype) ? 2 : 1;
  return single({
    ...dispatch,
    reads: [...dispatch.reads, { name: "indices", from: { input: 0 }, components }],
    code: `${loaderOf("indices", indices.dtype)}\n${dispatch.code}`,
  });
};

export const generateKernels: WgslTable = {
  Fill: fill,
  FillBig: fillBig,
  Range: range,
  EyeLike: eyeLike,
  OneHot: oneHot,
};
