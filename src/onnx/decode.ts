/**
 * The border between bytes and messages: the wire format is walked first, and whatever a decoder
 * throws becomes one InputError. A decoded message is still unvalidated: many broken files decode.
 */
import { malformedModel, StrataError } from "../errors.ts";
import { onnxProtoDecoder } from "./decoders/onnx-proto.ts";
import { protobufjsDecoder } from "./decoders/protobufjs.ts";
import type { Decoder, RawModel, RawTensor } from "./decoders/types.ts";
import { formatHint } from "./format-hint.ts";
import type { ReadLimits } from "./limits.ts";
import { scanWire, type MessageKind } from "./wire.ts";

export type DecoderName = "protobufjs" | "onnx-proto";

const decoderOf = async (name: DecoderName): Promise<Decoder> =>
  name === "onnx-proto" ? onnxProtoDecoder() : protobufjsDecoder;

/** Throws InputError: `malformed-model`, `limit-exceeded`, `decoder-missing`. */
export const decodeModel = async (
  bytes: Uint8Array,
  name: DecoderName,
  limits: ReadLimits,
  where: string,
): Promise<RawModel> => {
  const decoder = await decoderOf(name);
  const model = guarded(bytes, "model", limits, where, decoder.model);
  // Every field is optional in protobuf, so that bytes of another kind may well decode.
  if (model.graph === null || model.graph === undefined)
    throw malformedModel("the model has no graph", where, undefined, formatHint(bytes));
  return model;
};

/** One TensorProto, as in the test data of ONNX. Throws like {@link decodeModel}. */
export const decodeTensor = async (
  bytes: Uint8Array,
  name: DecoderName,
  limits: ReadLimits,
  where: string,
): Promise<RawTensor> => {
  const decoder = await decoderOf(name);
  return guarded(bytes, "tensor", limits, where, decoder.tensor);
};

function guarded<T>(
  bytes: Uint8Array,
  kind: MessageKind,
  limits: ReadLimits,
  where: string,
  decode: (bytes: Uint8Array) => T,
): T {
  try {
    scanWire(bytes, kind, limits, where);
    // A Buffer, where there is one, is the same memory with a much faster reader of strings.
    const hasBuffer = typeof Buffer !== "undefined";
    return decode(hasBuffer ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes);
  } catch (error) {
    const hint = formatHint(bytes);
    if (error instanceof StrataError && (error.code !== "malformed-model" || hint === undefined)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw malformedModel(`this is not a readable ONNX ${kind}: ${message}`, where, undefined, hint, error);
  }
}
