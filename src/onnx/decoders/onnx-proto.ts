/**
 * The npm package onnx-proto as decoder, where it is asked for and installed. It was generated from
 * ONNX 1.10 (IR 8): function overloads, defaults of function attributes and shardings are newer, and
 * are dropped without a word. Element types are plain numbers to it, so newer ones pass.
 */
import { decoderMissing } from "../../errors.ts";
import type { Decoder, RawModel, RawTensor } from "./types.ts";

/** The part of the package that is used. Its own types don't hold: they name an undeclared one. */
interface Package {
  readonly default: {
    readonly onnx: {
      readonly ModelProto: { decode(bytes: Uint8Array): RawModel };
      readonly TensorProto: { decode(bytes: Uint8Array): RawTensor };
    };
  };
}

/** Loads the package. Throws InputError (`decoder-missing`) where it is not installed. */
export async function onnxProtoDecoder(): Promise<Decoder> {
  let loaded: unknown;
  try {
    loaded = await import("onnx-proto");
  } catch (error) {
    throw decoderMissing("onnx-proto", error);
  }
  const { onnx } = (loaded as Package).default;
  return {
    model: (bytes) => onnx.ModelProto.decode(bytes),
    tensor: (bytes) => onnx.TensorProto.decode(bytes),
  };
}
