/**
 * Max, Min, Sum, Mean of any number of operands with broadcasting. An element of every operand is
 * read before the result's is written, so that the result may overwrite any operand of its shape.
 */
import { bigReader, bigWriter, is64, reader, writer } from "./access.ts";
import { allFloat32, forEachRow, operand, result, type Float32Row } from "./elementwise.ts";
import type { Kernel, KernelTable } from "./types.ts";

interface Fold {
  readonly number: (accumulated: number, next: number) => number;
  readonly big?: (accumulated: bigint, next: bigint) => bigint;
  /** Applied to the folded value. */
  readonly finish?: (folded: number, operands: number) => number;
  /** The fast path for two operands. */
  readonly float32?: Float32Row;
}

function foldRows<T>(
  shape: readonly number[],
  shapes: readonly (readonly number[])[],
  reads: readonly ((i: number) => T)[],
  step: (accumulated: T, next: T) => T,
  write: (i: number, value: T) => void,
): void {
  forEachRow(shape, shapes, (at, count, offsets, steps) => {
    for (let i = 0; i < count; i++) {
      let value = reads[0]!(offsets[0]! + i * steps[0]!);
      for (let k = 1; k < reads.length; k++) value = step(value, reads[k]!(offsets[k]! + i * steps[k]!));
      write(at + i, value);
    }
  });
}

const foldKernel =
  (fold: Fold): Kernel =>
  (call) => {
    const y = result(call);
    const operands = call.inputs.map((_, i) => operand(call, i));
    const shapes = operands.map((tensor) => tensor.shape);
    const [a, b] = operands;
    if (fold.float32 && a && b && operands.length === 2 && allFloat32(a, b, y)) {
      const [ya, aa, ba] = [y.data as Float32Array, a.data as Float32Array, b.data as Float32Array];
      const row = fold.float32;
      forEachRow(y.shape, shapes, (at, count, offsets, steps) =>
        row(ya, at, count, aa, offsets[0]!, steps[0]!, ba, offsets[1]!, steps[1]!),
      );
    } else if (fold.big && is64(y.dtype)) {
      foldRows(y.shape, shapes, operands.map(bigReader), fold.big, bigWriter(y));
    } else {
      const write = writer(y);
      const finish = fold.finish;
      foldRows(
        y.shape,
        shapes,
        operands.map(reader),
        fold.number,
        finish ? (i, value) => write(i, finish(value, operands.length)) : write,
      );
    }
  };

const max: Fold = {
  number: Math.max,
  big: (a, b) => (b > a ? b : a),
  float32(y, at, count, a, aAt, aStep, b, bAt, bStep) {
    for (let i = 0; i < count; i++) y[at + i] = Math.max(a[aAt + i * aStep]!, b[bAt + i * bStep]!);
  },
};

const min: Fold = {
  number: Math.min,
  big: (a, b) => (b < a ? b : a),
  float32(y, at, count, a, aAt, aStep, b, bAt, bStep) {
    for (let i = 0; i < count; i++) y[at + i] = Math.min(a[aAt + i * aStep]!, b[bAt + i * bStep]!);
  },
};

const sum: Fold = { number: (a, b) => a + b };
const mean: Fold = { number: (a, b) => a + b, finish: (folded, operands) => folded / operands };

export const variadicKernels: KernelTable = {
  Max: foldKernel(max),
  Mean: foldKernel(mean),
  Min: foldKernel(min),
  Sum: foldKernel(sum),
};
