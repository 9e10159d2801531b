/** Which memories of a target a mapping is between. */
import { noFastMemory } from "../../src/errors.ts";
import type { Target } from "../../src/target/schema.ts";

type Memory = Target["memories"][number];

export interface FastMemory {
  readonly memory: Memory;
  readonly slow: Memory;
  /** False where kernels can't reach the slow memory: links to it are all that does. */
  readonly slowDirect: boolean;
  /** Bandwidth of the slow memory, or of the links where they are all that reaches it. */
  readonly slowBytesPerSecond: number;
}

/**
 * The fast memory that mapping fills: one that has links to and from the slow one and more bandwidth. Where the
 * arena itself is the faster of the two, the other is where values are offloaded to, and kernels can't read it.
 * Throws InputError `no-fast-memory` where the target has none, or one that the mapping game does not model.
 */
export function fastMemoryOf(target: Target): FastMemory {
  const arena = target.memories.find((memory) => memory.name === target.arenaMemory)!;
  const link = (from: Memory, to: Memory) => target.links.find((l) => l.from === from.name && l.to === to.name);
  const linked = target.memories.filter(
    (memory) => memory !== arena && link(arena, memory) !== undefined && link(memory, arena) !== undefined,
  );
  const faster = linked.find((memory) => memory.readBytesPerSecond > arena.readBytesPerSecond);
  const slower = linked.find((memory) => memory.readBytesPerSecond < arena.readBytesPerSecond);
  const [memory, slow] = faster !== undefined ? [faster, arena] : [arena, slower];
  if (slow === undefined) throw noFastMemory(target.name, "no second memory is linked to that of its arena both ways");
  if (target.weightsMemory !== slow.name)
    throw noFastMemory(target.name, `its weights are in ${target.weightsMemory}, not in ${slow.name}`);
  const into = link(slow, memory)!.bytesPerSecond;
  const out = link(memory, slow)!.bytesPerSecond;
  const slowDirect = slow.direct !== false;
  if (slowDirect === (slow !== arena))
    throw noFastMemory(target.name, `kernels ${slowDirect ? "reach" : "don't reach"} ${slow.name} directly`);
  const slowBytesPerSecond = slowDirect ? slow.readBytesPerSecond : into;
  // One bandwidth for reads, writes and copies is what the game has.
  const even = slow.readBytesPerSecond === slow.writeBytesPerSecond;
  if (into !== out || (slowDirect && (into < slow.readBytesPerSecond || !even)))
    throw noFastMemory(target.name, `${slow.name} and its links have different bandwidths`);
  return { memory, slow, slowDirect, slowBytesPerSecond };
}

/** Whether plans for `target` need the mapping: kernels can't reach where its weights are. */
export const needsMapping = (target: Target): boolean =>
  target.memories.find(({ name }) => name === target.weightsMemory)?.direct === false;
