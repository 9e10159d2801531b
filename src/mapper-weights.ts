/** The trained network of the mapping game's agents, from the files that are shipped or from others. Node only. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { fileUnreadable, invalidWeights } from "./errors.ts";
import { sha256 } from "./hash.ts";
import type { Network } from "./solve/mapping/agents/network.ts";
import { decodeWeights, type WeightsHeader } from "./solve/mapping/agents/weights.ts";

const SHIPPED = new URL("./solve/mapping/agents/weights/mapper-v1.bin", import.meta.url);

/**
 * Loads the numbers at `path` and the header beside them (.json for .bin). Throws InputError `file-unreadable`, or
 * `invalid-weights` where they are not what the header says.
 */
export async function loadMapper(path = fileURLToPath(SHIPPED)): Promise<Network> {
  const headerPath = path.replace(/\.bin$/, ".json");
  const [bytes, text] = await Promise.all([read(path), read(headerPath)]);
  let header: WeightsHeader | null;
  try {
    header = JSON.parse(new TextDecoder().decode(text)) as WeightsHeader | null;
  } catch {
    throw invalidWeights(headerPath, "it is not JSON");
  }
  if (header === null) throw invalidWeights(headerPath, "it is no header");
  const digest = sha256(bytes);
  if (header.sha256 !== digest)
    throw invalidWeights(path, `its SHA-256 is ${digest}, the header says ${header.sha256}`);
  return decodeWeights(header, bytes, path);
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw fileUnreadable(path, code === "ENOENT" ? "there is no such file" : message);
  }
}
