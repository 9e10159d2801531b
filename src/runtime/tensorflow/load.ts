/**
 * Finds TensorFlow's Node binding where the user has installed it. It is no dependency of ours: its
 * install script downloads a native library, and fails the whole installation where it can't.
 */
import { providerMissing } from "../../errors.ts";
import { isAbsent, places, type Requires } from "../optional.ts";
import type { TfModule } from "./module.ts";

export interface LoadedTensorflow {
  readonly tf: TfModule;
  readonly name: string;
  /** Why packages that come before it were not taken, where they are installed but do not load. */
  readonly notes: readonly string[];
}

const VERSION = "4.22.0";
const GPU = "@tensorflow/tfjs-node-gpu";
const CPU = "@tensorflow/tfjs-node";

/** What to type; also what the documentation says. */
export const INSTALL_COMMANDS: readonly string[] = [
  `npm install ${GPU}@${VERSION}   (Linux or Windows, CUDA 11.2 and cuDNN 8.1)`,
  `npm install ${CPU}@${VERSION}   (CPU)`,
  `TFJS_NODE_BASE_URI=http://MIRROR/libtensorflow- npm install ${GPU}@${VERSION}   (offline: MIRROR serves ` +
    `libtensorflow-gpu-linux-x86_64-2.9.1.tar.gz; the addon is then built with g++, make and python3, or taken from ` +
    `npm_config_tfjs_binding_binary_host_mirror=http://MIRROR)`,
];

/** TensorFlow.js 4.22 calls functions of node:util that Node 23 removed. */
function restoreUtil(require: Requires): void {
  const util = require("node:util") as { isNullOrUndefined?: unknown; isArray?: unknown };
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}

/** The first package that loads, GPU before CPU. Throws InputError `provider-missing` where none does. */
export async function loadTensorflow(from = places()): Promise<LoadedTensorflow> {
  const notes: string[] = [];
  if (from[0] !== undefined) restoreUtil(from[0]);
  for (const name of [GPU, CPU]) {
    for (const require of from) {
      try {
        return { tf: require(name) as TfModule, name, notes };
      } catch (cause) {
        if (isAbsent(cause, name)) continue;
        notes.push(`${name} is installed but does not load: ${String(cause).split("\n")[0]}`);
        break; // the same package from elsewhere would be a second copy of one engine
      }
    }
  }
  throw providerMissing(CPU, "the backend tensorflow", INSTALL_COMMANDS, notes);
}
