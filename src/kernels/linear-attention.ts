/**
 * LinearAttention (opset 27): a recurrent state of keys x values for each head, updated once a token.
 * The state is a row-major float64 matrix in scratch, rounded once at the end.
 */
import { reader, writer } from "./access.ts";
import type { Kernel, KernelTable } from "./types.ts";

const linearAttention: Kernel = ({ inputs, outputs, attrs }) => {
  const [query, key, value, past, decay, beta] = inputs;
  const [y, present] = outputs;
  const state = outputs.at(-1)!.data as Float64Array;
  const [heads, kvHeads] = [Number(attrs.get("heads")), Number(attrs.get("kvHeads"))];
  const [size, valueSize] = [Number(attrs.get("size")), Number(attrs.get("valueSize"))];
  const scale = Number(attrs.get("scale"));
  const [batches, tokens] = query!.shape as [number, number];
  const group = heads / kvHeads;
  const [readQ, readK, readV] = [reader(query!), reader(key!), reader(value!)];
  const [readPast, readDecay, readBeta] = [
    past ? reader(past) : undefined,
    decay ? reader(decay) : undefined,
    beta ? reader(beta) : undefined,
  ];
  const isDecayOfHead = decay?.shape[2] === kvHeads;
  const write = y ? writer(y) : undefined;
  const writePresent = present ? writer(present) : undefined;

  /** Multiplies the state by exp(decay), adds k x v, where v is first corrected by what the state holds. */
  const update = (b: number, h: number, t: number): void => {
    const token = b * tokens + t;
    const k0 = (token * kvHeads + h) * size;
    const v0 = (token * kvHeads + h) * valueSize;
    if (readDecay !== undefined)
      for (let d = 0; d < size; d++) {
        const factor = Math.exp(readDecay(isDecayOfHead ? token * kvHeads + h : k0 + d));
        for (let m = 0; m < valueSize; m++) state[d * valueSize + m] = state[d * valueSize + m]! * factor;
      }
    const rate = readBeta === undefined ? 1 : readBeta(beta!.shape[2] === 1 ? token : token * kvHeads + h);
    for (let m = 0; m < valueSize; m++) {
      let v = readV(v0 + m);
      if (readBeta !== undefined) {
        let held = 0;
        for (let d = 0; d < size; d++) held += state[d * valueSize + m]! * readK(k0 + d);
        v = rate * (v - held);
      }
      for (let d = 0; d < size; d++) state[d * valueSize + m] = state[d * valueSize + m]! + readK(k0 + d) * v;
    }
  };

  const readOut = (b: number, h: number, t: number): void => {
    const token = b * tokens + t;
    const q0 = (token * heads + h) * size;
    const to = (token * heads + h) * valueSize;
    for (let m = 0; m < valueSize; m++) {
      let sum = 0;
      for (let d = 0; d < size; d++) sum += readQ(q0 + d) * state[d * valueSize + m]!;
      write?.(to + m, scale * sum);
    }
  };

  for (let b = 0; b < batches; b++)
    for (let h = 0; h < kvHeads; h++) {
      const base = (b * kvHeads + h) * size * valueSize;
      for (let i = 0; i < size * valueSize; i++) state[i] = readPast?.(base + i) ?? 0;
      for (let t = 0; t < tokens; t++) {
        update(b, h, t);
        for (let g = 0; g < group; g++) readOut(b, h * group + g, t);
      }
      if (writePresent) for (let i = 0; i < size * valueSize; i++) writePresent(base + i, state[i]!);
    }
};

export const linearAttentionKernels: KernelTable = { LinearAttention: linearAttention };
