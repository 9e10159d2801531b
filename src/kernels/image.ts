/** Sampling and unfolding of images: GridSample, AffineGrid, RoiAlign, Col2Im, DeformConv; and Det. */
import { reader, sizeOf, stridesOf, writer, clear } from "./access.ts";
import { flagAttr, intAttr, intsAttr, textAttr } from "./attributes.ts";
import { numberAttr, operand, result } from "./elementwise.ts";
import type { Kernel, KernelTable } from "./types.ts";

const halfEven = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
};

/** `x` reflected at the borders until it lies between them. */
function reflect(x: number, low: number, high: number): number {
  const range = high - low;
  if (range <= 0) return low;
  if (x >= low && x <= high) return x;
  const distance = x < low ? low - x : x - high;
  const turns = Math.floor(distance / range);
  const rest = distance - turns * range;
  return (turns % 2 === 0) === x < low ? low + rest : high - rest;
}

const CUBIC = -0.75;

/** Weights of the four neighbours of a point at fraction `t` (Keys, 1981). */
const cubicWeights = (t: number): number[] => {
  const far = (d: number): number => ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC;
  const near = (d: number): number => ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
};

/** attrs: mode, padding, align_corners. Operands: x [N,C,d...], grid [N,o...,rank], coordinates in reverse order. */
const gridSample: Kernel = (call) => {
  const x = operand(call, 0);
  const grid = operand(call, 1);
  const y = result(call);
  const mode = textAttr(call.attrs, "mode");
  const padding = textAttr(call.attrs, "padding");
  const align = flagAttr(call.attrs, "align_corners");
  const [batch, channels, ...dims] = x.shape as [number, number, ...number[]];
  const rank = dims.length;
  const strides = stridesOf(dims);
  const plane = sizeOf(dims);
  const points = sizeOf(grid.shape.slice(1, -1));
  const [read, readGrid, write] = [reader(x), reader(grid), writer(y)];
  const low = dims.map(() => (align ? 0 : -0.5));
  const high = dims.map((dim) => (align ? dim - 1 : dim - 0.5));
  /** Index inside dim d, or -1 for a zero. */
  const pixel = (i: number, d: number): number => {
    if (i >= 0 && i < dims[d]!) return i;
    if (padding === "zeros") return -1;
    if (padding === "border") return Math.min(Math.max(i, 0), dims[d]! - 1);
    return Math.trunc(reflect(i, low[d]!, high[d]!));
  };
  const at = new Array<number>(rank).fill(0);
  const taps = dims.map((): { index: number[]; weight: number[] } => ({ index: [], weight: [] }));
  const sum = (d: number, offset: number): number => {
    const { index, weight } = taps[d]!;
    let value = 0;
    for (let t = 0; t < index.length; t++) {
      if (index[t]! < 0) continue;
      const from = offset + index[t]! * strides[d]!;
      value += weight[t]! * (d === rank - 1 ? read(from) : sum(d + 1, from));
    }
    return value;
  };
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < points; p++) {
      for (let d = 0; d < rank; d++) {
        const g = readGrid((n * points + p) * rank + (rank - 1 - d));
        let v = Math.fround(align ? ((g + 1) / 2) * (dims[d]! - 1) : ((g + 1) * dims[d]! - 1) / 2);
        if (mode === "nearest") v = halfEven(v);
        if (v < low[d]! || v > high[d]!) {
          if (padding === "border") v = Math.min(Math.max(v, 0), dims[d]! - 1);
          else if (padding === "reflection") v = reflect(v, low[d]!, high[d]!);
        }
        at[d] = v;
        const base = Math.floor(v);
        if (mode === "nearest") taps[d] = { index: [pixel(Math.trunc(v), d)], weight: [1] };
        else if (mode === "linear")
          taps[d] = { index: [pixel(base, d), pixel(base + 1, d)], weight: [1 - (v - base), v - base] };
        else taps[d] = { index: [-1, 0, 1, 2].map((k) => pixel(base + k, d)), weight: cubicWeights(v - base) };
      }
      for (let c = 0; c < channels; c++) write((n * channels + c) * points + p, sum(0, (n * channels + c) * plane));
    }
  }
};

/** attrs: size (N, C, d...), align_corners. Operand: theta [N, rank, rank + 1]. */
const affineGrid: Kernel = (call) => {
  const theta = operand(call, 0);
  const y = result(call);
  const [batch, , ...dims] = intsAttr(call.attrs, "size") as [number, number, ...number[]];
  const align = flagAttr(call.attrs, "align_corners");
  const rank = dims.length;
  const strides = stridesOf(dims);
  const points = sizeOf(dims);
  const [read, write] = [reader(theta), writer(y)];
  const coordinate = (i: number, dim: number): number =>
    align ? (dim === 1 ? 0 : -1 + (2 * i) / (dim - 1)) : (2 * i + 1) / dim - 1;
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < points; p++) {
      // Coordinates innermost dim first: x, y(, z), 1.
      const position = dims.map((dim, d) => coordinate(Math.floor(p / strides[d]!) % dim, dim)).reverse();
      for (let r = 0; r < rank; r++) {
        const row = (n * rank + r) * (rank + 1);
        let value = read(row + rank);
        for (let k = 0; k < rank; k++) value += read(row + k) * position[k]!;
        write((n * points + p) * rank + r, value);
      }
    }
  }
};

/** attrs: height, width, ratio, scale, max, half_pixel. Operands: x [N,C,H,W], boxes [R,4], batch indices [R]. He et al., 2017. */
const roiAlign: Kernel = (call) => {
  const x = operand(call, 0);
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const y = result(call);
  const [rows, columns, ratio] = ["height", "width", "ratio"].map((name) => intAttr(call.attrs, name)) as [
    number,
    number,
    number,
  ];
  const scale = numberAttr(call.attrs, "scale");
  const half = flagAttr(call.attrs, "half_pixel");
  const largest = flagAttr(call.attrs, "max");
  const [read, box, image, write] = [reader(x), reader(operand(call, 1)), reader(operand(call, 2)), writer(y)];
  const count = operand(call, 1).shape[0]!;
  const offset = half ? 0.5 : 0;
  /** The four neighbours of a point and their weights; none outside by more than a pixel. */
  const neighbours = (v: number, u: number): [number, number][] => {
    if (v < -1 || v > height || u < -1 || u > width) return [];
    const [yy, xx] = [Math.max(v, 0), Math.max(u, 0)];
    const y0 = Math.min(Math.floor(yy), height - 1);
    const x0 = Math.min(Math.floor(xx), width - 1);
    const [y1, x1] = [Math.min(y0 + 1, height - 1), Math.min(x0 + 1, width - 1)];
    const ly = y0 >= height - 1 ? 0 : yy - y0;
    const lx = x0 >= width - 1 ? 0 : xx - x0;
    return [
      [y0 * width + x0, (1 - ly) * (1 - lx)],
      [y0 * width + x1, (1 - ly) * lx],
      [y1 * width + x0, ly * (1 - lx)],
      [y1 * width + x1, ly * lx],
    ];
  };
  for (let r = 0; r < count; r++) {
    const [x1, y1, x2, y2] = [0, 1, 2, 3].map((k) => box(r * 4 + k) * scale - offset) as [
      number,
      number,
      number,
      number,
    ];
    const w = half ? x2 - x1 : Math.max(x2 - x1, 1);
    const h = half ? y2 - y1 : Math.max(y2 - y1, 1);
    const [binH, binW] = [h / rows, w / columns];
    const samplesH = ratio > 0 ? ratio : Math.ceil(h / rows);
    const samplesW = ratio > 0 ? ratio : Math.ceil(w / columns);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const samples: [number, number][][] = [];
        for (let a = 0; a < samplesH; a++)
          for (let b = 0; b < samplesW; b++)
            samples.push(
              neighbours(y1 + i * binH + ((a + 0.5) * binH) / samplesH, x1 + j * binW + ((b + 0.5) * binW) / samplesW),
            );
        for (let c = 0; c < channels; c++) {
          const plane = (image(r) * channels + c) * height * width;
          let value = largest ? -Infinity : 0;
          for (const sample of samples) {
            if (largest) for (const [at, weight] of sample) value = Math.max(value, weight * read(plane + at));
            else for (const [at, weight] of sample) value += weight * read(plane + at);
          }
          const total = samples.length;
          write(
            ((r * channels + c) * rows + i) * columns + j,
            largest ? (Number.isFinite(value) ? value : 0) : total === 0 ? 0 : value / total,
          );
        }
      }
    }
  }
};

/** attrs: image, block, strides, pads, dilations. Operand: [N, C * block, positions]; overlapping values add. */
const col2im: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  const [image, block, strides, pads, dilations] = ["image", "block", "strides", "pads", "dilations"].map((name) =>
    intsAttr(call.attrs, name),
  ) as [readonly number[], readonly number[], readonly number[], readonly number[], readonly number[]];
  const rank = image.length;
  const taps = sizeOf(block);
  const steps = image.map(
    (dim, d) => Math.floor((dim + pads[d]! + pads[d + rank]! - (block[d]! - 1) * dilations[d]! - 1) / strides[d]!) + 1,
  );
  const positions = sizeOf(steps);
  const [batch, channels] = y.shape as [number, number];
  const plane = sizeOf(image);
  const [tapStrides, stepStrides, imageStrides] = [stridesOf(block), stridesOf(steps), stridesOf(image)];
  const read = reader(x);
  const old = reader(y);
  const write = writer(y);
  clear(y);
  for (let t = 0; t < taps; t++) {
    for (let p = 0; p < positions; p++) {
      let to = 0;
      for (let d = 0; d < rank && to >= 0; d++) {
        const i =
          (Math.floor(p / stepStrides[d]!) % steps[d]!) * strides[d]! -
          pads[d]! +
          (Math.floor(t / tapStrides[d]!) % block[d]!) * dilations[d]!;
        to = i >= 0 && i < image[d]! ? to + i * imageStrides[d]! : -1;
      }
      if (to < 0) continue;
      for (let n = 0; n < batch; n++) {
        for (let c = 0; c < channels; c++) {
          const at = (n * channels + c) * plane + to;
          write(at, old(at) + read(((n * channels + c) * taps + t) * positions + p));
        }
      }
    }
  }
};

/** attrs: strides, pads, dilations, group, offset_group. Operands: x, w, offsets, bias, mask. Dai et al., 2017; Zhu et al., 2018. */
const deformConv: Kernel = (call) => {
  const x = operand(call, 0);
  const w = operand(call, 1);
  const y = result(call);
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [filters, perGroup, kh, kw] = w.shape as [number, number, number, number];
  const [, , oh, ow] = y.shape as [number, number, number, number];
  const [sh, sw] = intsAttr(call.attrs, "strides") as [number, number];
  const [top, left] = intsAttr(call.attrs, "pads") as [number, number];
  const [dh, dw] = intsAttr(call.attrs, "dilations") as [number, number];
  const group = intAttr(call.attrs, "group");
  const offsetGroups = intAttr(call.attrs, "offset_group");
  const [rx, rw, shift, write] = [reader(x), reader(w), reader(operand(call, 2)), writer(y)];
  const bias = call.inputs[3] ? reader(call.inputs[3]) : () => 0;
  const mask = call.inputs[4] ? reader(call.inputs[4]) : () => 1;
  const sample = (plane: number, v: number, u: number): number => {
    const [y0, x0] = [Math.floor(v), Math.floor(u)];
    let value = 0;
    for (const [yy, wy] of [
      [y0, 1 - (v - y0)],
      [y0 + 1, v - y0],
    ] as const) {
      for (const [xx, wx] of [
        [x0, 1 - (u - x0)],
        [x0 + 1, u - x0],
      ] as const) {
        if (yy >= 0 && yy < height && xx >= 0 && xx < width && wy * wx !== 0)
          value += wy * wx * rx(plane + yy * width + xx);
      }
    }
    return value;
  };
  const positions = oh * ow;
  for (let n = 0; n < batch; n++) {
    for (let m = 0; m < filters; m++) {
      const first = Math.floor(m / (filters / group)) * perGroup;
      for (let p = 0; p < positions; p++) {
        let sum = bias(m);
        for (let c = 0; c < perGroup; c++) {
          const channel = first + c;
          const og = Math.floor(channel / (channels / offsetGroups));
          for (let t = 0; t < kh * kw; t++) {
            const tap = (n * offsetGroups + og) * kh * kw + t;
            const v = Math.floor(p / ow) * sh - top + Math.floor(t / kw) * dh + shift(2 * tap * positions + p);
            const u = (p % ow) * sw - left + (t % kw) * dw + shift((2 * tap + 1) * positions + p);
            sum +=
              rw((m * perGroup + c) * kh * kw + t) *
              mask(tap * positions + p) *
              sample((n * channels + channel) * height * width, v, u);
          }
        }
        write((n * filters + m) * positions + p, sum);
      }
    }
  }
};

/** Determinants of the last two dims, by elimination with partial pivoting. Scratch: one matrix. */
const det: Kernel = (call) => {
  const x = operand(call, 0);
  const [y, scratch] = call.outputs;
  if (!y || !scratch) return;
  const size = x.shape.at(-1)!;
  const matrix = scratch.data as Float64Array;
  const read = reader(x);
  const write = writer(y);
  for (let b = 0; b < sizeOf(y.shape); b++) {
    for (let i = 0; i < size * size; i++) matrix[i] = read(b * size * size + i);
    let value = 1;
    for (let k = 0; k < size && value !== 0; k++) {
      let pivot = k;
      for (let r = k + 1; r < size; r++)
        if (Math.abs(matrix[r * size + k]!) > Math.abs(matrix[pivot * size + k]!)) pivot = r;
      if (pivot !== k) {
        value = -value;
        for (let c = 0; c < size; c++)
          [matrix[k * size + c], matrix[pivot * size + c]] = [matrix[pivot * size + c]!, matrix[k * size + c]!];
      }
      value *= matrix[k * size + k]!;
      for (let r = k + 1; r < size; r++) {
        const factor = matrix[r * size + k]! / matrix[k * size + k]!;
        for (let c = k; c < size; c++) matrix[r * size + c]! -= factor * matrix[k * size + c]!;
      }
    }
    write(b, value);
  }
};

/** attrs: silu. Operands: x [B,C,L], w [C,1,K], bias, past [B,C,K-1]. Results: y, the last K-1 inputs. */
const causalConv: Kernel = (call) => {
  const x = operand(call, 0);
  const w = operand(call, 1);
  const [y, present] = call.outputs;
  const [batch, channels, length] = x.shape as [number, number, number];
  const kernel = w.shape.at(-1)!;
  const state = kernel - 1;
  const [rx, rw] = [reader(x), reader(w)];
  const bias = call.inputs[2] ? reader(call.inputs[2]) : () => 0;
  const past = call.inputs[3] ? reader(call.inputs[3]) : () => 0;
  const silu = flagAttr(call.attrs, "silu");
  const write = y ? writer(y) : undefined;
  const writeState = present ? writer(present) : undefined;
  for (let row = 0; row < batch * channels; row++) {
    const c = row % channels;
    const input = (i: number): number => (i < 0 ? past(row * state + i + state) : rx(row * length + i));
    for (let i = 0; i < length; i++) {
      let sum = bias(c);
      for (let k = 0; k < kernel; k++) sum += rw(c * kernel + k) * input(i - state + k);
      write?.(row * length + i, silu ? sum / (1 + Math.exp(-sum)) : sum);
    }
    for (let k = 0; k < state; k++) writeState?.(row * state + k, input(length - state + k));
  }
};

export const imageKernels: KernelTable = {
  GridSample: gridSample,
  AffineGrid: affineGrid,
  RoiAlign: roiAlign,
  Col2Im: col2im,
  DeformConv: deformConv,
  Det: det,
  CausalConvWithState: causalConv,
};
