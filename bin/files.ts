/** Files and standard streams: whole reads with limits, writes that never leave half a file. */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileUnreadable, limitExceeded, unwritable } from "../src/errors.ts";

const MAX_TEXT = 512 * 1024 * 1024;

/** Bytes of a file, or of standard input for `-`. */
export async function readBytes(path: string, limit = MAX_TEXT): Promise<Uint8Array> {
  if (path === "-") {
    const chunks: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      total += chunk.byteLength;
      if (total > limit) throw limitExceeded("bytes of standard input", limit, undefined);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
  try {
    const info = await stat(path);
    if (!info.isFile()) throw fileUnreadable(path, "it is not a regular file");
    if (info.size > limit) throw limitExceeded("file size", limit, undefined, path);
    const file = await open(path, "r");
    try {
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw asFileError(path, error);
  }
}

/** The same in chunks as they come, for what is read in one pass and need not be held whole. */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  if (path === "-") {
    yield* process.stdin as AsyncIterable<Uint8Array>;
    return;
  }
  try {
    const info = await stat(path);
    if (!info.isFile()) throw fileUnreadable(path, "it is not a regular file");
    yield* createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw asFileError(path, error);
  }
}

const isNodeError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "code" in error && typeof error.code === "string" && /^E[A-Z]+$/.test(error.code);

const asFileError = (path: string, error: unknown): unknown =>
  isNodeError(error) ? fileUnreadable(path, error.code === "ENOENT" ? "there is no such file" : error.message) : error;

/** Writes text or bytes to a file by a temporary name and a rename, or to standard output for `-`. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  if (path === "-") {
    process.stdout.write(content);
    return;
  }
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw isNodeError(error) ? unwritable(path, error.message) : error;
  }
}
