/**
 * External data: bytes of tensors in files beside the model. Locations are chosen by an untrusted
 * model, so a file is read only if it is, without any link on the way, a regular file inside one
 * folder. Nothing is opened when a model is read: a file that exists is looked at, and a missing one
 * matters only to whoever asks for its bytes. After ONNX's docs/ExternalDataSecurity.md.
 */
import { constants as buffers } from "node:buffer";
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  type BigIntStats,
} from "node:fs";
import { isAbsolute, join, normalize, relative } from "node:path";
import {
  externalDataMissing,
  externalDataOutside,
  externalDataRange,
  fileUnreadable,
  limitExceeded,
  quote,
  StrataError,
} from "../errors.ts";
import type { ExternalFolder, ExternalRange } from "./external-range.ts";
import { overLimit, type ReadLimits } from "./limits.ts";

/** PATH_MAX of Linux; nothing longer can be a path. */
const MAX_LOCATION = 4096;
/** Bytes of one read call: some systems refuse 2 GiB and more. */
const CHUNK = 2 ** 30;

/** What is wrong with a location by its text alone, on any operating system; undefined where nothing is. */
function lexicalFault(location: string): string | undefined {
  if (location === "") return "is an empty path";
  if (location.includes("\0")) return "has a NUL character";
  if (location.length > MAX_LOCATION) return `is ${location.length} characters long`;
  if (/^[/\\]/.test(location) || isAbsolute(location)) return "is an absolute path";
  if (/^[A-Za-z]:/.test(location)) return "names a drive";
  if (location.split(/[/\\]/).includes("..")) return "has a '..' in it";
  return undefined;
}

const unreadable = (location: string, error: unknown): StrataError =>
  error instanceof StrataError
    ? error
    : fileUnreadable(location, `can't be read: ${error instanceof Error ? error.message : String(error)}`, error);

interface Found {
  readonly path: string;
  readonly stats: BigIntStats;
}

const isMissing = (error: unknown): boolean =>
  ["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(String((error as NodeJS.ErrnoException).code));

/**
 * The files of `folder` (undefined: no file is ever looked at). Distinct locations are looked at
 * once each when models are read, and every time that bytes are.
 */
export function externalFolder(folder: string | undefined, limits: ReadLimits): ExternalFolder {
  const seen = new Map<string, Found | undefined>();

  /** The file, checked, not opened; undefined where there is none. */
  const find = (tensor: string, location: string): Found | undefined => {
    const fault = lexicalFault(location);
    if (fault !== undefined) throw externalDataOutside(tensor, location, fault);
    if (folder === undefined) return undefined;
    try {
      const root = realpathSync.native(folder);
      const path = join(root, location);
      const stats = lstatSync(path, { bigint: true });
      if (stats.isSymbolicLink()) throw externalDataOutside(tensor, location, "is a symbolic link");
      // Equal only if no folder on the way is a link, and letters have the case that they have on disk.
      if (relative(root, realpathSync.native(path)) !== normalize(location)) {
        throw externalDataOutside(tensor, location, "goes through a symbolic link, or is spelled differently on disk");
      }
      checkRegular(tensor, location, stats);
      return { path, stats };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw unreadable(location, error);
    }
  };

  const checkSize = (tensor: string, { location, offset, length }: ExternalRange, { stats }: Found): void => {
    const size = Number(stats.size);
    if (offset + length > size) throw externalDataRange(tensor, location, offset, length, size);
  };

  return {
    check(tensor, range) {
      if (!seen.has(range.location)) {
        if (seen.size >= limits.externalFiles) throw overLimit(limits, "externalFiles", `tensor ${quote(tensor)}`);
        seen.set(range.location, find(tensor, range.location));
      }
      const found = seen.get(range.location);
      if (found !== undefined) checkSize(tensor, range, found);
    },
    read(tensor, range) {
      const found = find(tensor, range.location);
      if (found === undefined) throw externalDataMissing(tensor, range.location, folder);
      checkSize(tensor, range, found);
      if (range.length > buffers.MAX_LENGTH)
        throw limitExceeded("bytes of one tensor in memory", buffers.MAX_LENGTH, undefined, `tensor ${quote(tensor)}`);
      return readRange(tensor, range, found);
    },
  };
}

function checkRegular(tensor: string, location: string, stats: BigIntStats): void {
  if (!stats.isFile()) throw externalDataOutside(tensor, location, "is not a regular file");
  if (stats.nlink !== 1n)
    throw externalDataOutside(tensor, location, `has ${stats.nlink} names (hard links), and so may belong elsewhere`);
}

/** Opens without following a link or waiting for a pipe, and reads only what was checked. */
function readRange(tensor: string, { location, offset, length }: ExternalRange, checked: Found): Uint8Array {
  let fd: number | undefined;
  try {
    // Windows knows neither flag; both are numbers everywhere else.
    fd = openSync(checked.path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(fd, { bigint: true });
    checkRegular(tensor, location, stats);
    if (stats.ino !== checked.stats.ino || stats.dev !== checked.stats.dev)
      throw externalDataOutside(tensor, location, "was replaced while it was read");
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const got = readSync(fd, bytes, done, Math.min(CHUNK, length - done), offset + done);
      if (got === 0) throw externalDataRange(tensor, location, offset, length, offset + done);
      done += got;
    }
    return bytes;
  } catch (error) {
    throw unreadable(location, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
