/** Small models as bytes, for the tests of reading. */
import { onnx } from "./proto/onnx.js";

type Graph = onnx.GraphProto.$Properties;
type Node = onnx.NodeProto.$Properties;
type Type = onnx.TypeProto.$Properties;

export const tensorType = (elemType: number, dims: readonly number[]): Type => ({
  tensorType: { elemType, shape: { dim: dims.map((dimValue) => ({ dimValue })) } },
});

export const value = (name: string, dims: readonly number[] = [4], elemType = 1): onnx.ValueInfoProto.$Properties => ({
  name,
  type: tensorType(elemType, dims),
});

export const node = (opType: string, input: string[], output: string[], rest: Node = {}): Node => ({
  opType,
  input,
  output,
  ...rest,
});

/** A model of IR 8, opset 17 with input `x` and output `y`, unless `graph` or `rest` say otherwise. */
export const modelBytes = (graph: Graph, rest: onnx.ModelProto.$Properties = {}): Uint8Array =>
  onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 17 }],
    graph: { name: "g", input: [value("x")], output: [value("y")], ...graph },
    ...rest,
  }).finish();

export const tensorBytes = (tensor: onnx.TensorProto.$Properties): Uint8Array =>
  onnx.TensorProto.encode(tensor).finish();
