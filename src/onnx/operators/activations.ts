/** Rules of activation functions. */
import {
  FLOATS,
  NUMBERS,
  SIGNED,
  align,
  checkOperandCount,
  numberValue,
  numbers,
  reusable,
  sameShape,
  typedInput,
  unaryRule,
} from "./elementwise.ts";
import type { OperatorRule, OperatorTable } from "./types.ts";

const floats = unaryRule(FLOATS);
const withNumbers = (defaults: Readonly<Record<string, number>>): OperatorRule => unaryRule(FLOATS, numbers(defaults));

// The constants of Klambauer et al., "Self-Normalizing Neural Networks", as ONNX rounds them.
const SELU = { alpha: 1.67326319217681884765625, gamma: 1.05070102214813232421875 };
/** Opsets 1 to 5 had them shorter. */
const SELU_FIRST = { alpha: 1.6732, gamma: 1.0507 };

const selu: OperatorRule = (n) => withNumbers(n.version < 6 ? SELU_FIRST : SELU)(n);

const gelu: OperatorRule = unaryRule(FLOATS, (n) => {
  const approximate = n.string("approximate", "none");
  if (approximate !== "none" && approximate !== "tanh") n.invalid("attribute approximate must be 'none' or 'tanh'");
  return { approximate };
});

// Opset 6 bounds by the largest floats, so that even infinity is clipped; opset 1 has no bounds by default.
const FLOAT_MAX = 3.4028234663852886e38;

const clip: OperatorRule = (n) => {
  checkOperandCount(n, 1, n.version < 11 ? 1 : 3);
  const type = typedInput(n, 0, NUMBERS);
  if (n.version < 11) {
    const bound = n.version < 6 ? Infinity : FLOAT_MAX;
    return {
      outputs: [type],
      inPlace: [0],
      attrs: { max: numberValue(n.float("max", bound)), min: numberValue(n.float("min", -bound)) },
    };
  }
  for (const i of [1, 2]) {
    if (!n.hasInput(i)) continue;
    const bound = n.input(i);
    if (bound.dtype !== type.dtype) n.invalid(`bound ${i} must be ${type.dtype}, got ${bound.dtype}`);
    if (bound.shape.some((dim) => dim !== 1)) n.invalid(`bound ${i} must be a scalar, got [${bound.shape}]`);
  }
  return { outputs: [type], inPlace: [0], reads: [0, 1, 2] };
};

/** The slope repeats over x: by its last dims, or (before opset 7) over the channels, dim 1. */
const prelu: OperatorRule = (n) => {
  checkOperandCount(n, 2);
  const x = typedInput(n, 0, NUMBERS);
  const slope = typedInput(n, 1, NUMBERS);
  if (slope.dtype !== x.dtype) n.invalid(`the slope must be ${x.dtype}, got ${slope.dtype}`);
  const type = { dtype: x.dtype, shape: x.shape };
  const inPlace = reusable(n, type);
  if (n.version < 7) {
    const [channels] = slope.shape;
    const single = slope.shape.every((dim) => dim === 1);
    if (!single && (slope.shape.length !== 1 || channels !== x.shape[1])) {
      n.invalid(`the slope must have one element or one a channel, got [${slope.shape}] for [${x.shape}]`);
    }
    const bShape = single ? [] : [channels ?? 1, ...x.shape.slice(2).map(() => 1)];
    return { outputs: [type], inPlace, attrs: { bShape } };
  }
  const { shape } = align(n, x.shape, slope.shape);
  if (!sameShape(shape, x.shape)) n.invalid(`slope [${slope.shape}] does not broadcast to [${x.shape}]`);
  return { outputs: [type], inPlace };
};

const swiglu: OperatorRule = (n) => {
  checkOperandCount(n, 2);
  const gate = typedInput(n, 0, FLOATS);
  const value = typedInput(n, 1, FLOATS);
  if (gate.dtype !== value.dtype || !sameShape(gate.shape, value.shape)) n.invalid("both operands must have one type");
  return { outputs: [gate], inPlace: [0, 1], attrs: numbers({ alpha: 1 })(n) };
};

/** Experimental in the first opsets: scale * x plus a bias for each channel (dim 1). */
const imageScaler: OperatorRule = (n) => {
  checkOperandCount(n, 1);
  const type = typedInput(n, 0, FLOATS);
  const channels = type.shape[1] ?? n.invalid("the operand must have a channel dim");
  const bias = n.floats("bias") ?? new Array<number>(channels).fill(0);
  if (bias.length !== channels) n.invalid(`attribute bias must have ${channels} values, got ${bias.length}`);
  return { outputs: [type], inPlace: [0], attrs: { bias, ...numbers({ scale: 1 })(n) } };
};

export const activationOperators: OperatorTable = {
  Celu: withNumbers({ alpha: 1 }),
  Clip: clip,
  Elu: withNumbers({ alpha: 1 }),
  Gelu: gelu,
  HardSigmoid: withNumbers({ alpha: 0.2, beta: 0.5 }),
  HardSwish: floats,
  LeakyRelu: withNumbers({ alpha: 0.01 }),
  Mish: floats,
  PRelu: prelu,
  Relu: unaryRule([...FLOATS, ...SIGNED]),
  Selu: selu,
  Shrink: unaryRule(NUMBERS, numbers({ bias: 0, lambd: 0.5 })),
  Sigmoid: floats,
  Softplus: floats,
  Softsign: floats,
  SwiGLU: swiglu,
  Swish: withNumbers({ alpha: 1 }),
  ThresholdedRelu: withNumbers({ alpha: 1 }),
  // Experimental operators of the first opsets, which old converters wrote.
  Affine: withNumbers({ alpha: 1, beta: 0 }),
  ImageScaler: imageScaler,
  ParametricSoftplus: withNumbers({ alpha: 1, beta: 1 }),
  ScaledTanh: withNumbers({ alpha: 1, beta: 1 }),
};
