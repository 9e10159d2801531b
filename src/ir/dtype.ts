/**
 * Every element type of ONNX (IR 13), with its size in bits and how it is stored.
 * One name everywhere: long in JSON and in code, `short` in the textual IR.
 */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "int2"
  | "int4"
  | "uint2"
  | "uint4"
  | "float8e4m3fn"
  | "float8e4m3fnuz"
  | "float8e5m2"
  | "float8e5m2fnuz"
  | "float8e8m0"
  | "float4e2m1"
  | "bool"
  | "string"
  | "complex64"
  | "complex128";

export type DTypeClass = "float" | "int" | "uint" | "bool" | "complex" | "string";

export interface DTypeInfo {
  readonly short: string;
  /** TensorProto.DataType of ONNX. */
  readonly onnx: number;
  /** Bits of one element. Types of fewer than 8 bits are packed, low bits first. */
  readonly bits: number;
  readonly class: DTypeClass;
}

export const DTYPES: Readonly<Record<DType, DTypeInfo>> = {
  float32: { short: "f32", onnx: 1, bits: 32, class: "float" },
  uint8: { short: "u8", onnx: 2, bits: 8, class: "uint" },
  int8: { short: "i8", onnx: 3, bits: 8, class: "int" },
  uint16: { short: "u16", onnx: 4, bits: 16, class: "uint" },
  int16: { short: "i16", onnx: 5, bits: 16, class: "int" },
  int32: { short: "i32", onnx: 6, bits: 32, class: "int" },
  int64: { short: "i64", onnx: 7, bits: 64, class: "int" },
  string: { short: "str", onnx: 8, bits: 128, class: "string" },
  bool: { short: "bool", onnx: 9, bits: 8, class: "bool" },
  float16: { short: "f16", onnx: 10, bits: 16, class: "float" },
  float64: { short: "f64", onnx: 11, bits: 64, class: "float" },
  uint32: { short: "u32", onnx: 12, bits: 32, class: "uint" },
  uint64: { short: "u64", onnx: 13, bits: 64, class: "uint" },
  complex64: { short: "c64", onnx: 14, bits: 64, class: "complex" },
  complex128: { short: "c128", onnx: 15, bits: 128, class: "complex" },
  bfloat16: { short: "bf16", onnx: 16, bits: 16, class: "float" },
  float8e4m3fn: { short: "f8e4m3fn", onnx: 17, bits: 8, class: "float" },
  float8e4m3fnuz: { short: "f8e4m3fnuz", onnx: 18, bits: 8, class: "float" },
  float8e5m2: { short: "f8e5m2", onnx: 19, bits: 8, class: "float" },
  float8e5m2fnuz: { short: "f8e5m2fnuz", onnx: 20, bits: 8, class: "float" },
  uint4: { short: "u4", onnx: 21, bits: 4, class: "uint" },
  int4: { short: "i4", onnx: 22, bits: 4, class: "int" },
  float4e2m1: { short: "f4e2m1", onnx: 23, bits: 4, class: "float" },
  float8e8m0: { short: "f8e8m0", onnx: 24, bits: 8, class: "float" },
  uint2: { short: "u2", onnx: 25, bits: 2, class: "uint" },
  int2: { short: "i2", onnx: 26, bits: 2, class: "int" },
};

export const DTYPE_NAMES = Object.keys(DTYPES) as readonly DType[];

const BY_ONNX = new Map<number, DType>(DTYPE_NAMES.map((name) => [DTYPES[name].onnx, name]));
const BY_SHORT = new Map<string, DType>(DTYPE_NAMES.map((name) => [DTYPES[name].short, name]));

/** The type of a TensorProto.DataType number, or undefined where ONNX defines none. */
export const dtypeFromOnnx = (code: number): DType | undefined => BY_ONNX.get(code);

/** The type of a short name of the textual IR (`f32`), or undefined. */
export const dtypeFromShort = (short: string): DType | undefined => BY_SHORT.get(short);

export const isFloat = (dtype: DType): boolean => DTYPES[dtype].class === "float";
export const isInteger = (dtype: DType): boolean => DTYPES[dtype].class === "int" || DTYPES[dtype].class === "uint";
