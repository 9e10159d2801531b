/** Clip: bounds are scalar operands 1 and 2 (opset 11 on) or attributes min and max (before). */
import { bigReader, bigWriter, is64, reader, sizeOf, writer } from "./access.ts";
import { allFloat32, numberAttr, operand, result } from "./elementwise.ts";
import type { Kernel, KernelCall, KernelTable, Tensor } from "./types.ts";

const bound = (call: KernelCall, i: number, name: string, none: number): number => {
  const tensor = call.inputs[i];
  if (tensor) return reader(tensor)(0);
  return call.attrs.has(name) ? numberAttr(call.attrs, name) : none;
};

// Maximum first: where min > max, the result is max. NaN comes through, as it does in Math.min.
const clipNumbers = (call: KernelCall, x: Tensor, y: Tensor): void => {
  const min = bound(call, 1, "min", -Infinity);
  const max = bound(call, 2, "max", Infinity);
  const count = sizeOf(y.shape);
  if (allFloat32(x, y)) {
    const [from, to] = [x.data as Float32Array, y.data as Float32Array];
    for (let i = 0; i < count; i++) to[i] = Math.min(Math.max(from[i]!, min), max);
    return;
  }
  const [read, write] = [reader(x), writer(y)];
  for (let i = 0; i < count; i++) write(i, Math.min(Math.max(read(i), min), max));
};

const clipBigInts = (call: KernelCall, x: Tensor, y: Tensor): void => {
  const [min, max] = [call.inputs[1], call.inputs[2]].map((tensor) => (tensor ? bigReader(tensor)(0) : undefined));
  const [read, write] = [bigReader(x), bigWriter(y)];
  const count = sizeOf(y.shape);
  for (let i = 0; i < count; i++) {
    let value = read(i);
    if (min !== undefined && value < min) value = min;
    if (max !== undefined && value > max) value = max;
    write(i, value);
  }
};

const clip: Kernel = (call) => {
  const x = operand(call, 0);
  (is64(x.dtype) ? clipBigInts : clipNumbers)(call, x, result(call));
};

export const clipKernels: KernelTable = { Clip: clip };
