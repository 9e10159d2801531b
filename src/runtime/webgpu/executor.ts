/** The webgpu executor: TensorFlow.js's WebGPU kernels and ours, replayed at planned offsets. */
import { wrongBackend } from "../../errors.ts";
import type { Executor } from "../types.ts";
import { openDevice, type GpuDevice } from "./device.ts";
import { loadReplay } from "./replay.ts";
import { loadStock } from "./stock.ts";

/** Dawn rounds timestamps to 100 microseconds otherwise, which is more than most dispatches take. */
const PRECISE_TIMESTAMPS = ["disable-dawn-features=timestamp_quantization"];

let opened: Promise<GpuDevice> | undefined;

/** The process's device, opened when first asked for and again after it was lost or closed. */
async function sharedDevice(): Promise<GpuDevice> {
  const known = await opened?.catch(() => undefined);
  if (known !== undefined && isHealthy(known)) return known;
  opened = openDevice({ dawn: PRECISE_TIMESTAMPS });
  return opened;
}

function isHealthy(gpu: GpuDevice): boolean {
  try {
    gpu.assertHealthy();
    return true;
  } catch {
    return false;
  }
}

export const webgpuExecutor: Executor = {
  name: "webgpu",
  device: "WebGPU",
  capabilities: { exactOffsets: true, swap: true, timestamps: true },
  async load(plan, options) {
    if (plan.target.executor !== "tfjs-webgpu") throw wrongBackend("webgpu", plan.target.name, plan.target.executor);
    const gpu = await sharedDevice();
    return options.unplanned === true ? loadStock(gpu, plan, options) : loadReplay(gpu, plan, options);
  },
  async close() {
    const gpu = await opened?.catch(() => undefined);
    opened = undefined;
    await gpu?.close();
  },
};

export { sharedDevice };
