/** What pools over windows and over whole planes have in common. */
import { literal } from "./units.ts";

/** Powers are products up to here. */
const MOST_POWER = 16;

export const isPower = (p: number): boolean => p >= 1 && p <= MOST_POWER;

/** |v|^p of a whole p. */
export function powerOf(v: string, p: number): string {
  if (p === 1) return `abs(${v})`;
  if (p === 2) return `${v} * ${v}`;
  return Array.from({ length: p }, () => `abs(${v})`).join(" * ");
}

export const rootOf = (sum: string, p: number): string =>
  p === 1 ? sum : p === 2 ? `sqrt(${sum})` : `pow(${sum}, ${literal(1 / p)})`;

/** NaN wins; seen on the bits, as compilers may take NaN for impossible. */
export const nanOf = (v: string): string => `(bitcast<u32>(${v}) & 0x7fffffffu) > 0x7f800000u`;
