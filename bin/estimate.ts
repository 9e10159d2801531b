/** Estimates plan without limits and compare afterwards. */
import { fastMemoryOf, needsMapping } from "../passes/map-memory/memories.ts";
import type { Plan } from "../src/plan/schema.ts";
import type { Target } from "../src/target/index.ts";
import { texts, type Flags } from "./command.ts";
import { byteCount, pairs } from "./pairs.ts";

/** The capacities that count, by memory, and the flags with every memory of a built-in target made boundless. */
export function unlimited(flags: Flags, target: Target | undefined): { limits: Map<string, number>; flags: Flags } {
  const limits = new Map(target?.memories.map(({ name, bytes }) => [name, bytes]));
  for (const [memory, size] of pairs("--capacity", texts(flags, "capacity")))
    limits.set(memory, byteCount("--capacity", size));
  // What is mapped is brought to the fast memory in turn: boundless, it would hold everything.
  const asked = texts(flags, "pass").some((item) => item.split(":")[0] === "map-memory");
  const fast = target !== undefined && (asked || needsMapping(target)) ? fastMemoryOf(target).memory.name : undefined;
  const names = (target?.memories.map(({ name }) => name) ?? []).filter((name) => name !== fast);
  const kept = texts(flags, "capacity").filter((item) => item.startsWith(`${fast}=`));
  return {
    limits,
    flags: { ...flags, capacity: [...names.map((name) => `${name}=${Number.MAX_SAFE_INTEGER}`), ...kept] },
  };
}

/** Capacities by memory: the flags' and target's, or the plan's own for a target from a file. */
export const limitsOf = (plan: Plan, limits: ReadonlyMap<string, number>): ReadonlyMap<string, number> =>
  new Map([...plan.target.memories.map(({ name, bytes }): [string, number] => [name, bytes]), ...limits]);
