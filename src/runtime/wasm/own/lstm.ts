/**
 * LSTM with its usual activations: the gates' share of the inputs in one product for all steps, then a product
 * with the hidden states a step, all batch rows together.
 */
import { add, addV, alongRow, get, mulV, seq, set, type Code, type Local } from "./code.ts";
import { tanhInto } from "./math.ts";
import { defineFunction, type WasmFunction } from "./module.ts";
import type { OwnSelector } from "./steps.ts";

const FLOAT = 4;

/**
 * c = forget c + input cell, h = output tanh(c). Parameters: gates (input, output, forget, cell, each as long
 * as the state), c, h, bytes of the state.
 */
const lstmCell = defineFunction("lstmCell", ["i32", "i32", "i32", "i32"], ([gates, c, h, bytes], local) => {
  const [at, output, forget, cell] = Array.from({ length: 4 }, () => local("i32")) as [Local, Local, Local, Local];
  const value = local("v128");
  const step = (read: (address: Code) => Code, write: (address: Code, value: Code) => Code): Code => {
    const gate = (from: Local): Code => read(add(get(from), get(at)));
    return seq(
      set(value, addV(mulV(gate(forget), gate(c)), mulV(gate(gates), gate(cell)))),
      write(add(get(c), get(at)), get(value)),
      tanhInto(value, local),
      write(add(get(h), get(at)), mulV(gate(output), get(value))),
    );
  };
  return seq(
    set(output, add(get(gates), get(bytes))),
    set(forget, add(get(output), get(bytes))),
    set(cell, add(get(forget), get(bytes))),
    alongRow(at, bytes, step),
  );
});

const USUAL = ["Sigmoid", "Tanh", "Tanh"];

/** Operands: X, W, R, B, lengths (none here), initial h and c; results: Y, last h and c. */
export const lstm: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, w, r, bias, lengths, initialH, initialC, peepholes] = inputs;
  const [y, lastH, lastC] = outputs;
  if (!x || !w || !r || lengths || peepholes || attrs.get("clip") !== "inf" || attrs.get("inputForget") === 1)
    return undefined;
  const names = attrs.get("activations");
  if (!Array.isArray(names) || names.some((name, i) => name !== USUAL[i % 3])) return undefined;
  const hidden = Number(attrs.get("hidden"));
  const isBatchFirst = attrs.get("layout") === 1;
  const [steps, batches] = (isBatchFirst ? [x.shape[1]!, x.shape[0]!] : x.shape) as [number, number];
  const [width, directions] = [x.shape[2]!, w.shape[0]!];
  const gates = 4 * hidden;
  return {
    scratch: [
      { dtype: "float32", shape: [steps * batches, gates] },
      { dtype: "float32", shape: [batches, gates] },
      { dtype: "float32", shape: [2, batches, hidden] },
      { dtype: "float32", shape: [gates] },
      // What the reference kernel wants, last.
      { dtype: "float64", shape: [width + 2 * hidden + gates] },
    ],
    bind({ functions, input, output, scratch, heap }) {
      const [dots, plus, sigmoid, tanh, cell] = ["dots", "addRow", "sigmoid", "tanh", "lstmCell"].map(
        (name) => functions[name]!,
      ) as [Call, Call, Call, Call, Call];
      const [given, carried, h, sums] = [0, 1, 2, 3].map(scratch) as [number, number, number, number];
      const [state, wide] = [FLOAT * hidden, FLOAT * gates];
      const c = h + batches * state;
      const floats = new Float32Array(heap);
      const bytes = new Uint8Array(heap);
      const [xAt, wAt, rAt] = [input(0), input(1), input(2)];
      const yAt = y ? output(0) : 0;
      /** Where the state of a batch row stands in the operands and results that hold one a direction. */
      const stateAt = (d: number, b: number): number => state * (isBatchFirst ? b * directions + d : d * batches + b);
      const outputAt = (t: number, d: number, b: number): number =>
        state * (isBatchFirst ? (b * steps + t) * directions + d : (t * directions + d) * batches + b);

      const start = (initial: boolean, position: number, to: number, d: number): void => {
        for (let b = 0; b < batches; b++) {
          const from = initial ? input(position) + stateAt(d, b) : 0;
          if (initial) bytes.copyWithin(to + b * state, from, from + state);
          else bytes.fill(0, to + b * state, to + (b + 1) * state);
        }
      };
      const sumBiases = (d: number): number => {
        if (!bias) return 0;
        const from = (input(3) + FLOAT * d * 2 * gates) / FLOAT;
        for (let i = 0; i < gates; i++) floats[sums / FLOAT + i] = floats[from + i]! + floats[from + gates + i]!;
        return sums;
      };
      const keep = (from: number, position: number, d: number): void => {
        const to = output(position);
        for (let b = 0; b < batches; b++)
          bytes.copyWithin(to + stateAt(d, b), from + b * state, from + (b + 1) * state);
      };
      const walk = (d: number): void => {
        dots(xAt, wAt + d * wide * width, given, sumBiases(d), steps * batches, gates, width, 1);
        start(Boolean(initialH), 5, h, d);
        start(Boolean(initialC), 6, c, d);
        const isReverse = d === 1 || attrs.get("direction") === "reverse";
        for (let s = 0; s < steps; s++) {
          const t = isReverse ? steps - 1 - s : s;
          dots(h, rAt + d * wide * hidden, carried, 0, batches, gates, hidden, 1);
          for (let b = 0; b < batches; b++) {
            const row = carried + b * wide;
            plus(row, given + wide * (isBatchFirst ? b * steps + t : t * batches + b), wide);
            sigmoid(row, row, 3 * state);
            tanh(row + 3 * state, row + 3 * state, state);
            cell(row, c + b * state, h + b * state, state);
            if (y) bytes.copyWithin(yAt + outputAt(t, d, b), h + b * state, h + (b + 1) * state);
          }
        }
        if (lastH) keep(h, 1, d);
        if (lastC) keep(c, 2, d);
      };
      return () => {
        for (let d = 0; d < directions; d++) walk(d);
      };
    },
  };
};

type Call = (...parameters: readonly number[]) => void;

export const CELLS: readonly WasmFunction[] = [lstmCell];
