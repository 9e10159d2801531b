/** NumPy's .npy (version 1.0) for tensors of the types that NumPy has. */
import { malformedCase } from "./errors.ts";
import { elementCount, byteSize } from "./ir/bytes.ts";
import type { DType } from "./ir/dtype.ts";
import { bytesOf, tensorFromBytes } from "./kernels/access.ts";
import type { Tensor } from "./kernels/types.ts";

const CODES: Partial<Record<DType, string>> = {
  float32: "<f4",
  float64: "<f8",
  float16: "<f2",
  int8: "|i1",
  int16: "<i2",
  int32: "<i4",
  int64: "<i8",
  uint8: "|u1",
  uint16: "<u2",
  uint32: "<u4",
  uint64: "<u8",
  bool: "|b1",
  complex64: "<c8",
  complex128: "<c16",
};
const TYPES = new Map(Object.entries(CODES).map(([dtype, code]) => [code, dtype as DType]));
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Whether NumPy has the type. */
export const hasNpy = (dtype: DType): boolean => CODES[dtype] !== undefined;

/** The file's bytes for a tensor; `hasNpy` must hold. */
export function encodeNpy(tensor: Tensor): Uint8Array {
  const shape = tensor.shape.length === 1 ? `${tensor.shape[0]},` : tensor.shape.join(", ");
  const dict = `{'descr': '${CODES[tensor.dtype]}', 'fortran_order': False, 'shape': (${shape}), }`;
  const total = Math.ceil((10 + dict.length + 1) / 64) * 64;
  const header = new Uint8Array(total);
  header.set([...MAGIC, 1, 0, (total - 10) & 255, (total - 10) >> 8]);
  header.set(new TextEncoder().encode(dict.padEnd(total - 11, " ") + "\n"), 10);
  const out = new Uint8Array(total + tensor.data.byteLength);
  out.set(header);
  out.set(bytesOf(tensor), total);
  return out;
}

/** Parses a .npy file (versions 1 to 3, C order). Throws InputError `malformed-case`. */
export function decodeNpy(bytes: Uint8Array, path: string): Tensor {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw malformedCase(path, "it is no .npy file");
  const wide = (bytes[6] ?? 0) >= 2;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 12) throw malformedCase(path, "its header is cut off");
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (wide ? 12 : 10) + length;
  if (start > bytes.byteLength || length > 65_536) throw malformedCase(path, "its header is cut off");
  const header = new TextDecoder("latin1").decode(bytes.subarray(wide ? 12 : 10, start));
  const descr = /'descr':\s*'([^']{1,8})'/.exec(header)?.[1];
  const dims = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  const dtype = descr === undefined ? undefined : TYPES.get(descr);
  if (dtype === undefined || dims === undefined)
    throw malformedCase(path, `element type ${descr ?? "unknown"} is not one that can be read`);
  if (/'fortran_order':\s*True/.test(header)) throw malformedCase(path, "it is in Fortran order; save it in C order");
  const shape = dims
    .split(",")
    .filter((dim) => dim.trim() !== "")
    .map(Number);
  elementCount(shape, path);
  const size = byteSize(dtype, shape, path);
  if (bytes.byteLength - start !== size)
    throw malformedCase(path, `it holds ${bytes.byteLength - start} bytes of data, its shape needs ${size}`);
  return tensorFromBytes(dtype, shape, bytes.subarray(start));
}
