/**
 * LSTM, GRU and RNN: one walk over directions, batch rows and steps, one cell function each.
 * States and gates are doubles in scratch; only what leaves the operator is rounded.
 */
import { reader, writer } from "./access.ts";
import { activation } from "./rnn-activations.ts";
import { rowDot, type RowDot } from "./rows.ts";
import { badData } from "../errors.ts";
import type { AttrValue } from "../ir/types.ts";
import type { Kernel, KernelCall, KernelTable } from "./types.ts";

/** What a cell sees of one step of one batch row in one direction. */
interface Step {
  readonly direction: number;
  /** The step's input, in `x`. */
  readonly x: Float64Array;
  /** Hidden state: read, then replaced. */
  readonly h: Float64Array;
  /** Cell state of LSTM: read, then replaced. */
  readonly c: Float64Array;
  readonly gates: Float64Array;
}

type Cell = (step: Step) => void;
type Scalar = (x: number) => number;

interface Recurrence {
  readonly hidden: number;
  /** Gates of the cell: rows of W and R are gates * hidden a direction. */
  readonly gates: number;
  /** Activations of each direction, in the cell's order, with the clip of their input. */
  readonly functions: readonly (readonly Scalar[])[];
  readonly attrs: ReadonlyMap<string, AttrValue>;
  /** x . W[gate row] of the direction. */
  readonly input: (direction: number, row: number, x: Float64Array) => number;
  /** vector . R[gate row] of the direction. */
  readonly recurrent: (direction: number, row: number, vector: Float64Array) => number;
  /** Bias of W's half (part 0) or R's half (part 1). */
  readonly bias: (direction: number, part: 0 | 1, row: number) => number;
  /** Peephole weight of LSTM. */
  readonly peephole: (direction: number, row: number) => number;
}

/** The parts of a call that the cells share. Operands: X, W, R, B, sequence_lens, initial_h, initial_c, P. */
function recurrence({ inputs, attrs }: KernelCall, gates: number): Recurrence {
  const [x, w, r, b] = inputs;
  const p = inputs[7];
  const hidden = Number(attrs.get("hidden"));
  const width = x!.shape[2]!;
  const names = attrs.get("activations") as readonly string[];
  const alphas = attrs.get("alphas") as readonly number[];
  const betas = attrs.get("betas") as readonly number[];
  const clip = Number(attrs.get("clip") === "inf" ? Infinity : attrs.get("clip"));
  const directions = w!.shape[0]!;
  const each = names.length / directions;
  const functions = Array.from({ length: directions }, (_, d) =>
    Array.from({ length: each }, (_unused, f): Scalar => {
      const at = d * each + f;
      const apply = activation(names[at]!, alphas[at]!, betas[at]!);
      // As in ONNX Runtime, LSTM's last activation takes the cell state as it is.
      return clip === Infinity || f === 2 ? apply : (v) => apply(Math.min(clip, Math.max(-clip, v)));
    }),
  );
  const dotW: RowDot = rowDot(w!);
  const dotR: RowDot = rowDot(r!);
  const rows = gates * hidden;
  const readB = b ? reader(b) : undefined;
  const readP = p ? reader(p) : undefined;
  return {
    hidden,
    gates,
    functions,
    attrs,
    input: (d, row, vector) => dotW((d * rows + row) * width, vector, 0, width),
    recurrent: (d, row, vector) => dotR((d * rows + row) * hidden, vector, 0, hidden),
    bias: (d, part, row) => readB?.((d * 2 + part) * rows + row) ?? 0,
    peephole: (d, row) => readP?.(d * 3 * hidden + row) ?? 0,
  };
}

/** Gates in the order of W: input, output, forget, cell. */
function lstmCell(net: Recurrence): Cell {
  const { hidden } = net;
  const isCoupled = net.attrs.get("inputForget") === 1;
  return ({ direction: d, x, h, c, gates }) => {
    for (let row = 0; row < 4 * hidden; row++)
      gates[row] = net.input(d, row, x) + net.recurrent(d, row, h) + net.bias(d, 0, row) + net.bias(d, 1, row);
    const [f, g, out] = net.functions[d] as [Scalar, Scalar, Scalar];
    for (let i = 0; i < hidden; i++) {
      const old = c[i]!;
      const input = f(gates[i]! + net.peephole(d, i) * old);
      const forget = isCoupled ? 1 - input : f(gates[2 * hidden + i]! + net.peephole(d, 2 * hidden + i) * old);
      const cell = forget * old + input * g(gates[3 * hidden + i]!);
      c[i] = cell;
      h[i] = f(gates[hidden + i]! + net.peephole(d, hidden + i) * cell) * out(cell);
    }
  };
}

/** Gates in the order of W: update, reset, hidden. */
function gruCell(net: Recurrence): Cell {
  const { hidden } = net;
  const isLinearFirst = net.attrs.get("linearBeforeReset") === 1;
  return ({ direction: d, x, h, gates }) => {
    const [f, g] = net.functions[d] as [Scalar, Scalar];
    for (let row = 0; row < 2 * hidden; row++)
      gates[row] = f(net.input(d, row, x) + net.recurrent(d, row, h) + net.bias(d, 0, row) + net.bias(d, 1, row));
    // The new state needs all of the old one: it is made behind the gates first.
    const reset = gates.subarray(3 * hidden, 4 * hidden);
    for (let i = 0; i < hidden; i++) reset[i] = isLinearFirst ? h[i]! : gates[hidden + i]! * h[i]!;
    for (let i = 0; i < hidden; i++) {
      const row = 2 * hidden + i;
      const carried = net.recurrent(d, row, reset) + net.bias(d, 1, row);
      gates[row] = g(
        net.input(d, row, x) + net.bias(d, 0, row) + (isLinearFirst ? gates[hidden + i]! * carried : carried),
      );
    }
    for (let i = 0; i < hidden; i++) h[i] = (1 - gates[i]!) * gates[2 * hidden + i]! + gates[i]! * h[i]!;
  };
}

function rnnCell(net: Recurrence): Cell {
  return ({ direction: d, x, h, gates }) => {
    const f = net.functions[d]![0]!;
    for (let i = 0; i < net.hidden; i++)
      gates[i] = f(net.input(d, i, x) + net.recurrent(d, i, h) + net.bias(d, 0, i) + net.bias(d, 1, i));
    h.set(gates.subarray(0, net.hidden));
  };
}

/** Runs the cell over every direction, batch row and step, and places its states by the layout. */
const recurrent =
  (gateCount: number, makeCell: (net: Recurrence) => Cell): Kernel =>
  (call) => {
    const { inputs, outputs, attrs } = call;
    const [x, w, , , lengths, initialH, initialC] = inputs;
    const [y, lastH] = outputs;
    const lastC = gateCount === 4 ? outputs[2] : null;
    const net = recurrence(call, gateCount);
    const { hidden } = net;
    const isBatchFirst = attrs.get("layout") === 1;
    const [steps, batches] = isBatchFirst ? [x!.shape[1]!, x!.shape[0]!] : [x!.shape[0]!, x!.shape[1]!];
    const width = x!.shape[2]!;
    const directions = w!.shape[0]!;
    const scratch = outputs.at(-1)!.data as Float64Array;
    const step = {
      x: scratch.subarray(0, width),
      h: scratch.subarray(width, width + hidden),
      c: scratch.subarray(width + hidden, width + 2 * hidden),
      gates: scratch.subarray(width + 2 * hidden),
    };
    const cell = makeCell(net);
    const readX = reader(x!);
    const readLength = lengths ? reader(lengths) : undefined;
    const [readH, readC] = [initialH ? reader(initialH) : undefined, initialC ? reader(initialC) : undefined];
    const [putY, putH, putC] = [y, lastH, lastC].map((tensor) => (tensor ? writer(tensor) : undefined));
    const stateAt = (d: number, b: number): number => (isBatchFirst ? b * directions + d : d * batches + b) * hidden;
    const outputAt = (t: number, d: number, b: number): number =>
      (isBatchFirst ? (b * steps + t) * directions + d : (t * directions + d) * batches + b) * hidden;

    for (let d = 0; d < directions; d++) {
      const isReverse = d === 1 || attrs.get("direction") === "reverse";
      for (let b = 0; b < batches; b++) {
        const length = readLength?.(b) ?? steps;
        if (length < 0 || length > steps)
          throw badData(
            String(attrs.get("kind")),
            `sequence length ${length} of batch row ${b} is outside [0, ${steps}]`,
          );
        const state = stateAt(d, b);
        for (let i = 0; i < hidden; i++) {
          step.h[i] = readH?.(state + i) ?? 0;
          step.c[i] = readC?.(state + i) ?? 0;
        }
        for (let s = 0; s < steps; s++) {
          // Steps past a row's length are zero, and a reverse walk starts at its last step.
          const t = isReverse && s < length ? length - 1 - s : s;
          if (s < length) {
            const from = (isBatchFirst ? b * steps + t : t * batches + b) * width;
            for (let i = 0; i < width; i++) step.x[i] = readX(from + i);
            cell({ direction: d, ...step });
          }
          if (putY) for (let i = 0, to = outputAt(t, d, b); i < hidden; i++) putY(to + i, s < length ? step.h[i]! : 0);
        }
        for (let i = 0; i < hidden; i++) {
          // As in ONNX Runtime, a row without steps ends in zeros, not in its initial state.
          putH?.(state + i, length === 0 ? 0 : step.h[i]!);
          putC?.(state + i, length === 0 ? 0 : step.c[i]!);
        }
      }
    }
  };

export const rnnKernels: KernelTable = {
  GRU: recurrent(3, gruCell),
  LSTM: recurrent(4, lstmCell),
  RNN: recurrent(1, rnnCell),
};
