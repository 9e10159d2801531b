/** Activation functions of neural networks: one operand (or a value and its gate) and a few constants. */
import { isInteger } from "../ir/dtype.ts";
import { binaryKernel, numberAttr, unaryKernel } from "./elementwise.ts";
import { erfc } from "./erf.ts";
import type { Kernel, KernelTable } from "./types.ts";

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** log(1 + exp(x)), without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

const ROOT_2_BY_PI = Math.sqrt(2 / Math.PI);

/** x times the normal distribution function of x; by erfc, which keeps its digits for very negative x. */
export const gelu = (x: number): number => 0.5 * x * erfc(-x * Math.SQRT1_2);

/** The approximation of Gelu by tanh. */
export const geluTanh = (x: number): number => 0.5 * x * (1 + Math.tanh(ROOT_2_BY_PI * (x + 0.044715 * x * x * x)));

/** Attribute alpha. */
const withAlpha = (f: (x: number, alpha: number) => number): Kernel =>
  unaryKernel((attrs) => {
    const alpha = numberAttr(attrs, "alpha");
    return { number: (x) => f(x, alpha) };
  });

/** Attributes alpha and one more. */
const withAlphaAnd = (second: string, f: (x: number, alpha: number, constant: number) => number): Kernel =>
  unaryKernel((attrs) => {
    const alpha = numberAttr(attrs, "alpha");
    const constant = numberAttr(attrs, second);
    return { number: (x) => f(x, alpha, constant) };
  });

const plain = (number: (x: number) => number): Kernel => unaryKernel(() => ({ number }));

// Written so that NaN comes through, as it does in every framework.
const relu = unaryKernel(() => ({
  number: (x) => (x < 0 ? 0 : x),
  big: (x) => (x < 0n ? 0n : x),
  float32(x, y) {
    for (let i = 0; i < y.length; i++) {
      const value = x[i]!;
      y[i] = value < 0 ? 0 : value;
    }
  },
}));

const sigmoidKernel = unaryKernel(() => ({
  number: sigmoid,
  float32(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = 1 / (1 + Math.exp(-x[i]!));
  },
}));

const geluExact = {
  number: gelu,
  float32(x: Float32Array, y: Float32Array) {
    for (let i = 0; i < y.length; i++) y[i] = gelu(x[i]!);
  },
};

const geluApproximate = {
  number: geluTanh,
  float32(x: Float32Array, y: Float32Array) {
    for (let i = 0; i < y.length; i++) y[i] = geluTanh(x[i]!);
  },
};

/** Attributes lambd, bias. */
const shrink = unaryKernel((attrs) => {
  const lambd = numberAttr(attrs, "lambd");
  const bias = numberAttr(attrs, "bias");
  return { number: (x) => (x < -lambd ? x + bias : x > lambd ? x - bias : 0) };
});

/** Operands gate, value; attribute alpha. */
const swiglu = binaryKernel((_a, _b, attrs) => {
  const alpha = numberAttr(attrs, "alpha");
  return { number: (gate, value) => gate * sigmoid(alpha * gate) * value };
});

/** Operands x, slope. */
const prelu = binaryKernel((x) => ({
  // A product of 32-bit integers wraps, and may have more digits than a double.
  number: isInteger(x.dtype)
    ? (value, slope) => (value < 0 ? Math.imul(value, slope) : value)
    : (value, slope) => (value < 0 ? value * slope : value),
  big: (value, slope) => (value < 0n ? value * slope : value),
}));

export const activationKernels: KernelTable = {
  Affine: withAlphaAnd("beta", (x, alpha, beta) => alpha * x + beta),
  Celu: withAlpha((x, alpha) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha))),
  Elu: withAlpha((x, alpha) => (x < 0 ? alpha * Math.expm1(x) : x)),
  Gelu: unaryKernel((attrs) => (attrs.get("approximate") === "tanh" ? geluApproximate : geluExact)),
  HardSigmoid: withAlphaAnd("beta", (x, alpha, beta) => Math.max(0, Math.min(1, alpha * x + beta))),
  HardSwish: plain((x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))),
  LeakyRelu: withAlpha((x, alpha) => (x < 0 ? alpha * x : x)),
  Mish: plain((x) => x * Math.tanh(softplus(x))),
  ParametricSoftplus: withAlphaAnd("beta", (x, alpha, beta) => alpha * softplus(beta * x)),
  PRelu: prelu,
  Relu: relu,
  ScaledTanh: withAlphaAnd("beta", (x, alpha, beta) => alpha * Math.tanh(beta * x)),
  Selu: withAlphaAnd("gamma", (x, alpha, gamma) => gamma * (x <= 0 ? alpha * Math.expm1(x) : x)),
  Shrink: shrink,
  Sigmoid: sigmoidKernel,
  Softplus: plain(softplus),
  Softsign: plain((x) => x / (1 + Math.abs(x))),
  SwiGLU: swiglu,
  Swish: withAlpha((x, alpha) => x * sigmoid(alpha * x)),
  ThresholdedRelu: withAlpha((x, alpha) => (x > alpha ? x : 0)),
};
