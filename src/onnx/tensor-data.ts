/**
 * TensorProto -> TensorData. Sizes, types and values are checked when the model is read; bytes are
 * made only when somebody asks: a view where raw_data holds them, a conversion of the typed fields,
 * or a guarded read of the external file.
 */
import { invalidTensor, quote, unsupportedType } from "../errors.ts";
import { byteSize, elementCount } from "../ir/bytes.ts";
import { DTYPES, dtypeFromOnnx, type DType } from "../ir/dtype.ts";
import { present, type RawTensor } from "./decoders/types.ts";
import { externalRange, type ExternalFolder } from "./external-range.ts";
import { exactInt, int64Bytes, type Int64 } from "./int64.ts";
import { overLimit, type ReadLimits } from "./limits.ts";
import type { TensorData } from "./model.ts";

/** TensorProto.DataLocation.EXTERNAL */
const EXTERNAL = 1;

/** Fields of TensorProto that hold elements by type. */
const FIELDS = ["floatData", "int32Data", "int64Data", "doubleData", "uint64Data", "stringData"] as const;
type Field = (typeof FIELDS)[number];

/** The typed field of an element type, by onnx.proto's comments; int32Data for all the small ones. */
const fieldOf = (dtype: DType): Field => {
  switch (dtype) {
    case "float32":
    case "complex64":
      return "floatData";
    case "float64":
    case "complex128":
      return "doubleData";
    case "int64":
      return "int64Data";
    case "uint32":
    case "uint64":
      return "uint64Data";
    case "string":
      return "stringData";
    default:
      return "int32Data";
  }
};

const decodeUtf8 = new TextDecoder();

/**
 * Throws InputError: `invalid-tensor` for what contradicts itself, `limit-exceeded`, `size-overflow`,
 * and the codes of src/onnx/external.ts.
 */
export function tensorData(raw: RawTensor, limits: ReadLimits, folder: ExternalFolder): TensorData {
  const name = raw.name ?? "";
  const dtype = tensorType(raw, name);
  const shape = (raw.dims ?? []).map((dim) => tensorDim(dim, name, limits));
  if (shape.length > limits.rank) throw overLimit(limits, "rank", `tensor ${quote(name)}`);
  if (raw.segment !== null && raw.segment !== undefined) throw unsupportedType("segmented tensor", name);
  const byteLength = byteSize(dtype, shape, `tensor ${quote(name)}`);
  if (byteLength > limits.tensorBytes) throw overLimit(limits, "tensorBytes", `tensor ${quote(name)}`);
  return { name, dtype, shape, byteLength, source: sourceOf(raw, { name, dtype, shape, byteLength }, folder) };
}

function tensorType(raw: RawTensor, name: string): DType {
  const code = raw.dataType ?? 0;
  const dtype = dtypeFromOnnx(code);
  if (dtype === undefined)
    throw invalidTensor(name, code === 0 ? "it has no element type" : `element type ${code} does not exist`);
  return dtype;
}

function tensorDim(dim: Int64, name: string, limits: ReadLimits): number {
  const size = exactInt(dim);
  if (size !== undefined && size < 0) throw invalidTensor(name, `dim ${size} is negative`);
  if (size === undefined || size > limits.dim) throw overLimit(limits, "dim", `tensor ${quote(name)}`);
  return size;
}

type Described = Pick<TensorData, "name" | "dtype" | "shape" | "byteLength">;

function sourceOf(raw: RawTensor, tensor: Described, folder: ExternalFolder): TensorData["source"] {
  const { name, dtype, shape, byteLength } = tensor;
  const filled = FIELDS.filter((field) => (raw[field] ?? []).length > 0);
  const rawBytes = (present(raw, "rawData") ? raw.rawData : undefined) ?? undefined;
  const hasRaw = rawBytes !== undefined && rawBytes.length > 0;
  const [first] = filled;
  if (raw.dataLocation === EXTERNAL) {
    if (first !== undefined || hasRaw) throw invalidTensor(name, "it has data both in the model and outside it");
    if (dtype === "string") throw invalidTensor(name, "strings can't be external data");
    const range = externalRange(raw.externalData ?? [], name, byteLength);
    folder.check(name, range);
    return { kind: "external", ...range, bytes: () => folder.read(name, range) };
  }
  if (hasRaw && first !== undefined)
    throw invalidTensor(name, `it has data both in raw_data and in ${protoName(first)}`);
  const field = fieldOf(dtype);
  const stray = filled.find((other) => other !== field);
  if (stray !== undefined) throw invalidTensor(name, `${dtype} elements can't be in ${protoName(stray)}`);
  if (dtype === "string") {
    if (hasRaw) throw invalidTensor(name, "strings can't be raw data");
    const values = raw.stringData ?? [];
    checkCount(tensor, field, values.length, elementCount(shape));
    return { kind: "strings", values: values.map((value) => decodeUtf8.decode(value)) };
  }
  if (first !== undefined) return { kind: "inline", bytes: typedBytes(raw, tensor, field) };
  if (rawBytes === undefined && byteLength > 0) {
    // Models are passed around without their weights: they can be planned, so only reading is an error.
    return { kind: "inline", bytes: () => fail(invalidTensor(name, "its data was left out of the model")) };
  }
  const bytes = rawBytes ?? new Uint8Array();
  if (bytes.length !== byteLength) {
    throw invalidTensor(name, `${dtype}[${shape.join(",")}] takes ${byteLength} bytes, raw_data has ${bytes.length}`);
  }
  return { kind: "inline", bytes: () => bytesOf(bytes) };
}

/** `floatData` as it is called in onnx.proto. */
const protoName = (field: Field): string => field.replace("Data", "_data");

function checkCount({ name, dtype, shape }: Described, field: Field, got: number, wanted: number): void {
  if (got !== wanted)
    throw invalidTensor(
      name,
      `${dtype}[${shape.join(",")}] takes ${wanted} values of ${protoName(field)}, it has ${got}`,
    );
}

/** Checks the elements of a typed field and returns what makes their bytes. */
function typedBytes(raw: RawTensor, tensor: Described, field: Field): () => Uint8Array {
  const { dtype, shape, byteLength } = tensor;
  const { bits, class: kind } = DTYPES[dtype];
  const count = elementCount(shape) * (kind === "complex" ? 2 : 1);
  switch (field) {
    case "floatData": {
      const values = raw.floatData ?? [];
      checkCount(tensor, field, values.length, count);
      return () => bytesOf(Float32Array.from(values));
    }
    case "doubleData": {
      const values = raw.doubleData ?? [];
      checkCount(tensor, field, values.length, count);
      return () => bytesOf(Float64Array.from(values));
    }
    case "int64Data": {
      const values = raw.int64Data ?? [];
      checkCount(tensor, field, values.length, count);
      return () => int64Bytes(values);
    }
    case "uint64Data": {
      const values = raw.uint64Data ?? [];
      checkCount(tensor, field, values.length, count);
      if (dtype === "uint64") return () => int64Bytes(values);
      const small = values.map((value) => exactInt(value) ?? Infinity);
      checkRange(tensor, small, 0, 2 ** 32 - 1);
      return () => bytesOf(Uint32Array.from(small));
    }
    case "int32Data": {
      const values = raw.int32Data ?? [];
      // Types under a byte share one: each value of the field is a byte of the packed tensor.
      checkCount(tensor, field, values.length, bits < 8 ? byteLength : count);
      return widened(tensor, values, Math.max(8, bits));
    }
    case "stringData":
      throw invalidTensor(tensor.name, `${dtype} elements can't be strings`);
    default:
      return field satisfies never;
  }
}

/** Small types, widened to int32. Bits of floats and of packed types may come with or without a sign. */
function widened(tensor: Described, values: readonly number[], bits: number): () => Uint8Array {
  if (bits === 32) return () => bytesOf(Int32Array.from(values));
  if (tensor.dtype === "bool") return () => Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
  const kind = DTYPES[tensor.dtype].bits < 8 ? "packed" : DTYPES[tensor.dtype].class;
  const least = kind === "uint" ? 0 : -(2 ** (bits - 1));
  checkRange(tensor, values, least, kind === "int" ? 2 ** (bits - 1) - 1 : 2 ** bits - 1);
  // Typed arrays store integers modulo 2^bits, which is two's complement.
  return () => (bits === 16 ? bytesOf(Uint16Array.from(values)) : Uint8Array.from(values));
}

function checkRange({ name, dtype }: Described, values: readonly number[], least: number, most: number): void {
  const bad = values.find((value) => value < least || value > most);
  if (bad !== undefined) throw invalidTensor(name, `value ${bad} does not fit ${dtype}`);
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const fail = (error: Error): never => {
  throw error;
};
