/** WebGPU of the platform itself: browsers, Deno. */
import { noAdapter } from "../../errors.ts";
import type { RawGpu } from "./gpu.ts";

/** Throws InputError `no-adapter` where there is none. */
export function navigatorGpu(): RawGpu {
  const { navigator } = globalThis as { navigator?: { gpu?: RawGpu | null } };
  const gpu = navigator?.gpu ?? undefined;
  if (gpu === undefined)
    throw noAdapter("this browser has no WebGPU", "use a browser with WebGPU, on a page served by https or localhost");
  return gpu;
}
