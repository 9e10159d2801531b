/** Convolutions: shapes, attributes, cost. */
import { isFloat, type DType } from "../../ir/dtype.ts";
import { sizeOf } from "../../kernels/access.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";
import { windowShape } from "./window.ts";

interface ConvShape {
  readonly shape: readonly number[];
  readonly attrs: { strides: readonly number[]; pads: readonly number[]; dilations: readonly number[]; group: number };
  readonly flops: number;
}

function convShape(n: OpContext, x: readonly number[], w: readonly number[]): ConvShape {
  if (x.length < 3 || w.length !== x.length) n.invalid(`data of rank ${x.length} and filter of rank ${w.length}`);
  const [batch, channels, ...input] = x as [number, number, ...number[]];
  const [filters, perGroup, ...kernel] = w as [number, number, ...number[]];
  const declared = n.ints("kernel_shape");
  if (declared !== undefined && declared.some((size, d) => size !== kernel[d]))
    n.invalid(`kernel_shape is [${declared.join(",")}], the filter [${kernel.join(",")}]`);
  const group = n.int("group", 1);
  if (group < 1 || channels !== perGroup * group || filters % group !== 0)
    n.invalid(`${channels} channels and ${filters} filters of ${perGroup} do not make ${group} group(s)`);
  const { output, strides, pads, dilations } = windowShape(n, input, kernel);
  const shape = [batch, filters, ...output];
  return { shape, attrs: { strides, pads, dilations, group }, flops: 2 * sizeOf(shape) * perGroup * sizeOf(kernel) };
}

function checkBias(n: OpContext, i: number, filters: number, dtype: DType): void {
  if (!n.hasInput(i)) return;
  const bias = n.input(i);
  if (bias.dtype !== dtype || bias.shape.length !== 1 || bias.shape[0] !== filters)
    n.invalid(`the bias must be ${dtype}[${filters}], got ${bias.dtype}[${bias.shape.join(",")}]`);
}

function floats(n: OpContext): { dtype: DType; x: readonly number[]; w: readonly number[] } {
  const x = n.input(0);
  const w = n.input(1);
  if (!isFloat(x.dtype) || w.dtype !== x.dtype) n.invalid(`data of ${x.dtype} and filter of ${w.dtype}`);
  return { dtype: x.dtype, x: x.shape, w: w.shape };
}

function conv(n: OpContext): Meaning {
  const { dtype, x, w } = floats(n);
  const { shape, attrs, flops } = convShape(n, x, w);
  checkBias(n, 2, shape[1]!, dtype);
  return { outputs: [{ dtype, shape }], attrs, flops };
}

function convInteger(n: OpContext): Meaning {
  const { shape, attrs, flops } = convShape(n, n.input(0).shape, n.input(1).shape);
  return { outputs: [{ dtype: "int32", shape }], attrs, flops };
}

function qlinearConv(n: OpContext): Meaning {
  const { shape, attrs, flops } = convShape(n, n.input(0).shape, n.input(3).shape);
  checkBias(n, 8, shape[1]!, "int32");
  return { outputs: [{ dtype: n.input(7).dtype, shape }], attrs, flops };
}

function convTranspose(n: OpContext): Meaning {
  const { dtype, x, w } = floats(n);
  if (x.length < 3 || w.length !== x.length) n.invalid(`data of rank ${x.length} and filter of rank ${w.length}`);
  const [batch, channels, ...input] = x as [number, number, ...number[]];
  const [filterChannels, perGroup, ...kernel] = w as [number, number, ...number[]];
  const rank = input.length;
  const group = n.int("group", 1);
  if (channels !== filterChannels || group < 1 || channels % group !== 0)
    n.invalid(`${channels} channels, a filter of ${filterChannels} and ${group} group(s)`);
  const strides = n.ints("strides") ?? input.map(() => 1);
  const dilations = n.ints("dilations") ?? input.map(() => 1);
  const extra = n.ints("output_padding") ?? input.map(() => 0);
  if (
    [strides, dilations, extra].some((list) => list.length !== rank) ||
    strides.some((s) => s < 1) ||
    dilations.some((s) => s < 1)
  )
    n.invalid("strides, dilations or output_padding do not fit the spatial dims");
  const full = input.map((size, d) => strides[d]! * (size - 1) + extra[d]! + (kernel[d]! - 1) * dilations[d]! + 1);
  const auto = n.string("auto_pad", "NOTSET");
  const wanted = n.ints("output_shape")?.slice(-rank);
  let pads: number[];
  if (wanted !== undefined || auto.startsWith("SAME")) {
    const target = wanted ?? input.map((size, d) => size * strides[d]!);
    const total = full.map((size, d) => Math.max(0, size - target[d]!));
    const half = total.map((pad) => Math.floor(pad / 2));
    const rest = total.map((pad, d) => pad - half[d]!);
    pads = auto === "SAME_UPPER" ? [...half, ...rest] : [...rest, ...half];
    if (auto === "NOTSET" && wanted !== undefined) pads = [...half, ...rest];
    const output = target;
    const shape = [batch, perGroup * group, ...output];
    checkBias(n, 2, shape[1]!, dtype);
    return {
      outputs: [{ dtype, shape }],
      attrs: { strides, pads, dilations, group },
      flops: 2 * sizeOf(x) * perGroup * sizeOf(kernel),
    };
  }
  pads = auto === "VALID" ? input.flatMap(() => [0, 0]) : [...(n.ints("pads") ?? input.flatMap(() => [0, 0]))];
  if (pads.length !== 2 * rank) n.invalid(`${pads.length} pads for ${rank} spatial dims`);
  const shape = [batch, perGroup * group, ...full.map((size, d) => size - pads[d]! - pads[d + rank]!)];
  checkBias(n, 2, shape[1]!, dtype);
  return {
    outputs: [{ dtype, shape }],
    attrs: { strides, pads, dilations, group },
    flops: 2 * sizeOf(x) * perGroup * sizeOf(kernel),
  };
}

function convNhwc(n: OpContext): Meaning {
  const { dtype, x, w } = floats(n);
  const [batch, height, width, channels] = x as [number, number, number, number];
  const [kh, kw, perGroup, filters] = w as [number, number, number, number];
  const { shape, attrs, flops } = convShape(n, [batch, channels, height, width], [filters, perGroup, kh, kw]);
  return {
    outputs: [{ dtype, shape: [batch, shape[2]!, shape[3]!, filters] }],
    attrs: { ...attrs, activation: n.string("activation", "none") },
    flops,
  };
}

function fusedConv(n: OpContext): Meaning {
  const activation = n.string("activation", "");
  if (activation !== "" || n.hasInput(3))
    n.unsupported(`activation '${activation}' or a residual operand has no kernel here`);
  return { ...conv(n), kernel: "Conv" };
}

export const convOperators: OperatorTable = {
  Conv: conv,
  ConvInteger: convInteger,
  QLinearConv: qlinearConv,
  ConvTranspose: convTranspose,
};
export const strataConv: OperatorTable = { ConvNHWC: convNhwc };
export const contribConv: OperatorTable = { FusedConv: fusedConv };
