/** Tensors in files: .npy where NumPy has the type, ONNX TensorProto (.pb) for all. */
import { malformedCase } from "./errors.ts";
import { bytesOf, tensorFromBytes } from "./kernels/access.ts";
import type { Tensor } from "./kernels/types.ts";
import { decodeNpy, encodeNpy, hasNpy } from "./npy.ts";
import { readTensor } from "./onnx/read.ts";
import { encodeTensor } from "./onnx/encode.ts";

/** Reads a tensor from the bytes of a .npy or .pb file. Throws InputError `malformed-case`. */
export async function decodeTensorFile(path: string, bytes: Uint8Array): Promise<Tensor> {
  if (path.endsWith(".npy")) return decodeNpy(bytes, path);
  const data = await readTensor(bytes);
  if (data.source.kind !== "inline") throw malformedCase(path, "it holds no dense numeric tensor");
  return tensorFromBytes(data.dtype, data.shape, data.source.bytes());
}

/** A safe file name for output `index`: what a model chose to call it can't leave the folder. */
export const tensorFileName = (index: number, name: string, tensor: Tensor): string =>
  `${index}_${name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 80)}.${hasNpy(tensor.dtype) ? "npy" : "pb"}`;

/** The bytes of a tensor's file, in the format of its `tensorFileName`. */
export const encodeTensorFile = (name: string, tensor: Tensor): Uint8Array =>
  hasNpy(tensor.dtype) ? encodeNpy(tensor) : encodeTensor(name, tensor.dtype, tensor.shape, bytesOf(tensor));
