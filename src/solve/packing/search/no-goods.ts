/**
 * Exhausted states, by a 64-bit hash of component, ceiling, floors, what is not placed, and exclusions.
 * They hold for as long as the capacity does not rise. A false hit could only come from two states with the
 * same 64 bits: less likely than a memory error.
 */
import type { Search } from "./run.ts";
import { SKY } from "./state.ts";

export interface NoGoods {
  readonly mask: number;
  readonly a: Int32Array;
  readonly b: Int32Array;
}

export const noGoodTable = (bits: number): NoGoods => ({
  mask: (1 << bits) - 1,
  a: new Int32Array(1 << bits),
  b: new Int32Array(1 << bits),
});

export function forget({ a, b }: NoGoods): void {
  a.fill(0);
  b.fill(0);
}

/** Leaves the hash in `search`. */
export function hashOf(search: Search, from: number, to: number): void {
  const { floor, ceiling, hashA, hashB } = search.state;
  const roof = ceiling[from]! % 4294967296;
  let a = Math.imul(from + 1, 73856093) ^ Math.imul(roof, 0x9e3779b1);
  let b = Math.imul(to + 1, 19349663) ^ roof;
  for (let s = from; s < to; s++) {
    const height = floor[s]!;
    const folded = height === SKY ? 1 : height ^ (height / 4294967296);
    a = Math.imul(a ^ folded, 0x85ebca6b);
    a ^= a >>> 13;
    a ^= hashA[s]!;
    b = Math.imul((b + folded) | 0, 0xc2b2ae35);
    b ^= b >>> 16;
    b ^= hashB[s]!;
  }
  // Both zero marks an empty place.
  search.hashA = a === 0 && b === 0 ? 1 : a;
  search.hashB = b;
}

const slotOf = (table: NoGoods, a: number, b: number): number => (a ^ (b >>> 7)) & table.mask;

export function isKnown(table: NoGoods, a: number, b: number): boolean {
  const slot = slotOf(table, a, b);
  for (let q = 0; q < 4; q++) {
    const k = (slot + q) & table.mask;
    if (table.a[k] === a && table.b[k] === b) return true;
  }
  return false;
}

export function remember(table: NoGoods, a: number, b: number): void {
  const slot = slotOf(table, a, b);
  for (let q = 0; q < 4; q++) {
    const k = (slot + q) & table.mask;
    if ((table.a[k] === 0 && table.b[k] === 0) || q === 3) {
      table.a[k] = a;
      table.b[k] = b;
      return;
    }
  }
}
