/** The bytes of a file that the user named, within a size limit. */
import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { fileNotFound, fileUnreadable } from "../errors.ts";
import { overLimit, type ReadLimits } from "./limits.ts";

/** Bytes of one read or hash call: both have a ceiling at 2 GiB. */
const CHUNK = 2 ** 30;

/** Throws InputError: `file-not-found`, `file-unreadable`, or `limit-exceeded` past `limits.fileBytes`. */
export async function readBytes(file: string, limits: ReadLimits): Promise<Uint8Array> {
  try {
    // Looked at before it is opened: opening a pipe would wait for its writer.
    const found = await stat(file);
    if (found.isDirectory()) throw fileUnreadable(file, "is a folder, not a file");
    if (!found.isFile()) throw fileUnreadable(file, "is not a regular file");
    if (found.size > limits.fileBytes) throw overLimit(limits, "fileBytes", file);
    return await readWhole(file, found.size);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw fileNotFound(file, error);
    // System errors have codes in capitals, ours are already what they should be.
    if (code !== undefined && /^E[A-Z]/.test(code)) throw fileUnreadable(file, `can't be read: ${message}`, error);
    throw error;
  }
}

async function readWhole(file: string, size: number): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const bytes = new Uint8Array(size);
    for (let done = 0; done < size;) {
      const { bytesRead } = await handle.read(bytes, done, Math.min(CHUNK, size - done), done);
      if (bytesRead === 0) throw fileUnreadable(file, "got shorter while it was read");
      done += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Folder that a model file lies in. */
export const folderOf = (file: string): string => dirname(file);

/** Hex digest. */
export function sha256(bytes: Uint8Array): string {
  const hash = createHash("sha256");
  for (let from = 0; from < bytes.length; from += CHUNK) hash.update(bytes.subarray(from, from + CHUNK));
  return hash.digest("hex");
}
