/**
 * Resize in any number of dims: each dim gets, for every output position, the input positions that
 * count and their weights (a table), and a result is the weighted sum over the product of taps.
 */
import { invariant } from "../errors.ts";
import { reader, sizeOf, stridesOf, writer } from "./access.ts";
import { flagAttr, intsAttr, textAttr } from "./attributes.ts";
import { numberAttr, operand, result } from "./elementwise.ts";
import type { Kernel, KernelCall, KernelTable } from "./types.ts";

interface Taps {
  readonly count: number;
  /** [output position][tap], clamped into the input. */
  readonly index: Int32Array;
  readonly weight: Float64Array;
  /** Whether the position lies outside the region, where the extrapolation value stands. */
  readonly outside: Uint8Array;
}

interface Scaling {
  readonly input: number;
  readonly output: number;
  readonly scale: number;
  readonly roi: readonly [number, number];
}

/** Where output position `x` lies in the input, by coordinate_transformation_mode. */
const COORDINATE: Readonly<Record<string, (x: number, s: Scaling) => number>> = {
  asymmetric: (x, { scale }) => x / scale,
  half_pixel: (x, { scale }) => (x + 0.5) / scale - 0.5,
  pytorch_half_pixel: (x, { scale, input }) => (scale * input === 1 ? -0.5 : (x + 0.5) / scale - 0.5),
  half_pixel_symmetric: (x, { scale, input, output }) =>
    (input / 2) * (1 - output / (scale * input)) + (x + 0.5) / scale - 0.5,
  align_corners: (x, { scale, input }) => (scale * input === 1 ? 0 : (x * (input - 1)) / (scale * input - 1)),
  tf_half_pixel_for_nn: (x, { scale }) => (x + 0.5) / scale,
  tf_crop_and_resize: (x, { scale, input, roi: [start, end] }) =>
    start * (input - 1) +
    (scale * input === 1 ? ((end - start) * (input - 1)) / 2 : (x * (end - start) * (input - 1)) / (scale * input - 1)),
};

const NEAREST: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

const cubic = (distance: number, a: number): number => {
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
};

const triangle = (distance: number): number => Math.max(0, 1 - Math.abs(distance));

/** Taps of one dim. Antialiasing widens the filter when the image shrinks. */
function tapsOf(call: Pick<KernelCall, "attrs">, scaling: Scaling): Taps {
  const mode = textAttr(call.attrs, "mode");
  const coordinateMode = textAttr(call.attrs, "coordinates");
  const coordinate = COORDINATE[coordinateMode]!;
  const nearest = NEAREST[textAttr(call.attrs, "nearest")]!;
  const a = numberAttr(call.attrs, "cubic_a");
  const stretch = flagAttr(call.attrs, "antialias") ? Math.min(scaling.scale, 1) : 1;
  const reach = mode === "cubic" ? 2 : 1;
  const first = mode === "nearest" ? 0 : Math.floor(-reach / stretch) + 1;
  const count = mode === "nearest" ? 1 : 2 - 2 * first;
  const { input, output } = scaling;
  const index = new Int32Array(output * count);
  const weight = new Float64Array(output * count);
  const outside = new Uint8Array(output);
  const crop = coordinateMode === "tf_crop_and_resize";
  for (let o = 0; o < output; o++) {
    const x = coordinate(o, scaling);
    if (crop && (x < 0 || x > input - 1)) outside[o] = 1;
    const clamp = (i: number): number => Math.min(Math.max(i, 0), input - 1);
    if (mode === "nearest") {
      index[o] = clamp(nearest(x));
      weight[o] = 1;
      continue;
    }
    const base = Number.isInteger(x) ? x - 1 : Math.floor(x);
    let sum = 0;
    for (let t = 0; t < count; t++) {
      const at = base + first + t;
      const distance = (at - x) * stretch;
      const kept = !flagAttr(call.attrs, "exclude_outside") || (at >= 0 && at < input);
      const value = kept ? (mode === "cubic" ? cubic(distance, a) : triangle(distance)) : 0;
      index[o * count + t] = clamp(at);
      weight[o * count + t] = value;
      sum += value;
    }
    if (stretch < 1 || flagAttr(call.attrs, "exclude_outside"))
      for (let t = 0; t < count; t++) weight[o * count + t]! /= sum;
  }
  return { count, index, weight, outside };
}

const identity = (size: number): Taps => ({
  count: 1,
  index: Int32Array.from({ length: size }, (_, i) => i),
  weight: new Float64Array(size).fill(1),
  outside: new Uint8Array(size),
});

/** Taps of every dim. */
function allTaps(call: Pick<KernelCall, "attrs">, from: readonly number[], to: readonly number[]): Taps[] {
  const scales = call.attrs.get("scales");
  invariant(Array.isArray(scales), "Resize was called without scales");
  const roi = intsAttr(call.attrs, "roi");
  const cropped = textAttr(call.attrs, "coordinates") === "tf_crop_and_resize";
  return from.map((input, d) => {
    const scale = Number(scales[d]);
    const output = to[d]!;
    return scale === 1 && input === output && !cropped
      ? identity(input)
      : tapsOf(call, { input, output, scale, roi: [roi[d]!, roi[d + from.length]!] });
  });
}

/** For every dim and position of the result the position it copies, where a resize does no more than copy. */
export function copiedPositions(
  call: Pick<KernelCall, "attrs">,
  from: readonly number[],
  to: readonly number[],
): readonly Int32Array[] | undefined {
  if (textAttr(call.attrs, "mode") !== "nearest") return undefined;
  const taps = allTaps(call, from, to);
  return taps.some(({ outside }) => outside.includes(1)) ? undefined : taps.map(({ index }) => index);
}

/** attrs: scales, roi (starts, then ends), mode, coordinates, nearest, cubic_a, exclude_outside, antialias, extrapolation. */
const resize: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  const rank = x.shape.length;
  const extrapolation = numberAttr(call.attrs, "extrapolation");
  const taps = allTaps(call, x.shape, y.shape);
  const strides = stridesOf(x.shape);
  const read = reader(x);
  const write = writer(y);
  const whole = !/float/.test(y.dtype);
  const at = y.shape.map(() => 0);
  const total = sizeOf(y.shape);
  const sum = (d: number, offset: number): number => {
    const { count, index, weight } = taps[d]!;
    let value = 0;
    for (let t = at[d]! * count; t < (at[d]! + 1) * count; t++) {
      const w = weight[t]!;
      if (w === 0) continue;
      const from = offset + index[t]! * strides[d]!;
      value += w * (d === rank - 1 ? read(from) : sum(d + 1, from));
    }
    return value;
  };
  for (let i = 0; i < total; i++) {
    const value = taps.some((tap, d) => tap.outside[at[d]!] === 1) ? extrapolation : sum(0, 0);
    write(i, whole ? Math.trunc(value) : value);
    for (let d = rank - 1; d >= 0; d--) {
      at[d]!++;
      if (at[d]! < y.shape[d]!) break;
      at[d] = 0;
    }
  }
};

export const resizeKernels: KernelTable = { Resize: resize };
