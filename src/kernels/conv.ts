/**
 * Convolutions of any rank, channels first and (2-D) channels last. attrs after the rule: strides,
 * pads (all begins, then all ends), dilations, group; kernel sizes are those of the filter.
 */
import { reader, sizeOf, stridesOf, writer } from "./access.ts";
import { intAttr, intsAttr } from "./attributes.ts";
import { operand, result } from "./elementwise.ts";
import type { Kernel, KernelCall, KernelTable, Tensor } from "./types.ts";

export interface Window {
  /** Spatial sizes. */
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Before each spatial dim. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

export const windowOf = (
  call: KernelCall,
  input: readonly number[],
  output: readonly number[],
  kernel: readonly number[],
): Window => ({
  input,
  output,
  kernel,
  strides: intsAttr(call.attrs, "strides"),
  pads: intsAttr(call.attrs, "pads").slice(0, input.length),
  dilations: intsAttr(call.attrs, "dilations"),
});

/**
 * For each output position along one dim and each tap: the input index, or -1 in the padding.
 * Row-major [output][tap].
 */
export function tapTable(w: Window, d: number): Int32Array {
  const table = new Int32Array(w.output[d]! * w.kernel[d]!);
  for (let o = 0; o < w.output[d]!; o++) {
    for (let k = 0; k < w.kernel[d]!; k++) {
      const i = o * w.strides[d]! - w.pads[d]! + k * w.dilations[d]!;
      table[o * w.kernel[d]! + k] = i >= 0 && i < w.input[d]! ? i : -1;
    }
  }
  return table;
}

/** Offsets in the input's spatial plane of every tap at every output position, -1 in the padding: [position][tap]. */
export function tapOffsets(w: Window): Int32Array {
  const rank = w.input.length;
  const tables = w.input.map((_, d) => tapTable(w, d));
  const positions = sizeOf(w.output);
  const taps = sizeOf(w.kernel);
  const outStrides = stridesOf(w.output);
  const tapStrides = stridesOf(w.kernel);
  const inStrides = stridesOf(w.input);
  const offsets = new Int32Array(positions * taps);
  for (let p = 0; p < positions; p++) {
    for (let t = 0; t < taps; t++) {
      let at = 0;
      for (let d = 0; d < rank; d++) {
        const o = Math.floor(p / outStrides[d]!) % w.output[d]!;
        const k = Math.floor(t / tapStrides[d]!) % w.kernel[d]!;
        const i = tables[d]![o * w.kernel[d]! + k]!;
        if (i < 0) {
          at = -1;
          break;
        }
        at += i * inStrides[d]!;
      }
      offsets[p * taps + t] = at;
    }
  }
  return offsets;
}

type Read = (i: number) => number;

const readFast = (tensor: Tensor): Read => {
  if (tensor.data instanceof Float32Array && tensor.dtype === "float32") {
    const { data } = tensor;
    return (i) => data[i]!;
  }
  return reader(tensor);
};

/** y[n, m, o] = bias[m] + sum over c, taps of x[n, c, o*s - p + k*d] * w[m, c, k], any dtype; `xZero` and `wZero` are taken off first. */
export function convolve(
  call: KernelCall,
  x: Tensor,
  w: Tensor,
  y: Tensor,
  put: (i: number, value: number, channel: number) => void,
  xZero: Read,
  wZero: Read,
): void {
  const [batch, channels, ...input] = x.shape as [number, number, ...number[]];
  const [filters, perGroup, ...kernel] = w.shape as [number, number, ...number[]];
  const output = y.shape.slice(2);
  const group = intAttr(call.attrs, "group");
  const offsets = tapOffsets(windowOf(call, input, output, kernel));
  const plane = sizeOf(input);
  const positions = sizeOf(output);
  const taps = sizeOf(kernel);
  const filtersPerGroup = filters / group;
  const rx = readFast(x);
  const rw = readFast(w);
  for (let n = 0; n < batch; n++) {
    for (let m = 0; m < filters; m++) {
      const firstChannel = Math.floor(m / filtersPerGroup) * perGroup;
      const zw = wZero(m);
      for (let p = 0; p < positions; p++) {
        let sum = 0;
        for (let c = 0; c < perGroup; c++) {
          const from = (n * channels + firstChannel + c) * plane;
          const weights = (m * perGroup + c) * taps;
          for (let t = 0; t < taps; t++) {
            const at = offsets[p * taps + t]!;
            if (at >= 0) sum += (rx(from + at) - xZero(0)) * (rw(weights + t) - zw);
          }
        }
        put((n * filters + m) * positions + p, sum, m);
      }
    }
  }
}

/** Float32, channels first: one row of results at a time, weights in registers, no test in the inner loop. */
function convFloat32(
  call: KernelCall,
  x: Float32Array,
  xShape: readonly number[],
  w: Float32Array,
  wShape: readonly number[],
  bias: Float32Array | undefined,
  y: Float32Array,
  yShape: readonly number[],
): void {
  const [batch, channels, height, width] = xShape as [number, number, number, number];
  const [filters, perGroup, kh, kw] = wShape as [number, number, number, number];
  const [, , oh, ow] = yShape as [number, number, number, number];
  const [sh, sw] = intsAttr(call.attrs, "strides") as [number, number];
  const [top, left] = intsAttr(call.attrs, "pads") as [number, number];
  const [dh, dw] = intsAttr(call.attrs, "dilations") as [number, number];
  const filtersPerGroup = filters / intAttr(call.attrs, "group");
  const row = new Float64Array(ow);
  for (let n = 0; n < batch; n++) {
    for (let m = 0; m < filters; m++) {
      const firstChannel = Math.floor(m / filtersPerGroup) * perGroup;
      for (let r = 0; r < oh; r++) {
        row.fill(bias === undefined ? 0 : bias[m]!);
        for (let c = 0; c < perGroup; c++) {
          for (let i = 0; i < kh; i++) {
            const line = r * sh - top + i * dh;
            if (line < 0 || line >= height) continue;
            const from = ((n * channels + firstChannel + c) * height + line) * width;
            for (let j = 0; j < kw; j++) {
              const weight = w[((m * perGroup + c) * kh + i) * kw + j]!;
              const shift = j * dw - left;
              const first = Math.max(0, Math.ceil(-shift / sw));
              const last = Math.min(ow, Math.floor((width - 1 - shift) / sw) + 1);
              for (let o = first, at = from + first * sw + shift; o < last; o++, at += sw) row[o]! += weight * x[at]!;
            }
          }
        }
        const to = ((n * filters + m) * oh + r) * ow;
        for (let o = 0; o < ow; o++) y[to + o] = row[o]!;
      }
    }
  }
}

const float32 = (tensor: Tensor | null | undefined): Float32Array | undefined =>
  tensor?.dtype === "float32" && tensor.data instanceof Float32Array ? tensor.data : undefined;

const conv: Kernel = (call) => {
  const x = operand(call, 0);
  const w = operand(call, 1);
  const bias = call.inputs[2];
  const y = result(call);
  const [fx, fw, fy] = [float32(x), float32(w), float32(y)];
  if (fx && fw && fy && x.shape.length === 4)
    return convFloat32(call, fx, x.shape, fw, w.shape, float32(bias), fy, y.shape);
  if (fx && fw && fy && x.shape.length === 3) {
    // One dim is two, the first of size 1.
    const two = (shape: readonly number[]): number[] => [shape[0]!, shape[1]!, 1, shape[2]!];
    const [before = 0, after = 0] = intsAttr(call.attrs, "pads");
    const attrs = new Map(call.attrs)
      .set("strides", [1, ...intsAttr(call.attrs, "strides")])
      .set("dilations", [1, ...intsAttr(call.attrs, "dilations")])
      .set("pads", [0, before, 0, after]);
    return convFloat32({ ...call, attrs }, fx, two(x.shape), fw, two(w.shape), float32(bias), fy, two(y.shape));
  }
  const add = bias ? reader(bias) : () => 0;
  const write = writer(y);
  convolve(
    call,
    x,
    w,
    y,
    (i, value, m) => write(i, value + add(m)),
    () => 0,
    () => 0,
  );
};

/** Integers with zero points, int32 out. Operands: x, w, x zero point, w zero point (one, or one a filter). */
const convInteger: Kernel = (call) => {
  const y = result(call);
  const write = writer(y);
  const [, , xZero, wZero] = call.inputs;
  convolve(call, operand(call, 0), operand(call, 1), y, write, scalar(xZero), scalar(wZero));
};

/** Reads element i, or element 0 of a scalar; 0 for an absent operand. */
function scalar(tensor: Tensor | null | undefined): Read {
  if (!tensor) return () => 0;
  const read = reader(tensor);
  return sizeOf(tensor.shape) === 1 ? () => read(0) : read;
}

const halfEven = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
};

/** Operands: x, x scale, x zero, w, w scale, w zero, y scale, y zero, bias (int32). */
const qlinearConv: Kernel = (call) => {
  const y = result(call);
  const [x, xScale, xZero, w, wScale, wZero, yScale, yZero, bias] = call.inputs;
  if (!x || !w) return;
  const sx = scalar(xScale);
  const sw = scalar(wScale);
  const sy = scalar(yScale);
  const zy = scalar(yZero);
  const add = bias ? reader(bias) : () => 0;
  const [low, high] = y.dtype === "int8" ? [-128, 127] : [0, 255];
  const write = writer(y);
  convolve(
    call,
    x,
    w,
    y,
    (i, value, m) =>
      write(i, Math.min(high, Math.max(low, halfEven(((value + add(m)) * (sx(0) * sw(m))) / sy(0)) + zy(0)))),
    scalar(xZero),
    scalar(wZero),
  );
};

const ACTIVATE: Readonly<Record<string, (x: number) => number>> = {
  none: (x) => x,
  relu: (x) => (x > 0 ? x : x === x ? 0 : x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
};

/** A float tensor's numbers: its own where they are such, a copy of the packed types. */
function numbersOf(tensor: Tensor): Float32Array | Float64Array {
  const { dtype, data, shape } = tensor;
  if ((dtype === "float32" || dtype === "float64") && (data instanceof Float32Array || data instanceof Float64Array))
    return data;
  const read = reader(tensor);
  return Float64Array.from({ length: sizeOf(shape) }, (_, i) => read(i));
}

/** Channels last: x [N,H,W,C], filter [kh,kw,C/group,M], bias [M], any float types; attrs also: activation. */
const convNhwc: Kernel = (call) => {
  const x = operand(call, 0);
  const w = operand(call, 1);
  const bias = call.inputs[2];
  const y = result(call);
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [kh, kw, perGroup, filters] = w.shape as [number, number, number, number];
  const [, oh, ow] = y.shape as [number, number, number, number];
  const [sh, sw] = intsAttr(call.attrs, "strides") as [number, number];
  const [top, left] = intsAttr(call.attrs, "pads") as [number, number];
  const [dh, dw] = intsAttr(call.attrs, "dilations") as [number, number];
  const filtersPerGroup = filters / intAttr(call.attrs, "group");
  const activate = ACTIVATE[String(call.attrs.get("activation") ?? "none")]!;
  const [xd, wd] = [numbersOf(x), numbersOf(w)];
  const bd = bias ? numbersOf(bias) : undefined;
  const write = writer(y);
  const sums = new Float64Array(filters);
  for (let n = 0; n < batch; n++) {
    for (let r = 0; r < oh; r++) {
      for (let o = 0; o < ow; o++) {
        if (bd === undefined) sums.fill(0);
        else sums.set(bd);
        for (let i = 0; i < kh; i++) {
          const line = r * sh - top + i * dh;
          if (line < 0 || line >= height) continue;
          for (let j = 0; j < kw; j++) {
            const column = o * sw - left + j * dw;
            if (column < 0 || column >= width) continue;
            const from = ((n * height + line) * width + column) * channels;
            const taps = (i * kw + j) * perGroup * filters;
            for (let g = 0; g * filtersPerGroup < filters; g++) {
              for (let c = 0; c < perGroup; c++) {
                const value = xd[from + g * perGroup + c]!;
                const at = taps + c * filters;
                for (let m = g * filtersPerGroup; m < (g + 1) * filtersPerGroup; m++) sums[m]! += value * wd[at + m]!;
              }
            }
          }
        }
        const to = ((n * oh + r) * ow + o) * filters;
        for (let m = 0; m < filters; m++) write(to + m, activate(sums[m]!));
      }
    }
  }
};

/** attrs as for Conv, pads being those of the forward convolution's input; w [C, M/group, k...]. */
const convTranspose: Kernel = (call) => {
  const x = operand(call, 0);
  const w = operand(call, 1);
  const bias = call.inputs[2];
  const y = result(call);
  const [batch, channels, ...input] = x.shape as [number, number, ...number[]];
  const [, perGroup, ...kernel] = w.shape as [number, number, ...number[]];
  const output = y.shape.slice(2);
  const group = intAttr(call.attrs, "group");
  const filters = perGroup * group;
  // Input and output change places: each result gathers the inputs whose window covers it.
  const rank = input.length;
  const strides = intsAttr(call.attrs, "strides");
  const pads = intsAttr(call.attrs, "pads");
  const dilations = intsAttr(call.attrs, "dilations");
  const tables = output.map((size, d) => {
    const table = new Int32Array(size * kernel[d]!).fill(-1);
    for (let o = 0; o < size; o++) {
      for (let k = 0; k < kernel[d]!; k++) {
        const shifted = o + pads[d]! - k * dilations[d]!;
        const i = shifted / strides[d]!;
        if (Number.isInteger(i) && i >= 0 && i < input[d]!) table[o * kernel[d]! + k] = i;
      }
    }
    return table;
  });
  const positions = sizeOf(output);
  const taps = sizeOf(kernel);
  const plane = sizeOf(input);
  const outStrides = stridesOf(output);
  const tapStrides = stridesOf(kernel);
  const inStrides = stridesOf(input);
  const rx = readFast(x);
  const rw = readFast(w);
  const add = bias ? reader(bias) : () => 0;
  const write = writer(y);
  const channelsPerGroup = channels / group;
  const reach = new Int32Array(taps);
  for (let p = 0; p < positions; p++) {
    for (let t = 0; t < taps; t++) {
      let at = 0;
      for (let d = 0; d < rank; d++) {
        const i =
          tables[d]![
            (Math.floor(p / outStrides[d]!) % output[d]!) * kernel[d]! + (Math.floor(t / tapStrides[d]!) % kernel[d]!)
          ]!;
        if (i < 0) {
          at = -1;
          break;
        }
        at += i * inStrides[d]!;
      }
      reach[t] = at;
    }
    for (let n = 0; n < batch; n++) {
      for (let m = 0; m < filters; m++) {
        const g = Math.floor(m / perGroup);
        let sum = add(m);
        for (let c = g * channelsPerGroup; c < (g + 1) * channelsPerGroup; c++) {
          const weights = (c * perGroup + (m % perGroup)) * taps;
          const from = (n * channels + c) * plane;
          for (let t = 0; t < taps; t++) if (reach[t]! >= 0) sum += rx(from + reach[t]!) * rw(weights + t);
        }
        write((n * filters + m) * positions + p, sum);
      }
    }
  }
};

export const convKernels: KernelTable = {
  Conv: conv,
  ConvInteger: convInteger,
  QLinearConv: qlinearConv,
  ConvNHWC: convNhwc,
  ConvTranspose: convTranspose,
};
