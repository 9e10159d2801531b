/** The uniforms of all dispatches in one read-only buffer; equal ones are kept once. */
import { toBase64 } from "../../ir/base64.ts";
import type { GpuDevice } from "./device.ts";
import { BUFFER_USAGE, type GpuBuffer, type GpuBufferBinding } from "./gpu.ts";

/** WebGPU's default minUniformBufferOffsetAlignment. */
const STRIDE = 256;

/** Uploads `contents`; the result gives the buffer, and the binding of each. */
export async function uploadUniforms(
  gpu: GpuDevice,
  contents: readonly Uint8Array[],
): Promise<{ readonly buffer: GpuBuffer | undefined; readonly bindings: readonly GpuBufferBinding[] }> {
  const offsets = new Map<string, number>();
  const distinct: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  let top = 0;
  const places = contents.map((bytes) => {
    const key = toBase64(bytes);
    let offset = offsets.get(key);
    if (offset === undefined) {
      offset = top;
      offsets.set(key, offset);
      distinct.push({ offset, bytes });
      top += Math.ceil(bytes.length / STRIDE) * STRIDE;
    }
    return { offset, size: bytes.length };
  });
  if (top === 0) return { buffer: undefined, bindings: [] };
  const buffer = await gpu.allocate("the uniforms", {
    label: "uniforms",
    size: top,
    usage: BUFFER_USAGE.uniform | BUFFER_USAGE.copyDst,
    mappedAtCreation: true,
  });
  const mapped = new Uint8Array(buffer.getMappedRange());
  for (const { offset, bytes } of distinct) mapped.set(bytes, offset);
  buffer.unmap();
  return { buffer, bindings: places.map((place) => ({ buffer, ...place })) };
}
