/**
 * One dispatch that computes each element of a result from one element of each operand: any types,
 * broadcasting by strides. An invocation computes 4 neighbours (2 of 64 bits) where the size allows,
 * so that operands that lie alike are read in vectors, else the elements of one word.
 */
import { broadcastStrides, sizeOf } from "../../../kernels/access.ts";
import { DTYPES, type DType } from "../../../ir/dtype.ts";
import { floatLiteral, invocations } from "./grid.ts";
import { grouped, isFlat, isGrouped, isScalar, laneStep, offsetOf, type Walk } from "./layout.ts";
import { withMath } from "./math.ts";
import type { DispatchRead, OperandShape, Ref, WgslCall, WgslDispatch } from "./types.ts";
import { isComputable, loadFunction, packingOf, roundingFunctions, wordOf, type ScalarType } from "./words.ts";

export interface ElementwiseOperand {
  readonly from: Ref;
  readonly dtype: DType;
  /** Elements of the whole tensor. */
  readonly size: number;
  /** How the result's index walks the operand; null where the body itself calls `load_inN(i: i32)`, N the position here. */
  readonly walk: Walk | null;
}

export interface Elementwise {
  readonly label: string;
  readonly writes: Ref;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly operands: readonly ElementwiseOperand[];
  /** WGSL of a function's body with the elements of walked operands as parameters a, b, c, ... by position, and the result's flat index as e (u32). */
  readonly body: string;
  /** WGSL of functions that the body calls, other than those of math.ts. */
  readonly functions?: string;
  /** The body is long or loops: it is instantiated once, for the elements of a word one after the other. */
  readonly heavy?: boolean;
}

/** 64-bit elements are two words. */
export type ElementScalar = ScalarType | "vec2<u32>";

export const is64Bit = (dtype: DType): boolean => dtype === "int64" || dtype === "uint64";

/** Whether elements of the type can be operands and results here. */
export const isElement = (dtype: DType): boolean => isComputable(dtype) || is64Bit(dtype);

export const scalarOf = (dtype: DType): ElementScalar => (is64Bit(dtype) ? "vec2<u32>" : packingOf(dtype).scalar);

const PARAMETERS = ["a", "b", "c", "d", "f", "g", "h"];

/** Most operands of one dispatch: 8 bindings less the result. */
export const MOST_OPERANDS = PARAMETERS.length;

const LANES = ["x", "y", "z", "w"];

/** WGSL of lane `k` of a vector (or word) variable that holds `components` of the binding's elements. */
function laneOf(dtype: DType, variable: string, components: number, k: number): string {
  const { bits } = DTYPES[dtype];
  if (bits === 64)
    return components === 2
      ? `bitcast<vec2<u32>>(${variable})`
      : `bitcast<vec2<u32>>(${variable}.${k === 0 ? "xy" : "zw"})`;
  const at = (k * bits) >> 5;
  const word = components === 1 ? variable : `${variable}.${LANES[at]}`;
  if (dtype === "float32" || dtype === "int32") return word;
  return packingOf(dtype).unpack(`bitcast<u32>(${word})`, `${(k * bits) & 31}u`);
}

/** The dispatch; the caller has checked the types by `isElement`. */
export function elementwise(spec: Elementwise): WgslDispatch {
  const { label, writes, dtype, shape, operands, body } = spec;
  const size = sizeOf(shape);
  const bits = DTYPES[dtype].bits;
  // A group's bytes must be a vector of 1, 2 or 4 words, and the result's size a multiple of it.
  const most = bits === 64 ? 2 : 4;
  const heavy = spec.heavy === true;
  const lanes = size % most === 0 && !heavy ? most : Math.max(1, 32 / bits);
  const vectorOf = (type: DType): 1 | 2 | 4 | undefined => {
    const words = (lanes * DTYPES[type].bits) / 32;
    return words === 1 || words === 2 || words === 4 ? words : undefined;
  };
  const setup: string[] = [];
  const helpers: string[] = [];
  const reads: DispatchRead[] = [];
  const lanesOf = operands.map(({ from, dtype: type, walk, size: elements }, n): readonly string[] => {
    const name = `in${n}`;
    if (walk === null) {
      reads.push({ name, from, components: is64Bit(type) ? 2 : 1 });
      helpers.push(loaderOf(name, type));
      return [];
    }
    const words = vectorOf(type);
    const flat = isFlat(walk);
    const together = size % lanes === 0 ? isGrouped(walk, lanes) : flat;
    if (heavy) {
      reads.push({
        name,
        from,
        components: is64Bit(type) ? 2 : 1,
        ...(flat && DTYPES[type].bits === bits ? { overwrite: true } : {}),
      });
      helpers.push(loaderOf(name, type), `fn at_${name}(e: u32) -> i32 { return ${offsetOf(walk, "e")}; }`);
      return [`load_${name}(at_${name}(e))`];
    }
    if (words !== undefined && together && (words === 1 || elements % lanes === 0)) {
      reads.push({ name, from, components: words, ...(flat && DTYPES[type].bits === bits ? { overwrite: true } : {}) });
      const at = flat ? "index" : offsetOf(grouped(walk, lanes), "u32(index)");
      setup.push(`let value${n} = ${name}[${at}];`);
      return Array.from({ length: lanes }, (_, k) => laneOf(type, `value${n}`, words, k));
    }
    const components = is64Bit(type) ? 2 : 1;
    reads.push({ name, from, components });
    helpers.push(loaderOf(name, type));
    const step = isScalar(walk) ? 0 : laneStep(walk, lanes);
    if (step !== undefined && size % lanes === 0) {
      setup.push(`let at${n} = ${offsetOf(walk, "first")};`);
      if (step === 0) {
        setup.push(`let value${n} = load_${name}(at${n});`);
        return Array.from({ length: lanes }, () => `value${n}`);
      }
      return Array.from({ length: lanes }, (_, k) => `load_${name}(at${n} + ${k * step})`);
    }
    helpers.push(`fn at_${name}(e: u32) -> i32 { return ${offsetOf(walk, "e")}; }`);
    return Array.from({ length: lanes }, (_, k) => `load_${name}(at_${name}(first + ${k}u))`);
  });
  const parameters = operands
    .map(({ dtype: type, walk }, n) => (walk === null ? "" : `, ${PARAMETERS[n]}: ${scalarOf(type)}`))
    .join("");
  if (heavy) {
    const call = `apply(e${lanesOf.map((own) => (own.length === 0 ? "" : `, ${own[0]}`)).join("")})`;
    setup.push(...heavySteps(dtype, lanes, size, call));
  }
  const results = heavy
    ? HEAVY_RESULTS.slice(0, 1)
    : Array.from(
        { length: lanes },
        (_, k) => `apply(first + ${k}u${lanesOf.map((own) => (own.length === 0 ? "" : `, ${own[k]}`)).join("")})`,
      );
  const groups = Math.ceil(size / lanes);
  const { components, value } =
    heavy && lanes > 1 ? ({ components: 1, value: "bitcast<i32>(word)" } as const) : stored(dtype, results);
  const rounding = dtype === "float16" || dtype === "bfloat16" ? roundingFunctions : "";
  return {
    label,
    writes,
    writeComponents: components,
    reads,
    ...invocations(groups),
    code: withMath(`${rounding}${helpers.join("\n")}
${spec.functions ?? ""}
fn apply(e: u32${parameters}) -> ${scalarOf(dtype)} { ${body} }
fn kernel(index: i32) {
  if (index >= ${groups}) { return; }
  let first = u32(index) * ${lanes}u;
  ${setup.join("\n  ")}
  result[index] = ${value};
}`),
  };
}

const HEAVY_RESULTS = ["value"];

/** Statements that leave the one element in `value`, or those of a word in `word`. */
const heavySteps = (dtype: DType, lanes: number, size: number, call: string): string[] =>
  lanes === 1
    ? ["let e = first;", `let value = ${call};`]
    : [
        "var word = 0u;",
        `for (var k = 0u; k < ${lanes}u; k = k + 1u) {`,
        `  let e = min(first + k, ${size - 1}u);`,
        `  let value = ${call};`,
        `  word = word | (${packingOf(dtype).pack("value")} << (k * ${DTYPES[dtype].bits}u));`,
        "}",
      ];

/** WGSL of `load_NAME(i: i32)`, for 64 bits too. */
export const loaderOf = (name: string, dtype: DType): string =>
  is64Bit(dtype)
    ? `fn load_${name}(i: i32) -> vec2<u32> { return bitcast<vec2<u32>>(${name}[i]); }`
    : loadFunction(name, dtype);

/** Components of the result's binding, and WGSL of the value to store, from one scalar a lane. */
function stored(dtype: DType, results: readonly string[]): { components: 1 | 2 | 4; value: string } {
  if (is64Bit(dtype)) {
    return results.length === 1
      ? { components: 2, value: `bitcast<vec2<i32>>(${results[0]})` }
      : { components: 4, value: `bitcast<vec4<i32>>(vec4<u32>(${results.join(", ")}))` };
  }
  const perWord = 32 / DTYPES[dtype].bits;
  const words = Array.from({ length: results.length / perWord }, (_, w) =>
    wordOf(dtype, results.slice(w * perWord, (w + 1) * perWord)),
  );
  if (words.length === 1) return { components: 1, value: words[0]! };
  const type = dtype === "float32" ? "f32" : "i32";
  return { components: words.length as 2 | 4, value: `vec${words.length}<${type}>(${words.join(", ")})` };
}

/** How a result of shape `to` walks an operand of `shape` by NumPy's broadcasting. */
export const broadcastWalk = (shape: readonly number[], to: readonly number[]): Walk => ({
  shape: to,
  strides: broadcastStrides(shape, to),
  base: 0,
});

/** A call of one elementwise dispatch over broadcast operands. */
export function broadcastCall(
  label: string,
  inputs: readonly { readonly at: number; readonly type: OperandShape }[],
  output: OperandShape,
  body: string,
  functions?: string,
): WgslCall | undefined {
  if (
    inputs.length > MOST_OPERANDS ||
    ![output, ...inputs.map(({ type }) => type)].every(({ dtype }) => isElement(dtype))
  )
    return undefined;
  return {
    temporaries: [],
    dispatches: [
      elementwise({
        label,
        writes: { output: 0 },
        dtype: output.dtype,
        shape: output.shape,
        operands: inputs.map(({ at, type }) => ({
          from: { input: at },
          dtype: type.dtype,
          size: sizeOf(type.shape),
          walk: broadcastWalk(type.shape, output.shape),
        })),
        body,
        ...(functions === undefined ? {} : { functions }),
      }),
    ],
  };
}

/** WGSL of a number in the scalar type of `dtype`; integers are truncated. */
export function constantOf(dtype: DType, value: number): string {
  const scalar = scalarOf(dtype);
  if (scalar === "f32") return floatLiteral(value);
  const whole = Math.trunc(value);
  if (scalar === "i32") return `bitcast<i32>(${whole >>> 0}u)`;
  if (scalar === "u32") return `${whole >>> 0}u`;
  const big = BigInt.asUintN(64, BigInt(whole));
  return `vec2<u32>(${big & 0xffffffffn}u, ${big >> 32n}u)`;
}
