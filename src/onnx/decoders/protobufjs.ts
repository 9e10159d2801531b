/** The default decoder: protobufjs with code generated from ONNX 1.22's own onnx.proto (IR 13). */
import { onnx } from "../proto/onnx.js";
import type { Decoder } from "./types.ts";

export const protobufjsDecoder: Decoder = {
  model: (bytes) => onnx.ModelProto.decode(bytes),
  tensor: (bytes) => onnx.TensorProto.decode(bytes),
};
