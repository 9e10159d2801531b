/** Softmax and its logarithm along one axis, or over all dims from one on (before opset 13). */
import { reader, sizeOf, writer } from "./access.ts";
import { intAttr } from "./attributes.ts";
import { operand, result } from "./elementwise.ts";
import type { Kernel, KernelTable } from "./types.ts";

/** attrs: axis, count (elements that are normalised together), inner (their distance). */
const softmax =
  (log: boolean): Kernel =>
  (call) => {
    const x = operand(call, 0);
    const y = result(call);
    const count = intAttr(call.attrs, "count");
    const inner = intAttr(call.attrs, "inner");
    const total = sizeOf(x.shape);
    if (total === 0) return;
    if (x.data instanceof Float32Array && y.data instanceof Float32Array && inner === 1 && !log) {
      for (let from = 0; from < total; from += count) softmaxRow(x.data, y.data, from, from + count);
      return;
    }
    const read = reader(x);
    const write = writer(y);
    for (let o = 0; o < total / (count * inner); o++) {
      for (let i = 0; i < inner; i++) {
        const from = o * count * inner + i;
        let most = -Infinity;
        for (let k = 0; k < count; k++) most = Math.max(most, read(from + k * inner));
        let sum = 0;
        for (let k = 0; k < count; k++) sum += Math.exp(read(from + k * inner) - most);
        const shift = Math.log(sum);
        for (let k = 0; k < count; k++) {
          const at = from + k * inner;
          const value = read(at) - most;
          write(at, log ? value - shift : Math.exp(value) / sum);
        }
      }
    }
  };

function softmaxRow(x: Float32Array, y: Float32Array, from: number, to: number): void {
  let most = -Infinity;
  for (let i = from; i < to; i++) {
    const value = x[i]!;
    if (value > most || value !== value) most = value;
  }
  let sum = 0;
  for (let i = from; i < to; i++) {
    const value = Math.exp(x[i]! - most);
    y[i] = value;
    sum += value;
  }
  for (let i = from; i < to; i++) y[i] = y[i]! / sum;
}

export const softmaxKernels: KernelTable = { Softmax: softmax(false), LogSoftmax: softmax(true) };
