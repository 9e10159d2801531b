/** The one place where 64-bit integers of protobuf become something else, never losing bits unawares. */

/** What the decoders give for int64 and uint64: halves, or a number where it fits. */
export type Int64 = number | { readonly low: number; readonly high: number; readonly unsigned: boolean };

const toBigInt = (value: Int64): bigint => {
  if (typeof value === "number") return BigInt(value);
  const high = value.unsigned ? value.high >>> 0 : value.high;
  return (BigInt(high) << 32n) | BigInt(value.low >>> 0);
};

/** As a number, or undefined where a double would not be exact (past +-(2^53 - 1)). */
export function exactInt(value: Int64): number | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : undefined;
  const high = value.unsigned ? value.high >>> 0 : value.high;
  const number = high * 2 ** 32 + (value.low >>> 0);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** As a number, those past +-(2^53 - 1) saturated: exporters write 2^63 - 1 for "to the end". */
export const saturatedInt = (value: Int64): number =>
  exactInt(value) ?? (toBigInt(value) < 0n ? -Number.MAX_SAFE_INTEGER : Number.MAX_SAFE_INTEGER);

/** The eight bytes of each value, little-endian, exact. */
export function int64Bytes(values: readonly Int64[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    if (typeof value === "number") return view.setBigInt64(8 * i, BigInt(value), true);
    view.setInt32(8 * i, value.low, true);
    view.setInt32(8 * i + 4, value.high, true);
  });
  return bytes;
}
