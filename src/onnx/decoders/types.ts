/**
 * What every decoder of protobuf gives: the messages of onnx.proto with fields in camel case. All
 * fields may be missing: the older decoder does not know the newer ones.
 */
import type { onnx } from "../proto/onnx.js";

export type RawModel = onnx.ModelProto.$Properties;
export type RawGraph = onnx.GraphProto.$Properties;
export type RawNode = onnx.NodeProto.$Properties;
export type RawAttribute = onnx.AttributeProto.$Properties;
export type RawFunction = onnx.FunctionProto.$Properties;
export type RawTensor = onnx.TensorProto.$Properties;
export type RawValue = onnx.ValueInfoProto.$Properties;
export type RawType = onnx.TypeProto.$Properties;
export type RawShape = onnx.TensorShapeProto.$Properties;
export type RawEntry = onnx.StringStringEntryProto.$Properties;
export type RawOpset = onnx.OperatorSetIdProto.$Properties;

export interface Decoder {
  /** Both throw errors of their own kind on bad bytes; raw bytes in the result are views on the input. */
  model(bytes: Uint8Array): RawModel;
  tensor(bytes: Uint8Array): RawTensor;
}

/** Whether the file said this field, whatever the decoder gives for one it did not. */
export const present = <T extends object>(message: T, field: keyof T): boolean =>
  Object.hasOwn(message, field) && message[field] !== null && message[field] !== undefined;
