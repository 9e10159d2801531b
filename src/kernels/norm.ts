/** Normalisations. Statistics in double, results rounded once. */
import { reader, sizeOf, writer } from "./access.ts";
import { intAttr, intsAttr } from "./attributes.ts";
import { numberAttr, operand, result } from "./elementwise.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

type Read = (i: number) => number;

const readOr = (tensor: Tensor | null | undefined, fallback: number): Read =>
  tensor ? reader(tensor) : () => fallback;

/** attrs: epsilon. Operands: x, scale, bias, mean, variance (one a channel). */
const batchNorm =
  (last: boolean): Kernel =>
  (call) => {
    const x = operand(call, 0);
    const y = result(call);
    const channels = last ? x.shape.at(-1)! : (x.shape[1] ?? 1);
    const inner = last ? 1 : sizeOf(x.shape.slice(2));
    const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => reader(operand(call, i))) as [Read, Read, Read, Read];
    const epsilon = numberAttr(call.attrs, "epsilon");
    const factor = Float64Array.from({ length: channels }, (_, c) => scale(c) / Math.sqrt(variance(c) + epsilon));
    const shift = Float64Array.from({ length: channels }, (_, c) => bias(c) - mean(c) * factor[c]!);
    const total = sizeOf(x.shape);
    if (x.data instanceof Float32Array && y.data instanceof Float32Array) {
      for (let i = 0; i < total; i += inner) {
        const c = Math.floor(i / inner) % channels;
        const [f, s] = [factor[c]!, shift[c]!];
        for (let k = i; k < i + inner; k++) y.data[k] = x.data[k]! * f + s;
      }
      return;
    }
    const read = reader(x);
    const write = writer(y);
    for (let i = 0; i < total; i++) {
      const c = Math.floor(i / inner) % channels;
      write(i, read(i) * factor[c]! + shift[c]!);
    }
  };

/** attrs: epsilon, momentum. Results: y, running mean, running variance (and, before opset 9, the batch's own). */
const batchNormTraining: Kernel = (call) => {
  const x = operand(call, 0);
  const [y, ...stats] = call.outputs;
  const channels = x.shape[1]!;
  const inner = sizeOf(x.shape.slice(2));
  const batch = x.shape[0]!;
  const [scale, bias, oldMean, oldVariance] = [1, 2, 3, 4].map((i) => reader(operand(call, i))) as [
    Read,
    Read,
    Read,
    Read,
  ];
  const epsilon = numberAttr(call.attrs, "epsilon");
  const momentum = numberAttr(call.attrs, "momentum");
  const read = reader(x);
  const write = y ? writer(y) : undefined;
  const outputs = stats.map((tensor) => (tensor ? writer(tensor) : undefined));
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    let squares = 0;
    for (let b = 0; b < batch; b++) for (let i = 0; i < inner; i++) sum += read((b * channels + c) * inner + i);
    const count = batch * inner;
    const mean = sum / count;
    for (let b = 0; b < batch; b++)
      for (let i = 0; i < inner; i++) squares += (read((b * channels + c) * inner + i) - mean) ** 2;
    const variance = squares / count;
    outputs[0]?.(c, oldMean(c) * momentum + mean * (1 - momentum));
    outputs[1]?.(c, oldVariance(c) * momentum + variance * (1 - momentum));
    outputs[2]?.(c, mean);
    outputs[3]?.(c, variance);
    const factor = scale(c) / Math.sqrt(variance + epsilon);
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < inner; i++) {
        const at = (b * channels + c) * inner + i;
        write?.(at, (read(at) - mean) * factor + bias(c));
      }
    }
  }
};

/** Mean and 1 / sqrt(variance + epsilon) of `count` elements from `from`. */
function moments(read: Read, from: number, count: number, epsilon: number): { mean: number; inverse: number } {
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += read(i);
  const mean = sum / count;
  let squares = 0;
  for (let i = from; i < from + count; i++) squares += (read(i) - mean) ** 2;
  return { mean, inverse: 1 / Math.sqrt(squares / count + epsilon) };
}

/** attrs: axis, epsilon, stash (round statistics to float32). Operands: x, scale, bias. Results: y, mean, inverse deviation. */
const layerNorm: Kernel = (call) => {
  const x = operand(call, 0);
  const scaleTensor = operand(call, 1);
  const biasTensor = call.inputs[2];
  const [y, meanTensor, inverseTensor] = call.outputs;
  const axis = intAttr(call.attrs, "axis");
  const count = sizeOf(x.shape.slice(axis));
  const rows = sizeOf(x.shape) / Math.max(1, count);
  const epsilon = numberAttr(call.attrs, "epsilon");
  const scaleAt = broadcastIndex(scaleTensor, x.shape, count);
  const biasAt = biasTensor ? broadcastIndex(biasTensor, x.shape, count) : undefined;
  const writeMean = meanTensor ? writer(meanTensor) : undefined;
  const writeInverse = inverseTensor ? writer(inverseTensor) : undefined;
  const read = reader(x);
  const write = y ? writer(y) : undefined;
  const fast =
    x.data instanceof Float32Array &&
    y?.data instanceof Float32Array &&
    scaleTensor.data instanceof Float32Array &&
    (!biasTensor || biasTensor.data instanceof Float32Array)
      ? { x: x.data, y: y.data }
      : undefined;
  for (let r = 0; r < rows; r++) {
    const from = r * count;
    const { mean, inverse } = fast ? momentsFloat32(fast.x, from, count, epsilon) : moments(read, from, count, epsilon);
    writeMean?.(r, mean);
    writeInverse?.(r, inverse);
    if (fast)
      for (let i = 0; i < count; i++)
        fast.y[from + i] =
          (fast.x[from + i]! - mean) * inverse * scaleAt(from + i) + (biasAt === undefined ? 0 : biasAt(from + i));
    else
      for (let i = 0; i < count; i++)
        write?.(
          from + i,
          (read(from + i) - mean) * inverse * scaleAt(from + i) + (biasAt === undefined ? 0 : biasAt(from + i)),
        );
  }
};

function momentsFloat32(
  x: Float32Array,
  from: number,
  count: number,
  epsilon: number,
): { mean: number; inverse: number } {
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += x[i]!;
  const mean = sum / count;
  let squares = 0;
  for (let i = from; i < from + count; i++) {
    const d = x[i]! - mean;
    squares += d * d;
  }
  return { mean, inverse: 1 / Math.sqrt(squares / count + epsilon) };
}

/** Reads a tensor that broadcasts to `shape` by the flat index there; trailing vectors of `count` are the common case. */
function broadcastIndex(tensor: Tensor, shape: readonly number[], count: number): Read {
  const read = reader(tensor);
  if (sizeOf(tensor.shape) === count) return (i) => read(i % count);
  const lead = shape.length - tensor.shape.length;
  return (flat) => {
    let rest = flat;
    let at = 0;
    let stride = 1;
    for (let d = shape.length - 1; d >= lead; d--) {
      const index = rest % shape[d]!;
      rest = Math.floor(rest / shape[d]!);
      const own = tensor.shape[d - lead]!;
      if (own !== 1) at += index * stride;
      stride *= own;
    }
    return read(at);
  };
}

/** attrs: axis, epsilon. Operands: x, scale. */
const rmsNorm: Kernel = (call) => {
  const x = operand(call, 0);
  const scale = operand(call, 1);
  const y = result(call);
  const axis = intAttr(call.attrs, "axis");
  const count = sizeOf(x.shape.slice(axis));
  const rows = sizeOf(x.shape) / Math.max(1, count);
  const epsilon = numberAttr(call.attrs, "epsilon");
  const scaleAt = broadcastIndex(scale, x.shape, count);
  const inverseTensor = call.outputs[1];
  const writeInverse = inverseTensor ? writer(inverseTensor) : undefined;
  const read = reader(x);
  const write = writer(y);
  for (let r = 0; r < rows; r++) {
    let squares = 0;
    for (let i = r * count; i < (r + 1) * count; i++) squares += read(i) ** 2;
    const inverse = 1 / Math.sqrt(squares / count + epsilon);
    writeInverse?.(r, inverse);
    for (let i = r * count; i < (r + 1) * count; i++) write(i, read(i) * inverse * scaleAt(i));
  }
};

/** attrs: groups, epsilon, per_channel (of scale and bias; else one a group). Serves Instance- and GroupNormalization. */
const groupNorm: Kernel = (call) => {
  const x = operand(call, 0);
  const [scale, bias] = [reader(operand(call, 1)), reader(operand(call, 2))];
  const write = writer(result(call));
  const groups = intAttr(call.attrs, "groups");
  const channels = x.shape[1]!;
  const inner = sizeOf(x.shape.slice(2));
  const perGroup = channels / groups;
  const count = perGroup * inner;
  const perChannel = call.attrs.get("per_channel") === true;
  const epsilon = numberAttr(call.attrs, "epsilon");
  const read = reader(x);
  for (let g = 0; g < x.shape[0]! * groups; g++) {
    const from = g * count;
    const { mean, inverse } = moments(read, from, count, epsilon);
    for (let i = 0; i < count; i++) {
      const channel = perChannel ? (g % groups) * perGroup + Math.floor(i / inner) : g % groups;
      write(from + i, (read(from + i) - mean) * inverse * scale(channel) + bias(channel));
    }
  }
};

/** attrs: axis, p. Divides by the norm along the axis; zero vectors stay zero. */
const lpNorm: Kernel = (call) => {
  const x = operand(call, 0);
  const axis = intAttr(call.attrs, "axis");
  const p = intAttr(call.attrs, "p");
  const count = x.shape[axis]!;
  const inner = sizeOf(x.shape.slice(axis + 1));
  const outer = sizeOf(x.shape.slice(0, axis));
  const read = reader(x);
  const write = writer(result(call));
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const at = (k: number): number => (o * count + k) * inner + i;
      let sum = 0;
      for (let k = 0; k < count; k++) sum += p === 1 ? Math.abs(read(at(k))) : read(at(k)) ** 2;
      const norm = p === 1 ? sum : Math.sqrt(sum);
      for (let k = 0; k < count; k++) write(at(k), norm === 0 ? 0 : read(at(k)) / norm);
    }
  }
};

/** attrs: axes. (x - mean) / sqrt(variance), with the function body's epsilon of 1e-9. */
const meanVarianceNorm: Kernel = (call) => {
  const x = operand(call, 0);
  const axes = intsAttr(call.attrs, "axes");
  const read = reader(x);
  const write = writer(result(call));
  const strides = x.shape.map((_, d) => sizeOf(x.shape.slice(d + 1)));
  const total = sizeOf(x.shape);
  const keep = x.shape.map((_, d) => !axes.includes(d));
  const group = (i: number): number =>
    x.shape.reduce((key, dim, d) => (keep[d] ? key * dim + (Math.floor(i / strides[d]!) % dim) : key), 0);
  const groups = x.shape.reduce((product, dim, d) => (keep[d] ? product * dim : product), 1);
  const sums = new Float64Array(groups);
  const squares = new Float64Array(groups);
  for (let i = 0; i < total; i++) {
    const g = group(i);
    sums[g]! += read(i);
    squares[g]! += read(i) ** 2;
  }
  const count = total / groups;
  for (let i = 0; i < total; i++) {
    const g = group(i);
    const mean = sums[g]! / count;
    write(i, (read(i) - mean) / (Math.sqrt(Math.max(0, squares[g]! / count - mean ** 2)) + 1e-9));
  }
};

/** attrs: alpha, beta, bias, size. Krizhevsky et al., 2012, section 3.3. */
const lrn: Kernel = (call) => {
  const x = operand(call, 0);
  const [alpha, beta, bias] = ["alpha", "beta", "bias"].map((name) => numberAttr(call.attrs, name)) as [
    number,
    number,
    number,
  ];
  const size = intAttr(call.attrs, "size");
  const [batch, channels] = x.shape as [number, number];
  const inner = sizeOf(x.shape.slice(2));
  const read = reader(x);
  const write = writer(result(call));
  const before = Math.floor((size - 1) / 2);
  const after = Math.ceil((size - 1) / 2);
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < inner; i++) {
        let sum = 0;
        for (let k = Math.max(0, c - before); k <= Math.min(channels - 1, c + after); k++)
          sum += read((n * channels + k) * inner + i) ** 2;
        const at = (n * channels + c) * inner + i;
        write(at, read(at) / (bias + (alpha / size) * sum) ** beta);
      }
    }
  }
};

/** attrs: epsilon, rms. Operands: x, skip, gamma, beta, bias. Results: y, mean, inverse deviation, x + skip + bias. */
const skipLayerNorm: Kernel = (call) => {
  const [x, skip] = [operand(call, 0), operand(call, 1)];
  const rms = call.attrs.get("rms") === true;
  const gamma = reader(operand(call, 2));
  const beta = readOr(rms ? null : call.inputs[3], 0);
  const bias = readOr(call.inputs[rms ? 3 : 4], 0);
  const [y, , , sumTensor] = call.outputs;
  const epsilon = numberAttr(call.attrs, "epsilon");
  const count = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / Math.max(1, count);
  const skipSize = sizeOf(skip.shape);
  const read = reader(x);
  const readSkip = reader(skip);
  const write = y ? writer(y) : undefined;
  const writeSum = sumTensor ? writer(sumTensor) : undefined;
  const row = (from: number) => (i: number) => read(from + i) + readSkip((from + i) % skipSize) + bias(i);
  for (let r = 0; r < rows; r++) {
    const from = r * count;
    const value = row(from);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += value(i);
    const mean = rms ? 0 : sum / count;
    let squares = 0;
    for (let i = 0; i < count; i++) squares += (value(i) - mean) ** 2;
    const inverse = 1 / Math.sqrt(squares / count + epsilon);
    for (let i = 0; i < count; i++) {
      const whole = value(i);
      writeSum?.(from + i, whole);
      write?.(from + i, (whole - mean) * inverse * gamma(i) + beta(i));
    }
  }
};

/** attrs: epsilon. Operands: ids, segment ids, word, position, segment tables, gamma, beta, mask, position ids. Results: y, valid length a row. */
const embedLayerNorm: Kernel = (call) => {
  const ids = operand(call, 0);
  const [batch, length] = ids.shape as [number, number];
  const [y, maskIndex, sumTensor] = call.outputs;
  const word = operand(call, 2);
  const hidden = word.shape[1]!;
  const [readWord, readPosition] = [reader(word), reader(operand(call, 3))];
  const segment = call.inputs[4] ? reader(call.inputs[4]) : undefined;
  const [gamma, beta] = [reader(operand(call, 5)), reader(operand(call, 6))];
  const [readId, segmentId] = [reader(ids), call.inputs[1] ? reader(call.inputs[1]) : () => 0];
  const mask = call.inputs[7] ? reader(call.inputs[7]) : undefined;
  const positionIds = call.inputs[8] ? reader(call.inputs[8]) : undefined;
  const sharedPositions = call.inputs[8] ? sizeOf(call.inputs[8].shape) === length : false;
  const epsilon = numberAttr(call.attrs, "epsilon");
  const write = y ? writer(y) : undefined;
  const writeMask = maskIndex ? writer(maskIndex) : undefined;
  const writeSum = sumTensor ? writer(sumTensor) : undefined;
  const row = new Float64Array(hidden);
  for (let b = 0; b < batch; b++) {
    let valid = 0;
    for (let s = 0; s < length; s++) {
      const at = b * length + s;
      const position = positionIds === undefined ? s : positionIds(sharedPositions ? s : at);
      let sum = 0;
      for (let h = 0; h < hidden; h++) {
        row[h] =
          readWord(readId(at) * hidden + h) +
          readPosition(position * hidden + h) +
          (segment === undefined ? 0 : segment(segmentId(at) * hidden + h));
        sum += row[h]!;
      }
      const mean = sum / hidden;
      let squares = 0;
      for (let h = 0; h < hidden; h++) squares += (row[h]! - mean) ** 2;
      const inverse = 1 / Math.sqrt(squares / hidden + epsilon);
      for (let h = 0; h < hidden; h++) {
        writeSum?.(at * hidden + h, row[h]!);
        write?.(at * hidden + h, (row[h]! - mean) * inverse * gamma(h) + beta(h));
      }
      if (mask !== undefined && mask(at) !== 0) valid++;
    }
    writeMask?.(b, valid);
  }
};

export const normKernels: KernelTable = {
  BatchNormalization: batchNorm(false),
  BatchNormalizationNHWC: batchNorm(true),
  BatchNormalizationTraining: batchNormTraining,
  LayerNormalization: layerNorm,
  RMSNormalization: rmsNorm,
  GroupNormalization: groupNorm,
  LpNormalization: lpNorm,
  MeanVarianceNormalization: meanVarianceNorm,
  LRN: lrn,
  SkipLayerNormalization: skipLayerNorm,
  EmbedLayerNormalization: embedLayerNorm,
};
