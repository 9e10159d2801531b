/** Which memories of a target a mapping is between. */
import type { Target } from "../../src/target/schema.ts";

type Memory = Target["memories"][number];

export interface FastMemory {
  readonly memory: Memory;
  readonly slow: Memory;
  /** False where kernels can't reach the slow memory: links to it are all that does. */
  readonly slowDirect: boolean;
}

/**
 * The fast memory that mapping fills: one that has links to and from the slow one and more bandwidth. Where the
 * arena itself is the faster of the two, the other is where values are offloaded to, and kernels can't read it.
 */
export function fastMemoryOf(target: Target): FastMemory | undefined {
  const arena = target.memories.find((memory) => memory.name === target.arenaMemory);
  if (arena === undefined) return undefined;
  const linked = target.memories.filter(
    (memory) =>
      memory !== arena &&
      target.links.some(({ from, to }) => from === arena.name && to === memory.name) &&
      target.links.some(({ from, to }) => from === memory.name && to === arena.name),
  );
  const faster = linked.find((memory) => memory.readBytesPerSecond > arena.readBytesPerSecond);
  if (faster !== undefined) return { memory: faster, slow: arena, slowDirect: true };
  const slower = linked.find((memory) => memory.readBytesPerSecond < arena.readBytesPerSecond);
  if (slower !== undefined) return { memory: arena, slow: slower, slowDirect: false };
  return undefined;
}
