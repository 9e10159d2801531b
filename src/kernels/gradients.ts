/** Backward operators of com.microsoft's training graphs: softmax, layer normalisation, slices, accumulation. */
import { forEachIndex, reader, sizeOf, stridesOf, writer } from "./access.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

/** Operands dY and the softmax Y (or its logarithm, for `log`); attributes `outer`, `size`, `inner` around the axis. */
const softmaxGradient: Kernel = ({ inputs, outputs, attrs }) => {
  const [readDy, readY] = [reader(inputs[0]!), reader(inputs[1]!)];
  const write = writer(outputs[0]!);
  const [outer, size, inner] = [Number(attrs.get("outer")), Number(attrs.get("size")), Number(attrs.get("inner"))];
  const isLog = attrs.get("log") === 1;
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const at = (k: number): number => (o * size + k) * inner + i;
      let sum = 0;
      for (let k = 0; k < size; k++) sum += readDy(at(k)) * (isLog ? 1 : readY(at(k)));
      for (let k = 0; k < size; k++)
        write(at(k), isLog ? readDy(at(k)) - Math.exp(readY(at(k))) * sum : readY(at(k)) * (readDy(at(k)) - sum));
    }
};

/** Operands dY, X, scale, mean, inverse standard deviation; results dX, d scale, d bias. Scratch: two rows. */
const layerNormGradient: Kernel = ({ inputs, outputs, attrs }) => {
  const [dy, x, scale, means, deviations] = inputs;
  const [readDy, readX, readScale, readMean, readDeviation] = [
    reader(dy!),
    reader(x!),
    reader(scale!),
    reader(means!),
    reader(deviations!),
  ];
  const [dx, dScale, dBias] = outputs;
  const size = Number(attrs.get("size"));
  const rows = size === 0 ? 0 : sizeOf(x!.shape) / size;
  const sums = outputs.at(-1)!.data as Float64Array;
  sums.fill(0);
  const write = dx ? writer(dx) : undefined;
  for (let r = 0; r < rows; r++) {
    const [mean, deviation] = [readMean(r), readDeviation(r)];
    let sum = 0;
    let product = 0;
    for (let i = 0; i < size; i++) {
      const normal = (readX(r * size + i) - mean) * deviation;
      const gradient = readDy(r * size + i);
      const scaled = gradient * readScale(i);
      sum += scaled;
      product += scaled * normal;
      sums[i] = sums[i]! + gradient * normal;
      sums[size + i] = sums[size + i]! + gradient;
    }
    for (let i = 0; i < size; i++) {
      const normal = (readX(r * size + i) - mean) * deviation;
      write?.(r * size + i, deviation * (readDy(r * size + i) * readScale(i) - (sum + normal * product) / size));
    }
  }
  for (const [tensor, base] of [
    [dScale, 0],
    [dBias, size],
  ] as const) {
    if (!tensor) continue;
    const put = writer(tensor);
    for (let i = 0; i < size; i++) put(i, sums[base + i]!);
  }
};

/** Operand dY; attributes give `starts` and `steps` for every dim: zeros but where the slice was. */
const sliceGradient: Kernel = ({ inputs, outputs, attrs }) => {
  const dy = inputs[0]!;
  const dx = outputs[0]!;
  const read = reader(dy);
  const write = writer(dx);
  const [starts, steps] = [attrs.get("starts") as readonly number[], attrs.get("steps") as readonly number[]];
  for (let i = 0; i < sizeOf(dx.shape); i++) write(i, 0);
  const own = stridesOf(dx.shape);
  const base = starts.reduce((sum, start, d) => sum + start * own[d]!, 0);
  forEachIndex(dy.shape, [own.map((stride, d) => stride * steps[d]!)], (i, [to = 0]) => write(base + to, read(i)));
};

/** Operands: buffer, value, flag. The buffer plus the value, or the value alone where the flag is set. */
const inPlaceAccumulator: Kernel = ({ inputs, outputs }) => {
  const [buffer, value, flag] = inputs;
  const [updated, result] = outputs;
  const isOverwrite = flag ? reader(flag)(0) !== 0 : false;
  if (updated) writer(updated)(0, 1);
  if (!result) return;
  const [read, add] = [reader(buffer!), reader(value!)];
  const write = writer(result);
  for (let i = 0; i < sizeOf(result.shape); i++) write(i, isOverwrite ? add(i) : read(i) + add(i));
};

/** Joins operands along an axis, `inner` elements behind it; the second result holds each operand's length there. */
const concatTraining: Kernel = ({ inputs, outputs, attrs }) => {
  const [axis, inner] = [Number(attrs.get("axis")), Number(attrs.get("inner"))];
  const [y, lengths] = outputs;
  const tensors = inputs as readonly Tensor[];
  const width = tensors.reduce((sum, { shape }) => sum + shape[axis]! * inner, 0);
  let at = 0;
  for (const { shape, data } of tensors) {
    const run = shape[axis]! * inner;
    const count = run === 0 ? 0 : data.length / run;
    // Storage is moved as it is: every operand has the result's dtype.
    if (y)
      for (let o = 0; o < count; o++)
        (y.data as Uint8Array).set((data as Uint8Array).subarray(o * run, (o + 1) * run), o * width + at);
    at += run;
  }
  if (lengths) tensors.forEach(({ shape }, i) => writer(lengths)(i, shape[axis]!));
};

export const gradientKernels: KernelTable = {
  ConcatTraining: concatTraining,
  InPlaceAccumulatorV2: inPlaceAccumulator,
  LayerNormalizationGrad: layerNormGradient,
  SliceGrad: sliceGradient,
  SoftmaxGrad: softmaxGradient,
};
