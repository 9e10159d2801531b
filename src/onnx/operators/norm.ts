/** Normalisations: shapes, attributes, cost. */
import { isFloat, type DType } from "../../ir/dtype.ts";
import { sizeOf } from "../../kernels/access.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

function floatInput(n: OpContext, i = 0): { dtype: DType; shape: readonly number[] } {
  const type = n.input(i);
  if (!isFloat(type.dtype)) n.invalid(`operand ${i} must be floating-point, got ${type.dtype}`);
  return type;
}

function perChannel(n: OpContext, positions: readonly number[], channels: number): void {
  for (const i of positions)
    if (sizeOf(n.input(i).shape) !== channels) n.invalid(`operand ${i} must hold ${channels} numbers, one a channel`);
}

function batchNorm(n: OpContext): Meaning {
  const type = floatInput(n);
  const channels = type.shape[1] ?? 1;
  perChannel(n, [1, 2, 3, 4], channels);
  const epsilon = n.float("epsilon", 1e-5);
  if (n.version < 9 && n.int("spatial", 1) === 0) n.unsupported("statistics of each activation (spatial = 0)");
  const training =
    n.version >= 14
      ? n.int("training_mode", 0) !== 0
      : n.version < 7
        ? n.int("is_test", 0) === 0 && n.hasOutput(1)
        : n.version < 14 && n.hasOutput(1);
  const flops = 2 * sizeOf(type.shape);
  if (!training) return { outputs: [type], attrs: { epsilon }, inPlace: [0], flops };
  const stats = { dtype: n.input(3).dtype, shape: [channels] };
  return {
    outputs: [type, stats, stats, stats, stats],
    kernel: "BatchNormalizationTraining",
    attrs: { epsilon, momentum: n.float("momentum", 0.9) },
    flops: 4 * flops,
  };
}

function layerNorm(n: OpContext): Meaning {
  const type = floatInput(n);
  const axis = n.axis(n.int("axis", -1), type.shape.length);
  n.broadcast(type.shape, n.input(1).shape);
  const stash = n.int("stash_type", 1) === 1 && type.dtype !== "float64" ? ("float32" as const) : type.dtype;
  const statistics = { dtype: stash, shape: type.shape.map((dim, d) => (d < axis ? dim : 1)) };
  return {
    outputs: [type, statistics, statistics],
    attrs: { axis, epsilon: n.float("epsilon", 1e-5) },
    inPlace: [0],
    flops: 8 * sizeOf(type.shape),
  };
}

function rmsNorm(n: OpContext): Meaning {
  const type = floatInput(n);
  const axis = n.axis(n.int("axis", -1), type.shape.length);
  n.broadcast(type.shape, n.input(1).shape);
  return {
    outputs: [type, { dtype: "float32", shape: type.shape.map((dim, d) => (d < axis ? dim : 1)) }],
    kernel: "RMSNormalization",
    attrs: { axis, epsilon: n.float("epsilon", 1e-5) },
    inPlace: [0],
    flops: 4 * sizeOf(type.shape),
  };
}

function instanceNorm(n: OpContext): Meaning {
  const type = floatInput(n);
  const channels = type.shape[1] ?? n.invalid("needs rank 2 or more");
  perChannel(n, [1, 2], channels);
  return {
    outputs: [type],
    kernel: "GroupNormalization",
    attrs: { groups: channels, per_channel: true, epsilon: n.float("epsilon", 1e-5) },
    inPlace: [0],
    flops: 8 * sizeOf(type.shape),
  };
}

function groupNorm(n: OpContext): Meaning {
  const type = floatInput(n);
  const channels = type.shape[1] ?? n.invalid("needs rank 2 or more");
  const groups = n.requiredInt("num_groups");
  if (groups < 1 || channels % groups !== 0) n.invalid(`${channels} channels do not make ${groups} groups`);
  // Opset 18 scaled each group, 21 each channel.
  const byChannel = n.version >= 21;
  perChannel(n, [1, 2], byChannel ? channels : groups);
  return {
    outputs: [type],
    attrs: { groups, per_channel: byChannel, epsilon: n.float("epsilon", 1e-5) },
    inPlace: [0],
    flops: 8 * sizeOf(type.shape),
  };
}

function lpNorm(n: OpContext): Meaning {
  const type = floatInput(n);
  const p = n.int("p", 2);
  if (p !== 1 && p !== 2) n.invalid(`p is ${p}, only 1 and 2 are defined`);
  return {
    outputs: [type],
    attrs: { axis: n.axis(n.int("axis", -1), type.shape.length), p },
    flops: 3 * sizeOf(type.shape),
  };
}

function meanVarianceNorm(n: OpContext): Meaning {
  const type = floatInput(n);
  const axes = (n.ints("axes") ?? [0, 2, 3]).map((axis) => n.axis(axis, type.shape.length));
  return { outputs: [type], attrs: { axes }, flops: 6 * sizeOf(type.shape) };
}

function lrn(n: OpContext): Meaning {
  const type = floatInput(n);
  if (type.shape.length < 3) n.invalid("needs rank 3 or more");
  const size = n.requiredInt("size");
  return {
    outputs: [type],
    attrs: { alpha: n.float("alpha", 1e-4), beta: n.float("beta", 0.75), bias: n.float("bias", 1), size },
    flops: (size + 4) * sizeOf(type.shape),
  };
}

function skipLayerNorm(rms: boolean) {
  return (n: OpContext): Meaning => {
    const type = floatInput(n);
    const hidden = type.shape.at(-1) ?? n.invalid("needs rank 1 or more");
    perChannel(n, [2], hidden);
    if (sizeOf(type.shape) % Math.max(1, sizeOf(n.input(1).shape)) !== 0) n.invalid("the skip operand does not fit");
    const statistics = {
      dtype: "float32" as const,
      shape: type.shape.map((dim, d) => (d === type.shape.length - 1 ? 1 : dim)),
    };
    if (n.hasOutput(1) || n.hasOutput(2)) n.unsupported("mean and deviation as results");
    return {
      outputs: [type, statistics, statistics, type],
      kernel: "SkipLayerNormalization",
      attrs: { epsilon: n.float("epsilon", 1e-12), rms },
      flops: 10 * sizeOf(type.shape),
    };
  };
}

function embedLayerNorm(n: OpContext): Meaning {
  const { shape } = n.input(0);
  const word = floatInput(n, 2);
  if (shape.length !== 2) n.invalid("the ids must be [batch, sequence]");
  if (n.int("mask_index_type", 1) === 0 && n.hasOutput(1)) n.unsupported("mask_index_type 0");
  const [batch, length] = shape as [number, number];
  const output = { dtype: word.dtype, shape: [batch, length, word.shape[1]!] };
  return {
    outputs: [output, { dtype: "int32", shape: [batch] }, output],
    attrs: { epsilon: n.float("epsilon", 1e-12) },
    flops: 10 * sizeOf(output.shape),
  };
}

export const normOperators: OperatorTable = {
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  RMSNormalization: rmsNorm,
  SimplifiedLayerNormalization: rmsNorm,
  InstanceNormalization: instanceNorm,
  GroupNormalization: groupNorm,
  LpNormalization: lpNorm,
  MeanVarianceNormalization: meanVarianceNorm,
  LRN: lrn,
};

export const contribNorm: OperatorTable = {
  SkipLayerNormalization: skipLayerNorm(false),
  SkipSimplifiedLayerNormalization: skipLayerNorm(true),
  SimplifiedLayerNormalization: rmsNorm,
  LayerNormalization: layerNorm,
  EmbedLayerNormalization: embedLayerNorm,
};
