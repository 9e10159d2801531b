/** Pools over sliding windows of any rank, channels first; 2-D ones also channels last. */
import { bigWriter, reader, sizeOf, writer } from "./access.ts";
import { flagAttr, intAttr, intsAttr } from "./attributes.ts";
import { operand, result } from "./elementwise.ts";
import { tapOffsets, windowOf } from "./conv.ts";
import { mover } from "./strided.ts";
import type { Kernel, KernelCall, KernelTable, Tensor } from "./types.ts";

interface Planes {
  readonly count: number;
  readonly size: number;
  /** Element (plane p, offset i) is at `base(p) + i * step`. */
  readonly base: (p: number) => number;
  readonly step: number;
}

/** The spatial planes of a tensor, whose channels are first or last. */
function planes(shape: readonly number[], last: boolean): Planes {
  if (!last) {
    const size = sizeOf(shape.slice(2));
    return { count: shape[0]! * shape[1]!, size, base: (p) => p * size, step: 1 };
  }
  const channels = shape.at(-1)!;
  const size = sizeOf(shape.slice(1, -1));
  return {
    count: shape[0]! * channels,
    size,
    base: (p) => Math.floor(p / channels) * size * channels + (p % channels),
    step: channels,
  };
}

const spatial = (shape: readonly number[], last: boolean): readonly number[] =>
  last ? shape.slice(1, -1) : shape.slice(2);

function poolOffsets(
  call: KernelCall,
  x: Tensor,
  y: Tensor,
  last: boolean,
): { offsets: Int32Array; taps: number; positions: number } {
  const kernel = intsAttr(call.attrs, "kernel_shape");
  const output = spatial(y.shape, last);
  return {
    offsets: tapOffsets(windowOf(call, spatial(x.shape, last), output, kernel)),
    taps: sizeOf(kernel),
    positions: sizeOf(output),
  };
}

/** attrs: kernel_shape, strides, pads, dilations, column_major (of the indices). Results: maxima, their flat indices. */
const maxPool =
  (last: boolean): Kernel =>
  (call) => {
    const x = operand(call, 0);
    const [y, indices] = call.outputs;
    const shown = y ?? indices;
    if (!shown) return;
    const { offsets, taps, positions } = poolOffsets(call, x, shown, last);
    const from = planes(x.shape, last);
    const to = planes(shown.shape, last);
    const read = reader(x);
    const move = y ? mover(x, y) : undefined;
    const writeIndex = indices ? bigWriter(indices) : undefined;
    const column = flagAttr(call.attrs, "column_major") ? columnMajor(spatial(x.shape, last)) : undefined;
    const fast =
      x.data instanceof Float32Array && y?.data instanceof Float32Array && !writeIndex
        ? { x: x.data, y: y.data }
        : undefined;
    for (let p = 0; p < from.count; p++) {
      const base = from.base(p);
      for (let o = 0; o < positions; o++) {
        let best = -Infinity;
        let at = -1;
        for (let t = 0; t < taps; t++) {
          const offset = offsets[o * taps + t]!;
          if (offset < 0) continue;
          const value = fast ? fast.x[base + offset * from.step]! : read(base + offset * from.step);
          if (at < 0 || value > best || value !== value) {
            best = value;
            at = offset;
            if (value !== value) break;
          }
        }
        const target = to.base(p) + o * to.step;
        if (fast) fast.y[target] = at < 0 ? -Infinity : best;
        else if (at >= 0) move?.(base + at * from.step, target);
        writeIndex?.(target, BigInt(p * from.size + (column ? column[at]! : at)));
      }
    }
  };

/** Column-major rank of each row-major offset. */
function columnMajor(shape: readonly number[]): Int32Array {
  const table = new Int32Array(sizeOf(shape));
  for (let i = 0; i < table.length; i++) {
    let rest = i;
    let rank = 0;
    for (let d = shape.length - 1; d >= 0; d--) {
      const index = rest % shape[d]!;
      rest = Math.floor(rest / shape[d]!);
      rank = rank + index * sizeOf(shape.slice(0, d));
    }
    table[i] = rank;
  }
  return table;
}

/** attrs also: counts (how many each window's sum is divided by, by position; empty: those inside the input). */
const averagePool =
  (last: boolean): Kernel =>
  (call) => {
    const x = operand(call, 0);
    const y = result(call);
    const { offsets, taps, positions } = poolOffsets(call, x, y, last);
    const divisor = divisors(call, spatial(x.shape, last), spatial(y.shape, last));
    const from = planes(x.shape, last);
    const to = planes(y.shape, last);
    const read = reader(x);
    const write = writer(y);
    for (let p = 0; p < from.count; p++) {
      const base = from.base(p);
      for (let o = 0; o < positions; o++) {
        let sum = 0;
        let count = 0;
        for (let t = 0; t < taps; t++) {
          const offset = offsets[o * taps + t]!;
          if (offset < 0) continue;
          sum += read(base + offset * from.step);
          count++;
        }
        write(to.base(p) + o * to.step, sum / (divisor === undefined ? count : divisor[o]!));
      }
    }
  };

/** With count_include_pad: taps inside the padded input (ceil_mode may reach past it). */
function divisors(call: KernelCall, input: readonly number[], output: readonly number[]): Float64Array | undefined {
  if (!flagAttr(call.attrs, "count_include_pad")) return undefined;
  const [kernel, strides, pads, dilations] = ["kernel_shape", "strides", "pads", "dilations"].map((name) =>
    intsAttr(call.attrs, name),
  ) as [readonly number[], readonly number[], readonly number[], readonly number[]];
  const rank = input.length;
  const perDim = output.map((size, d) =>
    Array.from({ length: size }, (_, o) => {
      let count = 0;
      for (let k = 0; k < kernel[d]!; k++)
        if (o * strides[d]! + k * dilations[d]! < input[d]! + pads[d]! + pads[d + rank]!) count++;
      return count;
    }),
  );
  const table = new Float64Array(sizeOf(output));
  for (let o = 0; o < table.length; o++) {
    let rest = o;
    let count = 1;
    for (let d = rank - 1; d >= 0; d--) {
      count *= perDim[d]![rest % output[d]!]!;
      rest = Math.floor(rest / output[d]!);
    }
    table[o] = count;
  }
  return table;
}

/** attrs also: p. */
const lpPool: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  const p = intAttr(call.attrs, "p");
  const { offsets, taps, positions } = poolOffsets(call, x, y, false);
  const from = planes(x.shape, false);
  const read = reader(x);
  const write = writer(y);
  for (let plane = 0; plane < from.count; plane++) {
    for (let o = 0; o < positions; o++) {
      let sum = 0;
      for (let t = 0; t < taps; t++) {
        const offset = offsets[o * taps + t]!;
        if (offset >= 0) sum += Math.abs(read(from.base(plane) + offset)) ** p;
      }
      write(plane * positions + o, sum ** (1 / p));
    }
  }
};

/** One value a plane. */
const globalPool =
  (
    last: boolean,
    fold: (read: (i: number) => number, from: number, count: number, step: number, call: KernelCall) => number,
  ): Kernel =>
  (call) => {
    const x = operand(call, 0);
    const from = planes(x.shape, last);
    const read = reader(x);
    const write = writer(result(call));
    for (let p = 0; p < from.count; p++) write(p, fold(read, from.base(p), from.size, from.step, call));
  };

const mean = (read: (i: number) => number, from: number, count: number, step: number): number => {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += read(from + i * step);
  return sum / count;
};

const largest = (read: (i: number) => number, from: number, count: number): number => {
  let most = -Infinity;
  for (let i = 0; i < count; i++) {
    const value = read(from + i);
    if (value !== value) return NaN;
    if (value > most) most = value;
  }
  return most;
};

const norm = (read: (i: number) => number, from: number, count: number, _: number, call: KernelCall): number => {
  const p = intAttr(call.attrs, "p");
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.abs(read(from + i)) ** p;
  return sum ** (1 / p);
};

/** Operands: values, flat indices into the result (of the shape that the rule gave it before `output_shape`). attrs: shape. */
const maxUnpool: Kernel = (call) => {
  const x = operand(call, 0);
  const index = reader(operand(call, 1));
  const y = result(call);
  const natural = intsAttr(call.attrs, "shape");
  const move = mover(x, y);
  new Uint8Array(y.data.buffer, y.data.byteOffset, y.data.byteLength).fill(0);
  const total = sizeOf(x.shape);
  for (let i = 0; i < total; i++) {
    // The index counts in the natural shape; the result may be larger.
    let rest = index(i);
    let at = 0;
    let stride = 1;
    for (let d = natural.length - 1; d >= 0; d--) {
      at += (rest % natural[d]!) * stride;
      rest = Math.floor(rest / natural[d]!);
      stride *= y.shape[d]!;
    }
    move(i, at);
  }
};

export const poolKernels: KernelTable = {
  MaxPool: maxPool(false),
  MaxPoolNHWC: maxPool(true),
  AveragePool: averagePool(false),
  AveragePoolNHWC: averagePool(true),
  LpPool: lpPool,
  GlobalAveragePool: globalPool(false, mean),
  GlobalAveragePoolNHWC: globalPool(true, mean),
  GlobalMaxPool: globalPool(false, largest),
  GlobalLpPool: globalPool(false, norm),
  MaxUnpool: maxUnpool,
};
