/** Roofline cost of a step: what bounds it, arithmetic or the arena's bandwidth, plus the launch. */
import type { Target } from "./schema.ts";

/**
 * Seconds of one step of `flops` operations that moves `bytes` (Williams et al., "Roofline", 2009).
 * Simulated on the target, never measured.
 */
export function stepSeconds(
  target: Target,
  { flops, bytes }: { readonly flops: number; readonly bytes: number },
): number {
  const arena = target.memories.find((memory) => memory.name === target.arenaMemory);
  const bandwidth = arena?.readBytesPerSecond ?? Infinity;
  return Math.max(flops / target.flopsPerSecond, bytes / bandwidth) + target.launchSeconds;
}

/** Seconds of one copy over a link: a copy is launched like a kernel. Simulated, never measured. */
export const copySeconds = (target: Target, bytesPerSecond: number, bytes: number): number =>
  bytes / bytesPerSecond + target.launchSeconds;
