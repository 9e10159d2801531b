/** Tensors made out of numbers: fills, ranges, identity matrices, one-hot encodings. */
import { bigWriter, clear, is64, reader, sizeOf, stridesOf, writer } from "./access.ts";
import { intAttr, textAttr } from "./attributes.ts";
import { numberAttr, operand, result } from "./elementwise.ts";
import { mover } from "./strided.ts";
import type { Kernel, KernelTable } from "./types.ts";

/** attrs: value. */
const fill: Kernel = (call) => {
  const y = result(call);
  const value = numberAttr(call.attrs, "value");
  if (y.data instanceof Float32Array && y.dtype === "float32") {
    y.data.fill(value);
    return;
  }
  const write = writer(y);
  const count = sizeOf(y.shape);
  for (let i = 0; i < count; i++) write(i, value);
};

/** attrs: value, in decimal: 64-bit integers. */
const fillBig: Kernel = (call) => (result(call).data as BigInt64Array).fill(BigInt(textAttr(call.attrs, "value")));

/** attrs: start, delta. */
const range: Kernel = (call) => {
  const y = result(call);
  const start = numberAttr(call.attrs, "start");
  const delta = numberAttr(call.attrs, "delta");
  const count = sizeOf(y.shape);
  if (is64(y.dtype)) {
    const write = bigWriter(y);
    for (let i = 0; i < count; i++) write(i, BigInt(start) + BigInt(i) * BigInt(delta));
    return;
  }
  const write = writer(y);
  for (let i = 0; i < count; i++) write(i, start + i * delta);
};

/** attrs: k, the diagonal. */
const eyeLike: Kernel = (call) => {
  const y = result(call);
  const k = intAttr(call.attrs, "k");
  const [rows, columns] = y.shape as [number, number];
  clear(y);
  const write = writer(y);
  for (let r = 0; r < rows; r++) if (r + k >= 0 && r + k < columns) write(r * columns + r + k, 1);
};

/** attrs: axis, depth. Operands: indices (negative ones count from the end; others outside give "off"), values [off, on]. */
const oneHot: Kernel = (call) => {
  const indices = operand(call, 0);
  const y = result(call);
  const axis = intAttr(call.attrs, "axis");
  const depth = intAttr(call.attrs, "depth");
  const read = reader(indices);
  const move = mover(operand(call, 1), y);
  const total = sizeOf(y.shape);
  for (let i = 0; i < total; i++) move(0, i);
  const step = stridesOf(y.shape)[axis]!;
  const count = sizeOf(indices.shape);
  for (let i = 0; i < count; i++) {
    const raw = Math.trunc(read(i));
    const index = raw < 0 ? raw + depth : raw;
    if (index >= 0 && index < depth) move(1, Math.floor(i / step) * step * depth + index * step + (i % step));
  }
};

export const generateKernels: KernelTable = {
  Fill: fill,
  FillBig: fillBig,
  Range: range,
  EyeLike: eyeLike,
  OneHot: oneHot,
};
