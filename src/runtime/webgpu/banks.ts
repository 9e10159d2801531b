/**
 * Banks: which buffer of a memory each value lies in, so that a dispatch's result is in another buffer than
 * its operands. Within one dispatch WebGPU lets a buffer be either written or bound read-only: in one buffer for
 * all values (the default) every operand is bound read_write. With banks operands stay read-only. Each bank has
 * the offsets of the plan, so bytes grow to at most as many times the plan's; `npm run bench:runtime -- --part
 * hazards` measures what that buys.
 */
import type { Plan } from "../../plan/schema.ts";

/** Two do for a chain, three for what is added to a later value. */
export const BANKS = 3;

/**
 * Banks of values in [0, count), by storage root: greedily, in the order of the steps, the first that no
 * operand of the steps that write the value, and no result of those that read it, has. Values for which there
 * is none get the first bank; their dispatches bind operands read_write.
 */
export function banksOf(plan: Plan, count: number): ReadonlyMap<number, number> {
  const apart = new Map<number, Set<number>>();
  const separate = (a: number, b: number): void => {
    const known = apart.get(a);
    if (known === undefined) apart.set(a, new Set([b]));
    else known.add(b);
  };
  const rootOf = (id: number): number => plan.values[id]!.storage.value;
  for (const step of plan.steps) {
    if (step.kind !== "kernel") continue;
    for (const written of step.writes.map(rootOf))
      for (const read of step.reads.map(rootOf)) {
        if (written === read) continue;
        separate(written, read);
        separate(read, written);
      }
  }
  const banks = new Map<number, number>();
  const assign = (root: number): void => {
    if (banks.has(root)) return;
    const taken = new Set([...(apart.get(root) ?? [])].map((other) => banks.get(other)));
    let bank = 0;
    while (bank < count && taken.has(bank)) bank++;
    banks.set(root, bank === count ? 0 : bank);
  };
  const isWeight = (root: number): boolean => plan.values[root]!.kind === "weight";
  for (const id of plan.inputs) if (!isWeight(rootOf(id))) assign(rootOf(id));
  for (const step of plan.steps)
    if (step.kind === "kernel")
      for (const id of [...step.reads, ...step.writes]) if (!isWeight(rootOf(id))) assign(rootOf(id));
  return banks;
}
