/** Scalar activation functions by ONNX name: those of LSTM, GRU, RNN and of fused products. */

interface Activation {
  readonly alpha: number;
  readonly beta: number;
  /** How many of alpha and beta it takes. */
  readonly parameters: 0 | 1 | 2;
  readonly apply: (x: number, alpha: number, beta: number) => number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
/** log(1 + e^x) without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

// Defaults are those of the ONNX operators of the same name; Affine and ScaledTanh have no operator.
const ACTIVATIONS: ReadonlyMap<string, Activation> = new Map(
  Object.entries<Activation>({
    affine: { alpha: 1, beta: 0, parameters: 2, apply: (x, alpha, beta) => alpha * x + beta },
    elu: { alpha: 1, beta: 0, parameters: 1, apply: (x, alpha) => (x >= 0 ? x : alpha * Math.expm1(x)) },
    hardsigmoid: {
      alpha: 0.2,
      beta: 0.5,
      parameters: 2,
      apply: (x, alpha, beta) => Math.min(1, Math.max(0, alpha * x + beta)),
    },
    leakyrelu: { alpha: 0.01, beta: 0, parameters: 1, apply: (x, alpha) => (x >= 0 ? x : alpha * x) },
    relu: { alpha: 0, beta: 0, parameters: 0, apply: (x) => (x < 0 ? 0 : x) },
    scaledtanh: { alpha: 1, beta: 1, parameters: 2, apply: (x, alpha, beta) => alpha * Math.tanh(beta * x) },
    sigmoid: { alpha: 0, beta: 0, parameters: 0, apply: sigmoid },
    softplus: { alpha: 0, beta: 0, parameters: 0, apply: softplus },
    softsign: { alpha: 0, beta: 0, parameters: 0, apply: (x) => x / (1 + Math.abs(x)) },
    tanh: { alpha: 0, beta: 0, parameters: 0, apply: Math.tanh },
    thresholdedrelu: { alpha: 1, beta: 0, parameters: 1, apply: (x, alpha) => (x > alpha ? x : 0) },
  }),
);

/** Default alpha and beta, and how many of them it takes; undefined for no known activation. Names are case-blind. */
export const activationDefaults = (name: string): Pick<Activation, "alpha" | "beta" | "parameters"> | undefined =>
  ACTIVATIONS.get(name.toLowerCase());

/** The function; the identity for a name that is empty. The rule has checked that it exists. */
export function activation(name: string, alpha: number, beta: number): (x: number) => number {
  const found = ACTIVATIONS.get(name.toLowerCase());
  return found === undefined ? (x) => x : (x) => found.apply(x, alpha, beta);
}
