/** Packing problems as files: MiniMalloc's CSV and the same as JSON, told apart by their first character. */
import { limitExceeded, malformedPacking } from "../errors.ts";
import { csvReader, type CsvReader } from "./csv-reader.ts";
import { DEFAULT_LIMITS, type PackingFile, type PackingFileLimits } from "./types.ts";

export { csvText } from "./csv-writer.ts";
export { jsonText } from "./json-writer.ts";
export type { PackingFile, PackingFileLimits } from "./types.ts";

/**
 * Reads a problem from its bytes, in any chunks; linear in time, and in memory beside the buffers for
 * CSV. `name` is the file's name in messages. Throws InputError `malformed-packing`, `duplicate-name` or
 * `limit-exceeded`, with the line (CSV) or the path (JSON).
 */
export async function readPackingFile(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  name: string,
  limits: Partial<PackingFileLimits> = {},
): Promise<PackingFile> {
  const all = { ...DEFAULT_LIMITS, ...limits };
  let csv: CsvReader | undefined;
  const json: Uint8Array[] = [];
  let isJson: boolean | undefined;
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.byteLength;
    if (total > all.maxBytes) throw limitExceeded("bytes of a packing problem", all.maxBytes, undefined, name);
    isJson ??= startsJson(chunk);
    // Blank so far: it may become either.
    if (isJson !== false) json.push(chunk);
    else if (json.length > 0) json.length = 0;
    if (isJson !== true) (csv ??= csvReader(name, all)).push(chunk);
  }
  if (isJson === true) {
    // Its schema takes longer to load than most tables to read.
    const { readPackingJson } = await import("./json.ts");
    return readPackingJson(decoded(json, total, name), name, all);
  }
  return (csv ?? csvReader(name, all)).finish();
}

/** Whether the first character that is no space opens a JSON document; undefined where there is none yet. */
function startsJson(chunk: Uint8Array): boolean | undefined {
  for (const byte of chunk) {
    if (byte === 0x7b || byte === 0x5b) return true;
    const skipped = byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
    const mark = byte === 0xef || byte === 0xbb || byte === 0xbf;
    if (!skipped && !mark) return false;
  }
  return undefined;
}

function decoded(chunks: readonly Uint8Array[], total: number, name: string): string {
  const whole = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(whole);
  } catch {
    throw malformedPacking(name, "it is not UTF-8 text");
  }
}
