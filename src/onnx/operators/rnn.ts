/** Rules of LSTM, GRU and RNN, opsets 1 to 22. */
import { DTYPES } from "../../ir/dtype.ts";
import { elementCount } from "../../ir/bytes.ts";
import { activationDefaults } from "../../kernels/rnn-activations.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

interface Kind {
  readonly gates: number;
  readonly activations: readonly string[];
}

const LSTM: Kind = { gates: 4, activations: ["Sigmoid", "Tanh", "Tanh"] };
const GRU: Kind = { gates: 3, activations: ["Sigmoid", "Tanh"] };
const RNN: Kind = { gates: 1, activations: ["Tanh"] };

const show = (shape: readonly number[]): string => `[${shape.join(",")}]`;

/** Activation names a direction with their alpha and beta; values given are taken by those that use them, in order. */
function activations(
  n: OpContext,
  kind: Kind,
  directions: number,
): { activations: string[]; alphas: number[]; betas: number[] } {
  const given = n.strings("activations") ?? [];
  const count = kind.activations.length * directions;
  const names =
    given.length === 0 ? Array.from({ length: directions }, () => kind.activations).flat() : given.slice(0, count);
  // RNN declares two defaults whatever the direction.
  if (names.length !== count || (given.length > count && kind !== RNN))
    return n.invalid(`${given.length} activations for ${directions} direction(s)`);
  const alphas = [...(n.floats("activation_alpha") ?? [])];
  const betas = [...(n.floats("activation_beta") ?? [])];
  const resolved = names.map((name) => {
    const defaults = activationDefaults(name) ?? n.unsupported(`activation '${name}' has no kernel`);
    return {
      alpha: defaults.parameters >= 1 ? (alphas.shift() ?? defaults.alpha) : 0,
      beta: defaults.parameters === 2 ? (betas.shift() ?? defaults.beta) : 0,
    };
  });
  return {
    activations: [...names],
    alphas: resolved.map(({ alpha }) => alpha),
    betas: resolved.map(({ beta }) => beta),
  };
}

function checkShape(n: OpContext, i: number, what: string, expected: readonly number[]): void {
  if (n.hasInput(i) && show(n.input(i).shape) !== show(expected))
    n.invalid(`${what} must be ${show(expected)}, got ${show(n.input(i).shape)}`);
}

function recurrent(n: OpContext, kind: Kind): Meaning {
  const x = n.input(0);
  const [w, r] = [n.input(1), n.input(2)];
  if (DTYPES[x.dtype].class !== "float" || DTYPES[x.dtype].bits < 16)
    return n.invalid(`X must be a float tensor, got ${x.dtype}`);
  if (x.shape.length !== 3 || w.shape.length !== 3 || r.shape.length !== 3)
    return n.invalid("X, W and R must have 3 dims");
  const direction = n.string("direction", "forward").toLowerCase();
  if (!["forward", "reverse", "bidirectional"].includes(direction))
    return n.invalid(`direction '${direction}' is not forward, reverse or bidirectional`);
  const directions = direction === "bidirectional" ? 2 : 1;
  const layout = n.version >= 14 ? n.int("layout", 0) : 0;
  if (layout !== 0 && layout !== 1) return n.invalid(`layout ${layout} is not 0 or 1`);
  const [steps, batch] = layout === 1 ? [x.shape[1]!, x.shape[0]!] : [x.shape[0]!, x.shape[1]!];
  const width = x.shape[2]!;
  const hidden = n.int("hidden_size", r.shape[2]!);
  const state = layout === 1 ? [batch, directions, hidden] : [directions, batch, hidden];
  checkShape(n, 1, "W", [directions, kind.gates * hidden, width]);
  checkShape(n, 2, "R", [directions, kind.gates * hidden, hidden]);
  checkShape(n, 3, "B", [directions, 2 * kind.gates * hidden]);
  checkShape(n, 4, "sequence_lens", [batch]);
  checkShape(n, 5, "initial_h", state);
  for (const i of [1, 2, 3, 5, 6, 7])
    if (n.hasInput(i) && n.input(i).dtype !== x.dtype)
      return n.invalid(`operand ${i} is ${n.input(i).dtype}, X is ${x.dtype}`);
  if (n.hasInput(4) && n.input(4).dtype !== "int32")
    return n.invalid(`sequence_lens must be int32, got ${n.input(4).dtype}`);
  const isLstm = kind === LSTM;
  if (isLstm) {
    checkShape(n, 6, "initial_c", state);
    checkShape(n, 7, "P", [directions, 3 * hidden]);
  }
  const clip = n.floatOrUndefined("clip") ?? 0;
  const outputs = [
    { dtype: x.dtype, shape: layout === 1 ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden] },
    { dtype: x.dtype, shape: state },
    ...(isLstm ? [{ dtype: x.dtype, shape: state }] : []),
  ];
  return {
    outputs,
    reads: [0, 1, 2, 3, 4, 5, ...(isLstm ? [6, 7] : [])],
    attrs: {
      ...activations(n, kind, directions),
      direction,
      layout,
      hidden,
      kind: n.op,
      clip: clip > 0 ? clip : "inf",
      inputForget: n.int("input_forget", 0) === 0 ? 0 : 1,
      linearBeforeReset: n.int("linear_before_reset", 0) === 0 ? 0 : 1,
    },
    flops: 2 * elementCount([steps, batch, directions, kind.gates * hidden]) * (width + hidden),
    scratch: [{ dtype: "float64", shape: [width + 2 * hidden + (kind === GRU ? 4 : kind.gates) * hidden] }],
  };
}

export const rnnOperators: OperatorTable = {
  GRU: (n) => recurrent(n, GRU),
  LSTM: (n) => recurrent(n, LSTM),
  RNN: (n) => recurrent(n, RNN),
};
