/** Writing ONNX: models of the generators, and single tensors as TensorProto files. */
import { DTYPES, type DType } from "../ir/dtype.ts";
import { onnx } from "./proto/onnx.js";

/** A model as plain objects with ONNX's field names in camel case. */
export type ModelMessage = onnx.ModelProto.$Properties;

/** The bytes of a ModelProto. */
export const encodeModel = (model: ModelMessage): Uint8Array => onnx.ModelProto.encode(model).finish();

/** The bytes of a TensorProto with raw data (little-endian, packed as ONNX packs small types). */
export const encodeTensor = (name: string, dtype: DType, shape: readonly number[], bytes: Uint8Array): Uint8Array =>
  onnx.TensorProto.encode({ name, dataType: DTYPES[dtype].onnx, dims: [...shape], rawData: bytes }).finish();
