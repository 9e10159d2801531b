/** A device for tests: the system's, or SwiftShader from npm; undefined, with the reason printed, where there is none. */
import { useSoftwareVulkan } from "../../../scripts/software-vulkan.mjs";
import { openDevice, type DeviceOptions, type GpuDevice } from "./device.ts";

/** Why no device can be had here, or undefined. Asked once, at the top of a test file, for `describe.skipIf`. */
export function whyNoDevice(): string | undefined {
  const { reason } = { reason: undefined, ...useSoftwareVulkan() };
  if (reason !== undefined) console.warn(`skipped: no WebGPU here: ${reason}`);
  return reason;
}

/** Runs `body` on a device that is closed afterwards, and that must have reported nothing. */
export async function withDevice<T>(body: (device: GpuDevice) => Promise<T>, options: DeviceOptions = {}): Promise<T> {
  const device = await openDevice(options);
  try {
    const result = await body(device);
    await device.settled(device.raw.queue.onSubmittedWorkDone());
    return result;
  } finally {
    await device.close();
  }
}
