/**
 * MiniMalloc's CSV, read in one pass as the bytes arrive: nothing but the current line is kept beside
 * the buffers. Beyond MiniMalloc: empty offsets and hints mean none, fields may be in double quotes,
 * blank lines are skipped, and columns of other names are carried along.
 */
import { duplicateName, limitExceeded, malformedPacking, quote } from "../errors.ts";
import type { PackingBuffer, PackingGap } from "../solve/packing/types.ts";
import { collisionFault, faultOf, TOTAL_FAULT } from "./check.ts";
import { readHeader, type Header } from "./columns.ts";
import { canonicalIndex, integerAt, parseGaps } from "./fields.ts";
import { identities } from "./identities.ts";
import { collidingPins } from "../solve/packing/pins.ts";
import type { PackingFile, PackingFileLimits } from "./types.ts";

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = 34;
const COMMA = 44;

export interface CsvReader {
  push(chunk: Uint8Array): void;
  finish(): PackingFile;
}

/** Errors name `file` and the line: `malformed-packing`, `duplicate-name`, `limit-exceeded`. */
export function csvReader(file: string, limits: PackingFileLimits): CsvReader {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const buffers: PackingBuffer[] = [];
  const extra: string[][] = [];
  const seen = identities();
  let carried: Uint8Array[] = [];
  let carriedBytes = 0;
  let line = 0;
  let header: Header | undefined;
  let hasExtra = false;
  let total = 0;
  // Lines of the fixed buffers, which are compared once all are read.
  const pinLines = new Map<number, number>();
  // The current line's fields: starts and ends in `source`.
  let source: Uint8Array = new Uint8Array(0);
  let starts = new Int32Array(8);
  let ends = new Int32Array(8);

  const where = (): string => `line ${line} of ${file}`;
  const fail = (message: string): Error => malformedPacking(where(), message);
  const textOf = (from: number, to: number): string => {
    if (to - from <= 16) {
      let text = "";
      for (let i = from; i < to; i++) {
        const byte = source[i]!;
        if (byte >= 128) return decode(from, to);
        if (byte < 32 && byte !== 9) throw fail("the line holds control characters: is this a text file?");
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return decode(from, to);
  };
  const decode = (from: number, to: number): string => {
    try {
      const text = decoder.decode(source.subarray(from, to));
      // oxlint-disable-next-line no-control-regex
      if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text))
        throw fail("the line holds control characters: is this a text file?");
      return text;
    } catch (error) {
      throw error instanceof TypeError ? fail("the line is not UTF-8: is this a text file?") : error;
    }
  };

  const record = (from: number, to: number, count: number): void => {
    if (count === starts.length) {
      const grow = (old: Int32Array): Int32Array<ArrayBuffer> => {
        const grown = new Int32Array(old.length * 2);
        grown.set(old);
        return grown;
      };
      starts = grow(starts);
      ends = grow(ends);
    }
    starts[count] = from;
    ends[count] = to;
  };

  /** Splits source[from, to) at its commas; returns the number of fields. */
  const split = (from: number, to: number): number => {
    let count = 0;
    let start = from;
    for (let i = from; i < to; i++) {
      const byte = source[i]!;
      if (byte === COMMA) {
        record(start, i, count++);
        start = i + 1;
      } else if (byte === QUOTE) return splitQuoted(from, to);
    }
    record(start, to, count++);
    return count;
  };

  /** The same where fields are quoted: they are copied without their quotes, and `source` becomes the copy. */
  const splitQuoted = (from: number, to: number): number => {
    const plain = new Uint8Array(to - from);
    let length = 0;
    let count = 0;
    let i = from;
    for (;;) {
      const start = length;
      if (source[i] === QUOTE && i < to) {
        i++;
        for (;;) {
          if (i >= to) throw fail("a quote is not closed on its line");
          if (source[i] !== QUOTE) plain[length++] = source[i++]!;
          else if (i + 1 < to && source[i + 1] === QUOTE) {
            plain[length++] = QUOTE;
            i += 2;
          } else {
            i++;
            break;
          }
        }
        if (i < to && source[i] !== COMMA) throw fail("text follows a closing quote");
      } else {
        while (i < to && source[i] !== COMMA) {
          if (source[i] === QUOTE) throw fail("a quote stands in the middle of a field");
          plain[length++] = source[i++]!;
        }
      }
      record(start, length, count++);
      if (i >= to) break;
      i++; // the comma; a field follows, be it empty
    }
    source = plain;
    return count;
  };

  const number = (c: number, name: string): number => {
    const value = integerAt(source, starts[c]!, ends[c]!);
    if (Number.isSafeInteger(value)) return value;
    const field = quote(textOf(starts[c]!, ends[c]!));
    throw fail(
      Number.isNaN(value)
        ? `${name} is no integer: ${field}`
        : `${name} is no integer between -(2^53 - 1) and 2^53 - 1: ${field}`,
    );
  };

  const row = (count: number): void => {
    const { columns, inclusiveEnds } = header!;
    if (count !== columns.length) throw fail(`${count} fields, the first line names ${columns.length} columns`);
    const index = buffers.length;
    if (index >= limits.maxBuffers)
      throw limitExceeded("buffers of a packing problem", limits.maxBuffers, undefined, where());
    let id: string | undefined;
    let lower = 0;
    let upper = 0;
    let size = 0;
    let alignment: number | undefined;
    let offset: number | undefined;
    let hint: number | undefined;
    let gaps: readonly PackingGap[] | undefined;
    let others: string[] | undefined;
    for (let c = 0; c < count; c++) {
      const { kind, name } = columns[c]!;
      const from = starts[c]!;
      const to = ends[c]!;
      switch (kind) {
        case "id": {
          if (from === to) throw fail("the id is empty");
          const value = canonicalIndex(source, from, to);
          // A buffer's index is its id where it has none: strings are made only where they say more.
          if (value !== index) id = textOf(from, to);
          if (!seen.add(value, () => id!)) throw duplicateName("buffer", id ?? String(index), where());
          break;
        }
        case "lower":
          lower = number(c, name);
          break;
        case "upper":
          upper = number(c, name) + (inclusiveEnds ? 1 : 0);
          break;
        case "size":
          size = number(c, name);
          break;
        case "alignment":
          if (from !== to) alignment = number(c, name);
          break;
        case "offset":
          if (from !== to) offset = number(c, name);
          break;
        case "hint": {
          // MiniMalloc writes -1 for a buffer without a hint.
          const value = from === to ? -1 : number(c, name);
          if (value >= 0) hint = value;
          break;
        }
        case "gaps": {
          if (from === to) break;
          const parsed = parseGaps(textOf(from, to), inclusiveEnds ? 1 : 0);
          if (typeof parsed === "string")
            throw fail(`${quote(parsed)} is no gap: expected LOWER-UPPER or LOWER-UPPER@FROM:TO`);
          if (parsed.length > 0) gaps = parsed;
          break;
        }
        case "extra":
          (others ??= []).push(textOf(from, to));
          break;
        default:
          kind satisfies never;
      }
    }
    // Plain buffers share one shape, so that a million of them stay small and fast.
    const buffer: PackingBuffer =
      id === undefined && alignment === undefined && offset === undefined && hint === undefined && gaps === undefined
        ? { lower, upper, size }
        : {
            ...(id === undefined ? {} : { id }),
            lower,
            upper,
            size,
            ...(alignment === undefined ? {} : { alignment }),
            ...(offset === undefined ? {} : { offset }),
            ...(hint === undefined ? {} : { hint }),
            ...(gaps === undefined ? {} : { gaps }),
          };
    const fault = faultOf(buffer);
    if (fault !== undefined) throw fail(fault);
    total += size + (alignment ?? 1) - 1;
    if (total > Number.MAX_SAFE_INTEGER) throw fail(TOTAL_FAULT);
    if (offset !== undefined) pinLines.set(index, line);
    buffers.push(buffer);
    if (others !== undefined) extra.push(others);
  };

  const takeLine = (bytes: Uint8Array, from: number, to: number): void => {
    line++;
    if (to > from && bytes[to - 1] === RETURN) to--;
    if (to - from > limits.maxLineBytes)
      throw limitExceeded("bytes of a line", limits.maxLineBytes, undefined, where());
    if (line === 1 && to - from >= 3 && bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf)
      from += 3; // a byte order mark
    if (from === to) return;
    source = bytes;
    const count = split(from, to);
    if (header !== undefined) return row(count);
    header = readHeader(
      Array.from({ length: count }, (_, c) => textOf(starts[c]!, ends[c]!)),
      where(),
    );
    hasExtra = header.columns.some(({ kind }) => kind === "extra");
  };

  return {
    push(chunk) {
      let from = 0;
      for (;;) {
        const to = chunk.indexOf(NEWLINE, from);
        if (to < 0) break;
        if (carriedBytes > 0) {
          const whole = joined(carried, carriedBytes, chunk.subarray(from, to));
          carried = [];
          carriedBytes = 0;
          takeLine(whole, 0, whole.length);
        } else takeLine(chunk, from, to);
        from = to + 1;
      }
      if (from === chunk.length) return;
      carriedBytes += chunk.length - from;
      if (carriedBytes > limits.maxLineBytes + 4) {
        line++;
        throw limitExceeded("bytes of a line", limits.maxLineBytes, undefined, where());
      }
      // A copy: the caller may reuse the chunk.
      carried.push(chunk.slice(from));
    },
    finish() {
      if (carriedBytes > 0) {
        const whole = joined(carried, carriedBytes, new Uint8Array(0));
        takeLine(whole, 0, whole.length);
      }
      if (header === undefined)
        throw malformedPacking(file, "the file is empty", "the first line names the columns: id,lower,upper,size");
      const { columns, inclusiveEnds } = header;
      const collision = collidingPins(buffers);
      if (collision !== undefined) {
        const [first, second] = [...collision].sort((a, b) => a - b) as [number, number];
        line = pinLines.get(second)!;
        throw fail(`${collisionFault(buffers, second, first)} of line ${pinLines.get(first)!}`);
      }
      return { problem: { buffers }, format: "csv", columns, inclusiveEnds, extra: hasExtra ? extra : [] };
    },
  };
}

function joined(parts: readonly Uint8Array[], bytes: number, last: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes + last.length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  whole.set(last, at);
  return whole;
}
