/** Rules of the elementwise operators of com.microsoft. */
import { FLOATS, checkOperandCount, numbers, reusable, sameShape, typedInput, unaryRule } from "./elementwise.ts";
import { dequantizeLinear, quantizeLinear } from "./quantize.ts";
import type { Meaning, OpContext, OperatorRule, OperatorTable } from "./types.ts";

type Approximation = "none" | "tanh";

/** Operand `i` as a vector that repeats over the last dim of `shape`. */
function checkBias(n: OpContext, i: number, shape: readonly number[]): void {
  const bias = typedInput(n, i, FLOATS);
  if (bias.dtype !== n.input(0).dtype) n.invalid(`the bias must be ${n.input(0).dtype}, got ${bias.dtype}`);
  if (bias.shape.length !== 1 || bias.shape[0] !== shape.at(-1)) {
    n.invalid(`the bias must have shape [${shape.at(-1) ?? ""}], got [${bias.shape}]`);
  }
}

const withBias = (n: OpContext, approximate: Approximation): Meaning => {
  const type = typedInput(n, 0, FLOATS);
  checkBias(n, 1, type.shape);
  return { outputs: [type], kernel: "BiasGelu", attrs: { approximate }, inPlace: [0] };
};

const biasGelu: OperatorRule = (n) => {
  checkOperandCount(n, 2);
  return withBias(n, "none");
};

/** The approximation of Gelu by tanh, with an optional bias. */
const fastGelu: OperatorRule = (n) => {
  checkOperandCount(n, 1, 2);
  if (n.hasInput(1)) return withBias(n, "tanh");
  return { outputs: [typedInput(n, 0, FLOATS)], kernel: "Gelu", attrs: { approximate: "tanh" }, inPlace: [0] };
};

const quickGelu: OperatorRule = (n) => ({
  ...unaryRule(FLOATS, numbers({ alpha: 1.702 }))(n),
  kernel: "Swish",
});

/** Gradient of an activation: operands dY and x (or y), of one type, and a bias where there is one. */
const gradient =
  (kernel: string, approximate?: Approximation, biased = false): OperatorRule =>
  (n) => {
    checkOperandCount(n, biased ? 3 : 2);
    const type = typedInput(n, 0, FLOATS);
    const x = typedInput(n, 1, FLOATS);
    if (x.dtype !== type.dtype || !sameShape(x.shape, type.shape)) n.invalid("operands 0 and 1 must have one type");
    if (biased) checkBias(n, 2, type.shape);
    return { outputs: [type], kernel, inPlace: reusable(n, type), ...(approximate && { attrs: { approximate } }) };
  };

export const contribElementwise: OperatorTable = {
  BiasFastGeluGrad_dX: gradient("GeluGrad", "tanh", true),
  BiasGelu: biasGelu,
  BiasGeluGrad_dX: gradient("GeluGrad", "none", true),
  DequantizeLinear: dequantizeLinear,
  FastGelu: fastGelu,
  FastGeluGrad: gradient("GeluGrad", "tanh"),
  Gelu: unaryRule(FLOATS, () => ({ approximate: "none" })),
  GeluGrad: gradient("GeluGrad", "none"),
  QuantizeLinear: quantizeLinear,
  QuickGelu: quickGelu,
  ReluGrad: gradient("ReluGrad"),
  SigmoidGrad: gradient("SigmoidGrad"),
  TanhGrad: gradient("TanhGrad"),
};
