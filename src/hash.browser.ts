/** The twin of hash.ts for browsers, whose own digests are asynchronous. */
import { sha256Hex } from "./ir/sha256.ts";

export const sha256 = (data: string | Uint8Array): string =>
  sha256Hex(typeof data === "string" ? new TextEncoder().encode(data) : data);
