/** The twin of source.ts for browsers, which have no files: models are given as bytes. */
import { fileUnreadable } from "../errors.ts";
import { sha256Hex } from "../ir/sha256.ts";

/** Throws InputError `file-unreadable`. */
export const readBytes = (file: string): Promise<Uint8Array> =>
  Promise.reject(fileUnreadable(file, "can't be read in a browser: give the model's bytes"));

/** No file, no folder. */
export const folderOf = (): undefined => undefined;

/** Hex digest. */
export const sha256 = (bytes: Uint8Array): string => sha256Hex(bytes);
