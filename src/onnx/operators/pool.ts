/** Pools: shapes, attributes, cost. */
import { sizeOf } from "../../kernels/access.ts";
import { dataInput } from "./movement.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";
import { windowShape } from "./window.ts";

interface PoolShape {
  readonly dtype: import("../../ir/dtype.ts").DType;
  readonly shape: readonly number[];
  readonly attrs: {
    kernel_shape: readonly number[];
    strides: readonly number[];
    pads: readonly number[];
    dilations: readonly number[];
  };
  readonly flops: number;
}

function poolShape(n: OpContext, last = false): PoolShape {
  const { dtype, shape } = dataInput(n);
  if (shape.length < 3) n.invalid(`needs rank 3 or more, got ${shape.length}`);
  const kernel = n.ints("kernel_shape") ?? n.invalid("attribute 'kernel_shape' is missing");
  const input = last ? shape.slice(1, -1) : shape.slice(2);
  const { output, strides, pads, dilations } = windowShape(n, input, kernel, n.int("ceil_mode", 0) !== 0);
  const result = last ? [shape[0]!, ...output, shape.at(-1)!] : [shape[0]!, shape[1]!, ...output];
  return {
    dtype,
    shape: result,
    attrs: { kernel_shape: kernel, strides, pads, dilations },
    flops: sizeOf(result) * sizeOf(kernel),
  };
}

function maxPool(n: OpContext): Meaning {
  const { dtype, shape, attrs, flops } = poolShape(n);
  return {
    outputs: [
      { dtype, shape },
      { dtype: "int64", shape },
    ],
    attrs: { ...attrs, column_major: n.int("storage_order", 0) !== 0 },
    flops,
  };
}

const averagePool =
  (last: boolean) =>
  (n: OpContext): Meaning => {
    const { dtype, shape, attrs, flops } = poolShape(n, last);
    return {
      outputs: [{ dtype, shape }],
      attrs: { ...attrs, count_include_pad: n.int("count_include_pad", 0) !== 0 },
      flops,
    };
  };

function lpPool(n: OpContext): Meaning {
  const { dtype, shape, attrs, flops } = poolShape(n);
  return { outputs: [{ dtype, shape }], attrs: { ...attrs, p: n.int("p", 2) }, flops };
}

const globalPool =
  (last: boolean, p = false) =>
  (n: OpContext): Meaning => {
    const { dtype, shape } = dataInput(n);
    if (shape.length < 3) n.invalid(`needs rank 3 or more, got ${shape.length}`);
    const ones = shape.slice(2).map(() => 1);
    return {
      outputs: [{ dtype, shape: last ? [shape[0]!, ...ones, shape.at(-1)!] : [shape[0]!, shape[1]!, ...ones] }],
      ...(p ? { attrs: { p: n.int("p", 2) } } : {}),
      flops: sizeOf(shape),
    };
  };

function maxUnpool(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const kernel = n.ints("kernel_shape") ?? n.invalid("attribute 'kernel_shape' is missing");
  const rank = kernel.length;
  if (shape.length !== rank + 2) n.invalid(`a window of ${rank} dims over data of rank ${shape.length}`);
  const strides = n.ints("strides") ?? kernel.map(() => 1);
  const pads = n.ints("pads") ?? kernel.flatMap(() => [0, 0]);
  if (strides.length !== rank || pads.length !== 2 * rank) n.invalid("strides or pads do not fit the window");
  const natural = [
    shape[0]!,
    shape[1]!,
    ...kernel.map((size, d) => (shape[d + 2]! - 1) * strides[d]! + size - pads[d]! - pads[d + rank]!),
  ];
  const wanted = n.hasInput(2) ? n.knownInts(2, "the output shape") : natural;
  if (wanted.length !== natural.length || wanted.some((dim, d) => dim < natural[d]!))
    n.invalid(`output shape [${wanted.join(",")}] is smaller than [${natural.join(",")}]`);
  return { outputs: [{ dtype, shape: wanted }], reads: [0, 1], attrs: { shape: natural }, flops: sizeOf(shape) };
}

export const poolOperators: OperatorTable = {
  MaxPool: maxPool,
  AveragePool: averagePool(false),
  LpPool: lpPool,
  GlobalAveragePool: globalPool(false),
  GlobalMaxPool: globalPool(false),
  GlobalLpPool: globalPool(false, true),
  MaxUnpool: maxUnpool,
};

export const strataPool: OperatorTable = {
  AveragePoolNHWC: averagePool(true),
  GlobalAveragePoolNHWC: globalPool(true),
};
