/** What a tensor says of its external data, and what a folder of such data can do. */
import { externalDataInvalid } from "../errors.ts";
import type { RawEntry } from "./decoders/types.ts";

/** Where a tensor's bytes are: `length` bytes from `offset` of the file `location` in the folder. */
export interface ExternalRange {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

export interface ExternalFolder {
  /** Throws InputError: `external-data-outside`, and `external-data-range` where the file exists but is too short. */
  check(tensor: string, range: ExternalRange): void;
  /** Checks again, and reads exactly the range. Throws the same and `external-data-missing`. */
  read(tensor: string, range: ExternalRange): Uint8Array;
}

/** Keys that ONNX defines. `basepath` is written by its older Python tools and never decides anything here. */
const KEYS = new Set(["location", "offset", "length", "checksum", "basepath"]);

/** Reads the external_data entries of a tensor of `byteLength` bytes. Throws InputError `external-data-invalid`. */
export function externalRange(entries: readonly RawEntry[], tensor: string, byteLength: number): ExternalRange {
  const found = new Map<string, string>();
  for (const entry of entries) {
    const key = entry.key ?? "";
    if (!KEYS.has(key))
      throw externalDataInvalid(tensor, `external data has an entry '${key.slice(0, 40)}', which ONNX does not define`);
    if (found.has(key)) throw externalDataInvalid(tensor, `external data says '${key}' twice`);
    found.set(key, entry.value ?? "");
  }
  const location = found.get("location");
  if (location === undefined) throw externalDataInvalid(tensor, "external data has no location");
  const offset = wholeNumber(found.get("offset") ?? "0", "offset", tensor);
  const length = wholeNumber(found.get("length") ?? String(byteLength), "length", tensor);
  if (length !== byteLength)
    throw externalDataInvalid(tensor, `the tensor takes ${byteLength} bytes, its external data has ${length}`);
  if (!Number.isSafeInteger(offset + length)) throw externalDataInvalid(tensor, "external data ends past 2^53 bytes");
  return { location, offset, length };
}

function wholeNumber(text: string, key: string, tensor: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value))
    throw externalDataInvalid(tensor, `${key} '${text.slice(0, 40)}' of external data is no byte count`);
  return value;
}
