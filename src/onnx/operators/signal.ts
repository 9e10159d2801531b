/** Rules of DFT (opsets 17 and 20), STFT, the window functions and MelWeightMatrix. */
import { DTYPES, dtypeFromOnnx, isFloat, type DType } from "../../ir/dtype.ts";
import { elementCount } from "../../ir/bytes.ts";
import { fourierScratch } from "../../kernels/fourier.ts";
import type { TensorType } from "../../ir/types.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

/** Scalars often come as tensors of one element. */
function knownScalar(n: OpContext, i: number, what: string): number {
  const values = n.knownInts(i, what);
  return values.length === 1 ? values[0]! : n.invalid(`${what} must be one number, got ${values.length}`);
}

function checkSignal(n: OpContext): TensorType {
  const type = n.input(0);
  if (DTYPES[type.dtype].class !== "float" || DTYPES[type.dtype].bits < 16)
    return n.invalid(`the signal must be a float tensor, got ${type.dtype}`);
  return type;
}

/** Multiply-adds of transforms of one length, taken as the n log n of a smooth length. */
const transformFlops = (transforms: number, length: number): number =>
  Math.round(5 * transforms * length * Math.log2(Math.max(2, length)));

const scratchFor = (length: number): TensorType => ({ dtype: "float64", shape: [fourierScratch(length)] });

function dft(n: OpContext): Meaning {
  const { dtype, shape } = checkSignal(n);
  const rank = shape.length;
  const parts = shape.at(-1);
  if (rank < 2 || (parts !== 1 && parts !== 2))
    return n.invalid(`the signal must end in a dim of 1 or 2, got [${shape.join(",")}]`);
  // Opset 17 has the axis as an attribute, 20 as an operand.
  const asked = n.version < 20 ? n.int("axis", 1) : n.hasInput(2) ? knownScalar(n, 2, "axis") : -2;
  const axis = n.axis(asked, rank);
  if (axis === rank - 1) return n.invalid("the last dim holds real and imaginary parts and cannot be transformed");
  const [inverse, onesided] = [n.int("inverse", 0) === 0 ? 0 : 1, n.int("onesided", 0) === 0 ? 0 : 1];
  const isReal = inverse === 1 && onesided === 1;
  if (onesided === 1 && parts !== (isReal ? 2 : 1))
    return n.invalid(`a one-sided ${isReal ? "inverse needs a complex" : "transform needs a real"} signal`);
  const size = shape[axis]!;
  const length = n.hasInput(1) ? knownScalar(n, 1, "dft_length") : isReal ? 2 * (size - 1) : size;
  if (length < 1) return n.invalid(`dft_length must be positive, got ${length}`);
  const result = shape
    .with(axis, onesided === 1 && !isReal ? Math.floor(length / 2) + 1 : length)
    .with(rank - 1, isReal ? 1 : 2);
  const lines = elementCount(shape.with(axis, 1).with(rank - 1, 1));
  return {
    outputs: [{ dtype, shape: result }],
    reads: [0],
    attrs: { axis, length, inverse, onesided },
    flops: transformFlops(lines, length),
    scratch: [scratchFor(length)],
  };
}

function stft(n: OpContext): Meaning {
  const { dtype, shape } = checkSignal(n);
  const parts = shape[2] ?? 1;
  if ((shape.length !== 2 && shape.length !== 3) || (parts !== 1 && parts !== 2))
    return n.invalid(`the signal must be [batch,length,1 or 2], got [${shape.join(",")}]`);
  const step = knownScalar(n, 1, "frame_step");
  const window = n.hasInput(2) ? n.input(2) : undefined;
  if (window !== undefined && (window.shape.length !== 1 || window.dtype !== dtype))
    return n.invalid(`the window must be one row of ${dtype}`);
  const time = shape[1]!;
  const length = n.hasInput(3) ? knownScalar(n, 3, "frame_length") : (window?.shape[0] ?? time);
  if (window !== undefined && window.shape[0] !== length)
    return n.unsupported(`a window of ${window.shape[0]} for frames of ${length} has no kernel`);
  if (step < 1 || length < 1 || length > time)
    return n.invalid(`frames of ${length}, ${step} apart, do not fit a signal of ${time}`);
  const isOnesided = n.int("onesided", 1) !== 0;
  if (isOnesided && parts === 2) return n.invalid("a one-sided transform needs a real signal");
  const frames = Math.floor((time - length) / step) + 1;
  return {
    outputs: [{ dtype, shape: [shape[0]!, frames, isOnesided ? Math.floor(length / 2) + 1 : length, 2] }],
    reads: [0, 2],
    attrs: { step, length },
    flops: transformFlops(shape[0]! * frames, length),
    scratch: [scratchFor(length)],
  };
}

function outputType(n: OpContext): DType {
  const code = n.int("output_datatype", 1);
  const dtype = dtypeFromOnnx(code);
  if (dtype === undefined || !["float", "int", "uint"].includes(DTYPES[dtype].class))
    return n.invalid(`output_datatype ${code} is no numeric type`);
  return dtype;
}

function window(n: OpContext): Meaning {
  const size = knownScalar(n, 0, "size");
  if (size < 0) return n.invalid(`size must not be negative, got ${size}`);
  return {
    outputs: [{ dtype: outputType(n), shape: [size] }],
    reads: [],
    attrs: { periodic: n.int("periodic", 1) === 0 ? 0 : 1 },
    flops: 4 * size,
  };
}

function melWeightMatrix(n: OpContext): Meaning {
  const bands = knownScalar(n, 0, "num_mel_bins");
  const length = knownScalar(n, 1, "dft_length");
  if (bands < 0 || length < 0) return n.invalid(`${bands} mel bins of a transform of ${length}`);
  for (const i of [2, 3, 4])
    if (elementCount(n.input(i).shape) !== 1) return n.invalid(`operand ${i} must be one number`);
  for (const i of [3, 4]) if (!isFloat(n.input(i).dtype)) return n.invalid(`operand ${i} must be a float`);
  return {
    outputs: [{ dtype: outputType(n), shape: [Math.floor(length / 2) + 1, bands] }],
    reads: [2, 3, 4],
    attrs: { length },
  };
}

export const signalOperators: OperatorTable = {
  BlackmanWindow: window,
  DFT: dft,
  HammingWindow: window,
  HannWindow: window,
  MelWeightMatrix: melWeightMatrix,
  STFT: stft,
};
