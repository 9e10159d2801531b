/** Sampling and unfolding of images, and Det: shapes and attributes. */
import { isFloat } from "../../ir/dtype.ts";
import { sizeOf } from "../../kernels/access.ts";
import { dataInput } from "./movement.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";
import { windowShape } from "./window.ts";

function gridSample(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const grid = n.input(1).shape;
  if (shape.length < 3 || grid.length !== shape.length || grid.at(-1) !== shape.length - 2 || grid[0] !== shape[0])
    n.invalid(`a grid of [${grid.join(",")}] does not fit data of [${shape.join(",")}]`);
  const mode = n
    .string("mode", n.version < 20 ? "bilinear" : "linear")
    .replace("bilinear", "linear")
    .replace("bicubic", "cubic");
  const padding = n.string("padding_mode", "zeros");
  if (!["linear", "nearest", "cubic"].includes(mode) || !["zeros", "border", "reflection"].includes(padding))
    n.invalid(`mode '${mode}' or padding_mode '${padding}' is not known`);
  const output = [shape[0]!, shape[1]!, ...grid.slice(1, -1)];
  return {
    outputs: [{ dtype, shape: output }],
    attrs: { mode, padding, align_corners: n.int("align_corners", 0) !== 0 },
    flops: 8 * sizeOf(output),
  };
}

function affineGrid(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const size = n.knownInts(1, "the size");
  const rank = size.length - 2;
  if (
    (rank !== 2 && rank !== 3) ||
    size.some((dim) => dim < 1) ||
    shape.length !== 3 ||
    shape[0] !== size[0] ||
    shape[1] !== rank ||
    shape[2] !== rank + 1
  )
    n.invalid(`theta of [${shape.join(",")}] does not fit size [${size.join(",")}]`);
  const output = [size[0]!, ...size.slice(2), rank];
  return {
    outputs: [{ dtype, shape: output }],
    reads: [0],
    attrs: { size, align_corners: n.int("align_corners", 0) !== 0 },
    flops: 2 * rank * sizeOf(output),
  };
}

function roiAlign(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const boxes = n.input(1).shape;
  if (shape.length !== 4 || boxes.length !== 2 || boxes[1] !== 4 || n.input(2).shape[0] !== boxes[0])
    n.invalid("needs data of rank 4, boxes [count, 4] and one batch index a box");
  const [height, width] = [n.int("output_height", 1), n.int("output_width", 1)];
  if (height < 1 || width < 1) n.invalid(`the output is ${height} x ${width}`);
  const mode = n.string("mode", "avg");
  if (mode !== "avg" && mode !== "max") n.invalid(`mode '${mode}' is not known`);
  const half =
    n.string("coordinate_transformation_mode", n.version < 16 ? "output_half_pixel" : "half_pixel") === "half_pixel";
  const output = [boxes[0]!, shape[1]!, height, width];
  return {
    outputs: [{ dtype, shape: output }],
    attrs: {
      height,
      width,
      ratio: n.int("sampling_ratio", 0),
      scale: n.float("spatial_scale", 1),
      max: mode === "max",
      half_pixel: half,
    },
    flops: 32 * sizeOf(output),
  };
}

function col2im(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const image = n.knownInts(1, "the image shape");
  const block = n.knownInts(2, "the block shape");
  if (shape.length !== 3 || image.some((dim) => dim < 1))
    n.invalid(`data of rank ${shape.length} and image [${image.join(",")}]`);
  const { output, strides, pads, dilations } = windowShape(n, image, block);
  const taps = sizeOf(block);
  if (shape[1]! % taps !== 0 || sizeOf(output) !== shape[2])
    n.invalid(
      `columns of [${shape.join(",")}] do not fold into [${image.join(",")}] with blocks of [${block.join(",")}]`,
    );
  return {
    outputs: [{ dtype, shape: [shape[0]!, shape[1]! / taps, ...image] }],
    reads: [0],
    attrs: { image, block, strides, pads, dilations },
    flops: sizeOf(shape),
  };
}

function deformConv(n: OpContext): Meaning {
  const { dtype, shape: x } = dataInput(n);
  const w = n.input(1).shape;
  const offset = n.input(2).shape;
  if (x.length !== 4 || w.length !== 4) n.unsupported(`deformable convolution of rank ${x.length}`);
  const group = n.int("group", 1);
  const offsetGroup = n.int("offset_group", 1);
  const { output, strides, pads, dilations } = windowShape(n, x.slice(2), w.slice(2));
  const taps = sizeOf(w.slice(2));
  if (x[1] !== w[1]! * group || w[0]! % group !== 0 || x[1] % offsetGroup !== 0 || offset[1] !== 2 * offsetGroup * taps)
    n.invalid("channels, groups and offsets do not fit together");
  if (offset[2] !== output[0] || offset[3] !== output[1])
    n.invalid(`offsets for [${offset.slice(2).join(",")}], the output is [${output.join(",")}]`);
  const shape = [x[0]!, w[0]!, ...output];
  return {
    outputs: [{ dtype, shape }],
    attrs: { strides, pads, dilations, group, offset_group: offsetGroup },
    flops: 10 * sizeOf(shape) * w[1]! * taps,
  };
}

function det(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const size = shape.at(-1);
  if (!isFloat(dtype) || shape.length < 2 || size === undefined || size !== shape.at(-2))
    n.invalid(`needs square floating-point matrices, got ${dtype}[${shape.join(",")}]`);
  return {
    outputs: [{ dtype, shape: shape.slice(0, -2) }],
    scratch: [{ dtype: "float64", shape: [size, size] }],
    flops: sizeOf(shape) * size,
  };
}

function causalConv(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const w = n.input(1).shape;
  if (shape.length !== 3 || w.length !== 3 || w[0] !== shape[1] || w[1] !== 1)
    n.unsupported(`data of [${shape.join(",")}] and weights of [${w.join(",")}]: only [B,C,L] with [C,1,K]`);
  const activation = n.string("activation", "none");
  if (!["none", "silu", "swish"].includes(activation)) n.invalid(`activation '${activation}' is not known`);
  const state = [shape[0]!, shape[1]!, w[2]! - 1];
  if (n.hasInput(3) && n.input(3).shape.some((dim, d) => dim !== state[d]))
    n.invalid(`the past state must be [${state.join(",")}]`);
  return {
    outputs: [
      { dtype, shape },
      { dtype, shape: state },
    ],
    attrs: { silu: activation !== "none" },
    flops: 2 * sizeOf(shape) * w[2]!,
  };
}

export const imageOperators: OperatorTable = {
  GridSample: gridSample,
  AffineGrid: affineGrid,
  RoiAlign: roiAlign,
  Col2Im: col2im,
  DeformConv: deformConv,
  Det: det,
  CausalConvWithState: causalConv,
};
