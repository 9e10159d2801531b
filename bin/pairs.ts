/** `NAME=VALUE` flags. The name may hold `=`-free text of any kind; it only ever goes into a Map. */
import { invalidFlag } from "../src/errors.ts";

/** Splits each `name=value`; the last `=` counts where `last` is set. Throws InputError `invalid-flag`. */
export function pairs(flag: string, items: readonly string[] | undefined, last = false): Map<string, string> {
  const result = new Map<string, string>();
  for (const item of items ?? []) {
    const at = last ? item.lastIndexOf("=") : item.indexOf("=");
    if (at <= 0) throw invalidFlag(flag, item, "expected NAME=VALUE");
    result.set(item.slice(0, at), item.slice(at + 1));
  }
  return result;
}

/** A whole number from 0 up. */
export function whole(flag: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw invalidFlag(flag, text, "expected a whole number from 0 up");
  return value;
}

const SUFFIX: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1e3],
  ["m", 1e6],
  ["g", 1e9],
  ["ki", 2 ** 10],
  ["mi", 2 ** 20],
  ["gi", 2 ** 30],
]);

/** A size in bytes: `1048576`, `512Ki`, `16MiB`, `40GB`. */
export function byteCount(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]i?)?b?$/i.exec(text);
  const scale = SUFFIX.get((match?.[2] ?? "").toLowerCase());
  const value = match === null || scale === undefined ? NaN : Math.floor(Number(match[1]) * scale);
  if (!Number.isSafeInteger(value)) throw invalidFlag(flag, text, "expected bytes, such as 1048576, 512KiB or 40GB");
  return value;
}
