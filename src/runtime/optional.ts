/** Optional packages: found in the user's project first, then beside this library. Node only. */
import { createRequire } from "node:module";

/** CommonJS `require` of some place. */
export interface Requires {
  (name: string): unknown;
  resolve(name: string): string;
}

/** From the user's project, from beside this library. */
export const places = (): readonly Requires[] => [
  createRequire(`${process.cwd()}/index.js`),
  createRequire(import.meta.url),
];

/** Whether `cause` says that the package itself is not there, rather than one that it needs. */
export const isAbsent = (cause: unknown, name: string): boolean =>
  ["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(String((cause as { code?: unknown }).code)) &&
  String(cause).includes(`'${name}'`);
