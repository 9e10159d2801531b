/** The twin of dawn.ts for browsers, which bring their own WebGPU. */
import type { GpuSource } from "./dawn.ts";
import { navigatorGpu } from "./navigator.ts";

export const platformGpu = async (): Promise<GpuSource> => ({ gpu: navigatorGpu(), globals: {} });
