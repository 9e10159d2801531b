/** Data movement: rules of the operators that put elements elsewhere. */
import { DTYPES } from "../../ir/dtype.ts";
import { sizeOf, stridesOf } from "../../kernels/access.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

/** Operand 0, which must not be strings. */
export function dataInput(n: OpContext, i = 0): { dtype: import("../../ir/dtype.ts").DType; shape: readonly number[] } {
  const type = n.input(i);
  if (type.dtype === "string") n.unsupported("strings have no kernels");
  return type;
}

function transpose(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const perm = n.ints("perm") ?? shape.map((_, d) => shape.length - 1 - d);
  if (perm.length !== shape.length || [...perm].sort((a, b) => a - b).some((d, i) => d !== i))
    n.invalid(`perm [${perm.join(",")}] is no permutation of ${shape.length} dims`);
  const output = { dtype, shape: perm.map((d) => shape[d]!) };
  const moved = perm.filter((d) => shape[d] !== 1);
  const still = moved.every((d, i) => i === 0 || d > moved[i - 1]!);
  return still ? { outputs: [output], reads: [0], view: 0 } : { outputs: [output], attrs: { perm }, flops: 0 };
}

function expand(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const wanted = n.knownInts(1, "the shape");
  if (wanted.some((dim) => dim < 0)) n.invalid(`shape [${wanted.join(",")}] has a negative dim`);
  const output = { dtype, shape: n.broadcast(shape, wanted) };
  return sizeOf(output.shape) === sizeOf(shape)
    ? { outputs: [output], reads: [0], view: 0 }
    : { outputs: [output], reads: [0], flops: 0 };
}

function concat(n: OpContext): Meaning {
  const first = dataInput(n);
  const axis = n.axis(n.version < 4 ? n.int("axis", 1) : n.requiredInt("axis"), first.shape.length);
  let length = 0;
  n.inputs.forEach((_, i) => {
    const { dtype, shape: own } = n.input(i);
    // Old exporters join scalars to vectors.
    const shape = own.length === 0 && first.shape.length === 1 ? [1] : own;
    if (dtype !== first.dtype) n.invalid(`operand ${i} is ${dtype}, operand 0 ${first.dtype}`);
    if (shape.length !== first.shape.length || shape.some((dim, d) => d !== axis && dim !== first.shape[d]))
      n.invalid(
        `operand ${i} of shape [${shape.join(",")}] does not join [${first.shape.join(",")}] along axis ${axis}`,
      );
    length += shape[axis]!;
  });
  const output = { dtype: first.dtype, shape: first.shape.map((dim, d) => (d === axis ? length : dim)) };
  if (n.inputs.length === 1) return { outputs: [output], reads: [0], view: 0 };
  return { outputs: [output], attrs: { axis }, flops: 0 };
}

function split(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const axis = n.axis(n.int("axis", 0), shape.length);
  const total = shape[axis]!;
  const given =
    n.version < 13
      ? n.version === 1 && n.hasInput(1)
        ? n.knownInts(1, "the split sizes")
        : n.ints("split")
      : n.hasInput(1)
        ? n.knownInts(1, "the split sizes")
        : undefined;
  const parts = given?.length ?? n.intOrUndefined("num_outputs") ?? n.outputCount;
  if (parts < 1) n.invalid("it has no results");
  const chunk = n.version >= 18 ? Math.ceil(total / parts) : total / parts;
  const sizes = given ?? Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(chunk, total - i * chunk)));
  if (sizes.some((size) => !Number.isInteger(size) || size < 0) || sizes.reduce((sum, size) => sum + size, 0) !== total)
    n.invalid(`parts [${sizes.join(",")}] do not make up ${total}`);
  const starts: number[] = [];
  sizes.reduce((at, size) => {
    starts.push(at);
    return at + size;
  }, 0);
  return {
    outputs: sizes.map((size) => ({ dtype, shape: shape.map((dim, d) => (d === axis ? size : dim)) })),
    reads: [0],
    attrs: { axis, starts },
    flops: 0,
  };
}

interface Span {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** One dim of a slice, after NumPy: clamped, with the reference's treatment of negative steps. */
function span(n: OpContext, dim: number, start: number, end: number, step: number): Span {
  if (step === 0) n.invalid("a step is 0");
  const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
  const from = start < 0 ? start + dim : start;
  const to = end < 0 ? end + dim : end;
  if (step > 0) {
    const first = clamp(from, 0, dim);
    return { start: first, step, count: Math.max(0, Math.ceil((clamp(to, 0, dim) - first) / step)) };
  }
  const first = clamp(from, -1, dim - 1);
  // An end far below means "down to and with 0".
  const last = end < 0 && to < 0 ? -1 : clamp(to, -1, dim - 1);
  return { start: Math.max(first, 0), step, count: Math.max(0, Math.ceil((first - last) / -step)) };
}

function slice(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const old = n.version < 10;
  const starts = old ? (n.ints("starts") ?? n.invalid("attribute 'starts' is missing")) : n.knownInts(1, "the starts");
  const ends = old ? (n.ints("ends") ?? n.invalid("attribute 'ends' is missing")) : n.knownInts(2, "the ends");
  const axes = old ? n.ints("axes") : n.hasInput(3) ? n.knownInts(3, "the axes") : undefined;
  const steps = !old && n.hasInput(4) ? n.knownInts(4, "the steps") : starts.map(() => 1);
  if (
    ends.length !== starts.length ||
    steps.length !== starts.length ||
    (axes !== undefined && axes.length !== starts.length)
  )
    n.invalid("starts, ends, axes and steps differ in length");
  const spans: Span[] = shape.map((dim) => ({ start: 0, step: 1, count: dim }));
  const seen = new Set<number>();
  starts.forEach((start, i) => {
    const axis = n.axis(axes === undefined ? i : axes[i]!, shape.length);
    if (seen.has(axis)) n.invalid(`axis ${axis} stands twice`);
    seen.add(axis);
    spans[axis] = span(n, shape[axis]!, start, ends[i]!, steps[i]!);
  });
  const output = { dtype, shape: spans.map(({ count }) => count) };
  const attrs = { starts: spans.map(({ start }) => start), steps: spans.map(({ step }) => step) };
  const view = contiguousOffset(shape, spans, DTYPES[dtype].bits);
  return view === undefined
    ? { outputs: [output], reads: [0], attrs, flops: 0 }
    : { outputs: [output], reads: [0], view };
}

/** Byte offset of a slice that is one run of its operand's bytes, or undefined. */
function contiguousOffset(shape: readonly number[], spans: readonly Span[], bits: number): number | undefined {
  if (spans.some(({ count }) => count === 0)) return undefined;
  const cut = spans.findIndex(({ count }) => count !== 1);
  const whole = spans.every(
    ({ start, step, count }, d) => d <= cut || cut < 0 || (start === 0 && step === 1 && count === shape[d]),
  );
  if (cut >= 0 && (!whole || spans[cut]!.step !== 1)) return undefined;
  const strides = stridesOf(shape);
  const at = spans.reduce((sum, { start }, d) => sum + start * strides[d]!, 0) * bits;
  return at % Math.max(8, bits) === 0 ? at / 8 : undefined;
}

function tile(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  let repeats: readonly number[];
  if (n.version < 6) {
    const [count = 1] = n.knownInts(1, "the tiles");
    const axis = n.axis(n.knownInts(2, "the axis")[0] ?? 0, shape.length);
    repeats = shape.map((_, d) => (d === axis ? count : 1));
  } else repeats = n.knownInts(1, "the repeats");
  if (repeats.length !== shape.length || repeats.some((repeat) => repeat < 0))
    n.invalid(`repeats [${repeats.join(",")}] do not fit rank ${shape.length}`);
  const output = { dtype, shape: shape.map((dim, d) => dim * repeats[d]!) };
  return repeats.every((repeat) => repeat === 1)
    ? { outputs: [output], reads: [0], view: 0 }
    : { outputs: [output], reads: [0], flops: 0 };
}

function pad(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const rank = shape.length;
  const mode = n.string("mode", "constant");
  if (!["constant", "edge", "wrap", "reflect"].includes(mode)) n.invalid(`mode '${mode}' is not known`);
  const given =
    n.version < 11
      ? (n.ints("pads") ?? n.ints("paddings") ?? n.invalid("attribute 'pads' is missing"))
      : n.knownInts(1, "the pads");
  const axes = n.hasInput(3) ? n.knownInts(3, "the axes").map((axis) => n.axis(axis, rank)) : shape.map((_, d) => d);
  if (given.length !== 2 * axes.length) n.invalid(`${given.length} pads for ${axes.length} axes`);
  const before = shape.map(() => 0);
  const after = shape.map(() => 0);
  axes.forEach((axis, i) => {
    before[axis] = given[i]!;
    after[axis] = given[i + axes.length]!;
  });
  const output = { dtype, shape: shape.map((dim, d) => dim + before[d]! + after[d]!) };
  if (output.shape.some((dim) => dim < 0)) n.invalid(`pads [${given.join(",")}] take away more than there is`);
  if (mode !== "constant" && shape.some((dim, d) => dim === 0 && output.shape[d]! > 0))
    n.invalid(`mode '${mode}' needs something to repeat`);
  const hasValue = n.version >= 11 && n.hasInput(2);
  const value = n.version < 11 ? n.float("value", 0) : 0;
  if (value !== 0)
    return { outputs: [output], reads: [0], kernel: "PadValue", attrs: { pads: before, mode, value }, flops: 0 };
  return { outputs: [output], reads: hasValue ? [0, 2] : [0], attrs: { pads: before, mode }, flops: 0 };
}

function blocks(n: OpContext): { dtype: import("../../ir/dtype.ts").DType; shape: readonly number[]; size: number } {
  const { dtype, shape } = dataInput(n);
  const size = n.requiredInt("blocksize");
  if (shape.length !== 4 || size < 1)
    n.invalid(`needs rank 4 and a blocksize of at least 1, got rank ${shape.length} and ${size}`);
  return { dtype, shape, size };
}

function depthToSpace(n: OpContext): Meaning {
  const { dtype, shape, size } = blocks(n);
  const [batch, depth, height, width] = shape as [number, number, number, number];
  const channels = depth / size ** 2;
  if (!Number.isInteger(channels)) n.invalid(`${depth} channels do not divide into blocks of ${size}`);
  const crd = n.string("mode", "DCR") === "CRD";
  const view = crd ? [batch, channels, size, size, height, width] : [batch, size, size, channels, height, width];
  const perm = crd ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  return {
    outputs: [{ dtype, shape: [batch, channels, height * size, width * size] }],
    kernel: "ReshapeTranspose",
    attrs: { view, perm },
    flops: 0,
  };
}

function spaceToDepth(n: OpContext): Meaning {
  const { dtype, shape, size } = blocks(n);
  const [batch, channels, height, width] = shape as [number, number, number, number];
  if (height % size !== 0 || width % size !== 0)
    n.invalid(`${height} x ${width} does not divide into blocks of ${size}`);
  const view = [batch, channels, height / size, size, width / size, size];
  return {
    outputs: [{ dtype, shape: [batch, channels * size ** 2, height / size, width / size] }],
    kernel: "ReshapeTranspose",
    attrs: { view, perm: [0, 3, 5, 1, 2, 4] },
    flops: 0,
  };
}

function reverseSequence(n: OpContext): Meaning {
  const type = dataInput(n);
  const batch = n.axis(n.int("batch_axis", 1), type.shape.length);
  const time = n.axis(n.int("time_axis", 0), type.shape.length);
  if (n.input(1).dtype !== "int64" || sizeOf(n.input(1).shape) !== type.shape[batch])
    n.invalid("operand 1 must hold one int64 length for each batch entry");
  return { outputs: [type], attrs: { batch, time }, flops: 0 };
}

function trilu(n: OpContext): Meaning {
  const type = dataInput(n);
  if (type.shape.length < 2) n.invalid("needs rank 2 or more");
  const k = n.hasInput(1) ? n.knownInts(1, "the diagonal")[0]! : 0;
  return { outputs: [type], reads: [0], attrs: { upper: n.int("upper", 1) !== 0, k }, flops: 0 };
}

function centerCropPad(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const wanted = n.knownInts(1, "the shape");
  const axes = (n.ints("axes") ?? shape.map((_, d) => d)).map((axis) => n.axis(axis, shape.length));
  if (wanted.length !== axes.length || wanted.some((dim) => dim < 0))
    n.invalid(`shape [${wanted.join(",")}] does not fit ${axes.length} axes`);
  const target = [...shape];
  axes.forEach((axis, i) => (target[axis] = wanted[i]!));
  // A crop is a negative pad; both halve the difference rounded down.
  const pads = shape.map((dim, d) =>
    target[d]! >= dim ? Math.floor((target[d]! - dim) / 2) : -Math.floor((dim - target[d]!) / 2),
  );
  return {
    outputs: [{ dtype, shape: target }],
    reads: [0],
    kernel: "Pad",
    attrs: { pads, mode: "constant" },
    flops: 0,
  };
}

function crop(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const [left = 0, top = 0, right = 0, bottom = 0] = n.ints("border") ?? [];
  const scale = n.ints("scale");
  if (shape.length !== 4) n.invalid("needs rank 4");
  const height = scale?.[0] ?? shape[2]! - top - bottom;
  const width = scale?.[1] ?? shape[3]! - left - right;
  return {
    outputs: [{ dtype, shape: [shape[0]!, shape[1]!, height, width] }],
    kernel: "Slice",
    attrs: { starts: [0, 0, top, left], steps: [1, 1, 1, 1] },
    flops: 0,
  };
}

export const movementOperators: OperatorTable = {
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Split: split,
  Slice: slice,
  Tile: tile,
  Pad: pad,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  ReverseSequence: reverseSequence,
  Trilu: trilu,
  CenterCropPad: centerCropPad,
  Crop: crop,
};
