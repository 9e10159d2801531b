/** Activation functions, their gradients, and Clip: elementwise, with constants baked in. */
import { isFloat } from "../../../ir/dtype.ts";
import { numberAttr } from "../../../kernels/elementwise.ts";
import { broadcastWalk, broadcastCall, constantOf, elementwise, is64Bit, isElement, scalarOf } from "./elementwise.ts";
import { sizeOf } from "../../../kernels/access.ts";
import { binary } from "./binary.ts";
import { floatLiteral } from "./grid.ts";
import type { CallShape, WgslKernel, WgslTable } from "./types.ts";

/** A kernel of floats whose expression of `a` may use attributes, given as WGSL. */
const activation =
  (label: string, expressionOf: (number: (name: string) => string) => string): WgslKernel =>
  ({ inputs: [x], outputs: [y], attrs }) => {
    if (!x || !y || !isFloat(x.dtype)) return undefined;
    const expression = expressionOf((name) => floatLiteral(numberAttr(attrs, name)));
    return broadcastCall(label, [{ at: 0, type: x }], y, `return ${expression};`);
  };

// NaN comes through, as in the reference: comparisons with it are false.
const relu: WgslKernel = ({ inputs: [x], outputs: [y] }) => {
  if (!x || !y || !isElement(x.dtype) || scalarOf(x.dtype) === "u32" || x.dtype === "uint64") return undefined;
  const body = is64Bit(x.dtype)
    ? "select(a, vec2<u32>(0u, 0u), (a.y >> 31u) == 1u)"
    : isFloat(x.dtype)
      ? "select(a, 0.0, a < 0.0)"
      : "max(a, 0)";
  return broadcastCall("Relu", [{ at: 0, type: x }], y, `return ${body};`);
};

const prelu = binary("PRelu", () => ({
  f32: "select(a, a * b, a < 0.0)",
  i32: "select(a, a * b, a < 0)",
  u32: "a",
  i64: "select(a, mulLong(a, b), (a.y >> 31u) == 1u)",
  "vec2<u32>": "a",
}));

const ofFloats = (label: string, expressionOf: (call: CallShape) => string): WgslKernel =>
  binary(label, (call) => ({ f32: expressionOf(call) }));

const tanhForm = (call: CallShape): boolean => call.attrs.get("approximate") === "tanh";

/** Operands dY, x and, in the biased form, bias. */
const geluGrad: WgslKernel = (call) => {
  const [gradient, x, bias] = call.inputs;
  const y = call.outputs[0];
  if (!gradient || !x || !y || !isFloat(x.dtype)) return undefined;
  const operands = [gradient, x, ...(bias ? [bias] : [])].map((type, at) => ({ at, type }));
  const slope = tanhForm(call) ? "tanhGeluSlope" : "normalGeluSlope";
  return broadcastCall("GeluGrad", operands, y, `return a * ${slope}(${bias ? "b + c" : "b"});`);
};

/** Attributes scale, and bias: one a channel (dim 1). */
const imageScaler: WgslKernel = ({ inputs: [x], outputs: [y], attrs }) => {
  const bias = attrs.get("bias");
  if (!x || !y || !isFloat(x.dtype) || !Array.isArray(bias) || bias.length > 64) return undefined;
  const plane = sizeOf(x.shape.slice(2));
  const chosen = (bias as readonly number[]).reduceRight(
    (rest, value, c) => `select(${rest}, ${floatLiteral(value)}, channel == ${c}u)`,
    "0.0",
  );
  const body = `let channel = (e / ${plane}u) % ${bias.length}u; return a * ${floatLiteral(numberAttr(attrs, "scale"))} + ${chosen};`;
  return broadcastCall("ImageScaler", [{ at: 0, type: x }], y, body);
};

/** Bounds are scalar operands 1 and 2, or attributes. Maximum first: where min > max, the result is max. */
const clip: WgslKernel = ({ inputs: [x, min, max], outputs: [y], attrs }) => {
  if (!x || !y || !isElement(x.dtype)) return undefined;
  const operands = [{ at: 0, type: x }];
  const bound = (type: typeof min, at: number, name: string): string | undefined => {
    if (type) {
      operands.push({ at, type: { dtype: type.dtype, shape: [] } });
      return operands.length === 2 ? "b" : "c";
    }
    return attrs.has(name) && !is64Bit(x.dtype) && isFloat(x.dtype)
      ? constantOf(x.dtype, numberAttr(attrs, name))
      : undefined;
  };
  if ((attrs.has("min") || attrs.has("max")) && !isFloat(x.dtype)) return undefined;
  const [low, high] = [bound(min, 1, "min"), bound(max, 2, "max")];
  const less = x.dtype === "int64" ? "lessLong" : "lessUlong";
  const pick = (value: string, limit: string | undefined, upper: boolean): string => {
    if (limit === undefined) return value;
    if (is64Bit(x.dtype))
      return `select(${value}, ${limit}, ${upper ? `${less}(${limit}, ${value})` : `${less}(${value}, ${limit})`})`;
    if (isFloat(x.dtype)) return `${upper ? "smaller" : "larger"}(${value}, ${limit})`;
    return `${upper ? "min" : "max"}(${value}, ${limit})`;
  };
  const body = `let raised = ${pick("a", low, false)}; return ${pick("raised", high, true)};`;
  return {
    temporaries: [],
    dispatches: [
      elementwise({
        label: "Clip",
        writes: { output: 0 },
        dtype: y.dtype,
        shape: y.shape,
        operands: operands.map(({ at, type }) => ({
          from: { input: at },
          dtype: type.dtype,
          size: sizeOf(type.shape),
          walk: broadcastWalk(type.shape, y.shape),
        })),
        body,
      }),
    ],
  };
};

export const activationKernels: WgslTable = {
  Affine: activation("Affine", (n) => `${n("alpha")} * a + ${n("beta")}`),
  BiasGelu: ofFloats("BiasGelu", (call) => `${tanhForm(call) ? "tanhGelu" : "normalGelu"}(a + b)`),
  Celu: activation(
    "Celu",
    (n) => `select(select(${n("alpha")} * expMinusOne(a / ${n("alpha")}), a, a > 0.0), a, isNotANumber(a))`,
  ),
  Clip: clip,
  Elu: activation("Elu", (n) => `select(a, ${n("alpha")} * expMinusOne(a), a < 0.0)`),
  GeluGrad: geluGrad,
  HardSigmoid: activation("HardSigmoid", (n) => `larger(0.0, smaller(1.0, ${n("alpha")} * a + ${n("beta")}))`),
  HardSwish: activation("HardSwish", () => "a * larger(0.0, smaller(1.0, a * 0.16666667 + 0.5))"),
  ImageScaler: imageScaler,
  LeakyRelu: activation("LeakyRelu", (n) => `select(a, ${n("alpha")} * a, a < 0.0)`),
  Mish: activation("Mish", () => "a * hyperbolicTangent(softplus(a))"),
  ParametricSoftplus: activation("ParametricSoftplus", (n) => `${n("alpha")} * softplus(${n("beta")} * a)`),
  PRelu: prelu,
  Relu: relu,
  ReluGrad: ofFloats("ReluGrad", () => "select(0.0, a, b > 0.0)"),
  ScaledTanh: activation("ScaledTanh", (n) => `${n("alpha")} * hyperbolicTangent(${n("beta")} * a)`),
  Selu: activation("Selu", (n) => `${n("gamma")} * select(a, ${n("alpha")} * expMinusOne(a), a <= 0.0)`),
  Shrink: activation(
    "Shrink",
    (n) => `select(select(0.0, a - ${n("bias")}, a > ${n("lambd")}), a + ${n("bias")}, a < -${n("lambd")})`,
  ),
  Sigmoid: activation("Sigmoid", () => "sigmoid(a)"),
  SigmoidGrad: ofFloats("SigmoidGrad", () => "a * b * (1.0 - b)"),
  Softplus: activation("Softplus", () => "softplus(a)"),
  Softsign: activation("Softsign", () => "a / (1.0 + abs(a))"),
  SwiGLU: ofFloats("SwiGLU", ({ attrs }) => `a * sigmoid(${floatLiteral(numberAttr(attrs, "alpha"))} * a) * b`),
  Swish: activation("Swish", (n) => `a * sigmoid(${n("alpha")} * a)`),
  TanhGrad: ofFloats("TanhGrad", () => "a * (1.0 - b * b)"),
  ThresholdedRelu: activation("ThresholdedRelu", (n) => `select(0.0, a, a > ${n("alpha")})`),
};
