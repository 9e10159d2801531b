/** Conversion between element types of 8 bits and more, out of range as the reference has it. */
import { DTYPES, isFloat, type DType } from "../../../ir/dtype.ts";
import { broadcastCall, is64Bit, isElement, scalarOf } from "./elementwise.ts";
import type { WgslKernel, WgslTable } from "./types.ts";

/** WGSL of element `a` of type `from`, as the scalar in which `to` is written (its packing wraps integers). */
function converted(from: DType, to: DType): string {
  const [source, target] = [scalarOf(from), scalarOf(to)];
  if (to === "bool")
    return source === "vec2<u32>" ? "select(0u, 1u, any(a != vec2<u32>(0u, 0u)))" : `select(1u, 0u, a == ${source}(0))`;
  if (isFloat(from)) {
    if (to === "int64") return "floatToLong(a)";
    if (to === "uint64") return "floatToUlong(a)";
    if (to === "uint32") return "floatToUint(a)";
    if (target === "f32") return "a";
    return target === "u32" ? "bitcast<u32>(floatToInt(a))" : "floatToInt(a)";
  }
  if (isFloat(to)) {
    // Rounded twice, a number must keep a sticky bit the first time.
    const odd = to !== "float32";
    if (from === "int64") return `longToFloat(a, ${odd})`;
    if (from === "uint64") return `ulongToFloat(a, ${odd})`;
    if (from === "int32") return `longToFloat(vec2<u32>(bitcast<u32>(a), select(0u, 0xffffffffu, a < 0)), ${odd})`;
    if (from === "uint32") return `ulongToFloat(vec2<u32>(a, 0u), ${odd})`;
    return "f32(a)";
  }
  if (is64Bit(to)) {
    if (is64Bit(from)) return "a";
    return source === "i32" ? "vec2<u32>(bitcast<u32>(a), select(0u, 0xffffffffu, a < 0))" : "vec2<u32>(a, 0u)";
  }
  if (is64Bit(from)) return target === "i32" ? "bitcast<i32>(a.x)" : "a.x";
  return source === target ? "a" : `bitcast<${target}>(a)`;
}

const cast: WgslKernel = ({ inputs: [x], outputs: [y] }) => {
  if (!x || !y || !isElement(x.dtype) || !isElement(y.dtype)) return undefined;
  const text = converted(x.dtype, y.dtype);
  // NaN is not zero, so it is true; a compiler may assume that there is none.
  const body = y.dtype === "bool" && isFloat(x.dtype) ? "select(1u, 0u, (bitcast<u32>(a) & 0x7fffffffu) == 0u)" : text;
  return broadcastCall("Cast", [{ at: 0, type: x }], y, `return ${body};`);
};

/** The bits of an 8-bit type as bool. */
const bitCastToBool: WgslKernel = ({ inputs: [x], outputs: [y] }) =>
  x && y && DTYPES[x.dtype].bits === 8
    ? broadcastCall("BitCastToBool", [{ at: 0, type: { dtype: "uint8", shape: x.shape } }], y, "return min(a, 1u);")
    : undefined;

export const castKernels: WgslTable = { BitCastToBool: bitCastToBool, Cast: cast };
