/**
 * Element access by dtype, so that a kernel is written once for all of them: read as double (or
 * bigint where 64-bit integers must stay exact), compute, write rounded to the type.
 * Hot kernels take the typed arrays of `data` directly for float32.
 */
import { DTYPES, type DType } from "../ir/dtype.ts";
import { decodeE8M0, decodeTable, encodeE8M0, encodeFloat, isNarrowFloat } from "./float-formats.ts";
import type { Storage, Tensor } from "./types.ts";

interface StorageClass {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): Storage;
  readonly BYTES_PER_ELEMENT: number;
}

const STORAGE: Partial<Record<DType, StorageClass>> = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  complex64: Float32Array,
  complex128: Float64Array,
};

/** Storage slots of `count` elements: packed types share a byte, complex ones take two slots. */
export const storageLength = (dtype: DType, count: number): number => {
  const { bits, class: kind } = DTYPES[dtype];
  if (bits < 8) return Math.ceil(count / (8 / bits));
  return kind === "complex" ? 2 * count : count;
};

/** A view of `count` elements on a buffer. `byteOffset` must be aligned to the element size. */
export function storageOn(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, count: number): Storage {
  const Class = STORAGE[dtype] ?? Uint8Array;
  return new Class(buffer, byteOffset, storageLength(dtype, count));
}

/** Freshly allocated, zeroed storage. */
export const makeStorage = (dtype: DType, count: number): Storage => {
  const Class = STORAGE[dtype] ?? Uint8Array;
  return new Class(
    new ArrayBuffer(storageLength(dtype, count) * Class.BYTES_PER_ELEMENT),
    0,
    storageLength(dtype, count),
  );
};

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

export const makeTensor = (dtype: DType, shape: readonly number[]): Tensor => ({
  dtype,
  shape,
  data: makeStorage(dtype, sizeOf(shape)),
});

/** A tensor of `values`, written with the rounding of `dtype`. */
export function tensorOf(dtype: DType, shape: readonly number[], values: readonly number[]): Tensor {
  const tensor = makeTensor(dtype, shape);
  const write = writer(tensor);
  values.forEach((value, i) => write(i, value));
  return tensor;
}

/** A copy of bytes as a tensor (the bytes need not be aligned). */
export function tensorFromBytes(dtype: DType, shape: readonly number[], bytes: Uint8Array): Tensor {
  // Not `bytes.slice()`: on a Buffer that is a view of a shared pool.
  const copy = new Uint8Array(bytes);
  return { dtype, shape, data: storageOn(dtype, copy.buffer, 0, sizeOf(shape)) };
}

/** The bytes of a tensor, not copied. */
export const bytesOf = (tensor: Tensor): Uint8Array =>
  new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);

/** Sets every byte to zero: 0, false and 0.0 in all types but float8e8m0. */
export const clear = (tensor: Tensor): void => void bytesOf(tensor).fill(0);

/** Reads element `i` as a double. 64-bit integers lose bits past 2^53: see `bigReader`. */
export function reader(tensor: Tensor): (i: number) => number {
  const { dtype, data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return (i) => Number(data[i]);
  if (isNarrowFloat(dtype) && DTYPES[dtype].bits >= 8) {
    const table = decodeTable(dtype);
    return (i) => table[data[i]!]!;
  }
  switch (dtype) {
    case "float8e8m0":
      return (i) => decodeE8M0(data[i]!);
    case "float4e2m1": {
      const table = decodeTable(dtype);
      return (i) => table[(data[i >> 1]! >> (4 * (i & 1))) & 15]!;
    }
    case "uint4":
      return (i) => (data[i >> 1]! >> (4 * (i & 1))) & 15;
    case "int4":
      return (i) => ((data[i >> 1]! >> (4 * (i & 1))) << 28) >> 28;
    case "uint2":
      return (i) => (data[i >> 2]! >> (2 * (i & 3))) & 3;
    case "int2":
      return (i) => ((data[i >> 2]! >> (2 * (i & 3))) << 30) >> 30;
    default:
      return (i) => data[i]!;
  }
}

const packedWriter = (data: Uint8Array, bits: number): ((i: number, value: number) => void) => {
  const shift = bits === 4 ? 1 : 2;
  const mask = (1 << bits) - 1;
  return (i, value) => {
    const at = (i & ((1 << shift) - 1)) * bits;
    const byte = i >> shift;
    data[byte] = (data[byte]! & ~(mask << at)) | ((value & mask) << at);
  };
};

/**
 * Writes a double to element `i`, rounded to the type. Floats round to nearest even; integers must
 * be whole already and wrap modulo 2^bits (saturating conversions are the cast kernel's business);
 * bool is 1 for everything but 0.
 */
export function writer(tensor: Tensor): (i: number, value: number) => void {
  const { dtype, data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return (i, value) => {
      data[i] = Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
    };
  }
  if (dtype === "float4e2m1") {
    const put = packedWriter(data as Uint8Array, 4);
    return (i, value) => put(i, encodeFloat("float4e2m1", value));
  }
  if (isNarrowFloat(dtype))
    return (i, value) => {
      data[i] = encodeFloat(dtype, value);
    };
  switch (dtype) {
    case "bool":
      return (i, value) => {
        data[i] = value === 0 ? 0 : 1;
      };
    case "float8e8m0":
      return (i, value) => {
        data[i] = encodeE8M0(value, true, "nearest");
      };
    case "uint4":
    case "int4":
      return packedWriter(data as Uint8Array, 4);
    case "uint2":
    case "int2":
      return packedWriter(data as Uint8Array, 2);
    default:
      return (i, value) => {
        data[i] = value;
      };
  }
}

/** Reads element `i` of an integer tensor exactly. */
export function bigReader(tensor: Tensor): (i: number) => bigint {
  const { data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return (i) => data[i]!;
  const read = reader(tensor);
  return (i) => BigInt(read(i));
}

/** Writes an integer exactly, modulo 2^bits. */
export function bigWriter(tensor: Tensor): (i: number, value: bigint) => void {
  const { dtype, data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array)
    return (i, value) => {
      data[i] = value;
    };
  const write = writer(tensor);
  const bits = DTYPES[dtype].bits;
  return (i, value) =>
    write(i, Number(DTYPES[dtype].class === "int" ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)));
}

export const is64 = (dtype: DType): boolean => dtype === "int64" || dtype === "uint64";

/** All elements as doubles. */
export const toNumbers = (tensor: Tensor): number[] => {
  const read = reader(tensor);
  return Array.from({ length: sizeOf(tensor.shape) }, (_, i) => read(i));
};

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = step;
    step *= shape[d]!;
  }
  return strides;
}

/** Strides that read `shape` as if broadcast to `to` (NumPy rules): 0 along repeated dims. */
export function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(shape);
  const lead = to.length - shape.length;
  return to.map((_, d) => (d < lead || shape[d - lead] === 1 ? 0 : own[d - lead]!));
}

/**
 * Calls `visit(i, offsets)` for each element of `shape` in row-major order, with the running offset
 * of each stride set (the array is reused).
 */
export function forEachIndex(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (i: number, offsets: readonly number[]) => void,
): void {
  const total = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  const offsets = new Array<number>(strides.length).fill(0);
  for (let i = 0; i < total; i++) {
    visit(i, offsets);
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d]!++;
      for (let s = 0; s < strides.length; s++) offsets[s]! += strides[s]![d]!;
      if (index[d]! < shape[d]!) break;
      for (let s = 0; s < strides.length; s++) offsets[s]! -= strides[s]![d]! * shape[d]!;
      index[d] = 0;
    }
  }
}
