/** Dawn, Chromium's WebGPU, through npm `webgpu`: an optional package, as planning needs no GPU. */
import { pathToFileURL } from "node:url";
import { providerMissing } from "../../errors.ts";
import { isAbsent, places, type Requires } from "../optional.ts";
import type { RawGpu } from "./gpu.ts";

export interface GpuSource {
  readonly gpu: RawGpu;
  /** Constructors that TensorFlow.js wants as globals (GPUBuffer, ...). */
  readonly globals: Readonly<Record<string, unknown>>;
}

interface Dawn {
  create(options: readonly string[]): RawGpu;
  readonly globals: Readonly<Record<string, unknown>>;
}

async function importDawn(from: readonly Requires[]): Promise<Dawn> {
  const notes: string[] = [];
  let cause: unknown;
  for (const place of from) {
    try {
      return (await import(pathToFileURL(place.resolve("webgpu")).href)) as Dawn;
    } catch (reason) {
      cause = reason;
      if (!isAbsent(reason, "webgpu")) notes.push(`it does not load: ${String(reason).split("\n")[0]}`);
    }
  }
  throw providerMissing("webgpu", "the backend webgpu", ["npm install webgpu@0.6.2"], notes, cause);
}

const instances = new Map<string, RawGpu>();

/**
 * Dawn's GPU for those options: one for the process, as each has a thread and a driver of its own, and
 * must outlive its devices. Throws InputError `provider-missing`.
 */
export async function platformGpu(options: readonly string[], from = places()): Promise<GpuSource> {
  const dawn = await importDawn(from);
  const key = JSON.stringify(options);
  const gpu = instances.get(key) ?? dawn.create([...options]);
  instances.set(key, gpu);
  return { gpu, globals: dawn.globals };
}
