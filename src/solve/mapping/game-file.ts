/** Games as JSON: the reading of untrusted files, and the writing of them. */
import { invalidGame, limitExceeded } from "../../errors.ts";
import type { MappingAccess, MappingProblem } from "./types.ts";

/** Accesses that a game may have: beyond it the arrays of a search no longer fit. */
const MAX_ACCESSES = 2_000_000;

export interface GameFile {
  readonly hw: {
    /** Fast bytes. */
    readonly C: number;
    /** Slow and fast bandwidth, bytes per second. */
    readonly Bs: number;
    readonly Bf: number;
    /** 1 where left out. */
    readonly align?: number;
    /** Fast write bandwidth; `Bf` where left out. */
    readonly BfWrite?: number;
    /** True where left out. */
    readonly slowDirect?: boolean;
  };
  readonly sizes: readonly number[];
  readonly outputs: readonly number[];
  readonly instr: readonly {
    readonly c: number;
    readonly reads: readonly number[];
    readonly writes: readonly number[];
  }[];
}

type Json = Readonly<Record<string, unknown>>;

const record = (json: unknown, where: string): Json => {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalidGame(where, "expected an object");
  return json as Json;
};
const array = (json: unknown, where: string): readonly unknown[] => {
  if (!Array.isArray(json)) throw invalidGame(where, "expected an array");
  return json;
};
const number = (json: unknown, where: string): number => {
  if (typeof json !== "number" || !Number.isFinite(json)) throw invalidGame(where, "expected a finite number");
  return json;
};
const positive = (json: unknown, where: string): number => {
  const value = number(json, where);
  if (value <= 0) throw invalidGame(where, `expected a number above 0, got ${value}`);
  return value;
};
const seconds = (json: unknown, where: string): number => {
  const value = number(json, where);
  if (value < 0) throw invalidGame(where, `expected seconds from 0 up, got ${value}`);
  return value;
};
const bytes = (json: unknown, where: string): number => {
  const value = number(json, where);
  if (!Number.isSafeInteger(value) || value < 0)
    throw invalidGame(where, `expected whole bytes from 0 up, got ${value}`);
  return value;
};

/** The problem of a parsed GAME.json. Throws InputError `invalid-game`, `limit-exceeded`. */
export function readGame(json: unknown): MappingProblem {
  const file = record(json, "the game");
  const hw = record(file["hw"], "hw");
  const sizes = array(file["sizes"], "sizes").map((size, v) => bytes(size, `sizes[${v}]`));
  const id = (value: unknown, where: string): number => {
    const v = number(value, where);
    if (!Number.isInteger(v) || v < 0 || v >= sizes.length)
      throw invalidGame(where, `there is no value ${v}: the game has ${sizes.length}`);
    return v;
  };
  const outputs = new Set(array(file["outputs"] ?? [], "outputs").map((v, k) => id(v, `outputs[${k}]`)));
  const alignment = hw["align"] === undefined ? 1 : bytes(hw["align"], "hw.align");
  if (alignment < 1) throw invalidGame("hw.align", "expected at least 1");
  const slowDirect = hw["slowDirect"] ?? true;
  if (typeof slowDirect !== "boolean") throw invalidGame("hw.slowDirect", "expected true or false");
  const read = positive(hw["Bf"], "hw.Bf");
  const hardware = {
    fastBytes: bytes(hw["C"], "hw.C"),
    alignment,
    slowBytesPerSecond: positive(hw["Bs"], "hw.Bs"),
    fastReadBytesPerSecond: read,
    fastWriteBytesPerSecond: hw["BfWrite"] === undefined ? read : positive(hw["BfWrite"], "hw.BfWrite"),
    slowDirect,
  };
  let count = 0;
  const touched = new Set<number>();
  const written = new Set<number>();
  const instructions = array(file["instr"], "instr").map((entry, i) => {
    const instruction = record(entry, `instr[${i}]`);
    const reads = array(instruction["reads"] ?? [], `instr[${i}].reads`).map((v, k) =>
      id(v, `instr[${i}].reads[${k}]`),
    );
    const writes = array(instruction["writes"] ?? [], `instr[${i}].writes`).map((v, k) =>
      id(v, `instr[${i}].writes[${k}]`),
    );
    count += reads.length + writes.length;
    if (count > MAX_ACCESSES) throw limitExceeded("accesses of a game", MAX_ACCESSES, undefined);
    if (new Set(writes).size !== writes.length) throw invalidGame(`instr[${i}].writes`, "a value is written twice");
    const accesses = new Map<number, MappingAccess>();
    for (const value of reads) {
      const known = accesses.get(value)?.readBytes ?? 0;
      accesses.set(value, { value, kind: "read", readBytes: known + sizes[value]!, writeBytes: 0 });
    }
    for (const value of writes) {
      const known = accesses.get(value)?.readBytes ?? 0;
      accesses.set(value, {
        value,
        kind: known > 0 ? "update" : "write",
        readBytes: known,
        writeBytes: sizes[value]!,
      });
    }
    for (const v of reads) touched.add(v);
    for (const v of writes) {
      touched.add(v);
      written.add(v);
    }
    return {
      computeSeconds: seconds(instruction["c"] ?? 0, `instr[${i}].c`),
      fixedSeconds: 0,
      scopedBytes: 0,
      accesses: [...accesses.values()],
    };
  });
  let total = 0;
  for (const { computeSeconds, accesses } of instructions) {
    let moved = 0;
    for (const { readBytes, writeBytes } of accesses) moved += readBytes + writeBytes;
    if (!Number.isSafeInteger(moved)) throw invalidGame("instr", "the bytes of one instruction pass 2^53 - 1");
    total +=
      computeSeconds + moved / hardware.slowBytesPerSecond + moved / Math.min(read, hardware.fastWriteBytesPerSecond);
  }
  // Squares of times and products with bandwidths occur in the search: leave room for them.
  if (!(total < 1e100) || !(total * hardware.slowBytesPerSecond < 1e100) || (total > 0 && total < 1e-100))
    throw invalidGame("the game", `its seconds are out of range: ${total} in all`);
  return {
    hardware,
    values: sizes.map((size, v) => ({ bytes: size, mustEndSlow: outputs.has(v) })),
    instructions,
  };
}
