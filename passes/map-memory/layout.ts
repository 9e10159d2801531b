/**
 * Purpose     Puts a mapping into the order of a plan: copies between the steps, and what is where from when to when.
 * Requires    A MemoryMapping of the same Program, with copies in the order in which they start.
 * Guarantees  A copy stands before the step in which it may start, and is done with the last step that it may run
 *             beside; one that nothing runs beside is done at its own place. Storage is in slow memory from its first
 *             access or copy there to its last, and for weights always.
 * Cost        Linear, but for sorting the copies.
 */
import type { Program, ValueId } from "../../src/ir/types.ts";
import type { Target } from "../../src/target/schema.ts";
import type { Placed } from "../allocate.ts";
import type { LiveRange } from "../liveness.ts";
import type { MappedCopy, MemoryMapping } from "./index.ts";

export interface PlanCopy {
  readonly kind: "copy";
  readonly value: ValueId;
  readonly from: string;
  readonly to: string;
  readonly start: number;
  readonly done: number;
  readonly stallSeconds: number;
}

export interface MappedLayout {
  /** The plan's steps in order: a step of the program by index, or a copy. */
  readonly items: readonly ({ readonly kind: "step"; readonly step: number } | PlanCopy)[];
  /** Index of each step of the program in the plan. */
  readonly indexOf: readonly number[];
  /** Ranges in the fast memory. */
  readonly fast: readonly Placed[];
  /** Stays in the slow memory that need an offset there. */
  readonly slow: readonly LiveRange[];
  /** Live ranges of what never leaves the arena: what its lower bound counts. */
  readonly held: readonly LiveRange[];
}

/** Lays out `mapping` of `program`. */
export function layOut(program: Program, target: Target, mapping: MemoryMapping): MappedLayout {
  const { values, steps } = program;
  const names = { fast: mapping.fastMemory, slow: mapping.slowMemory };
  const items: MappedLayout["items"][number][] = [];
  /** Index of the first item of each step's group, the moment before the first step included. */
  const groupAt: number[] = [];
  const indexOf: number[] = [];
  const pending: { readonly item: number; readonly copy: MappedCopy }[] = [];
  const fast: Placed[] = [];
  let next = 0;
  const staged = steps.map((): MemoryMapping["staged"][number][] => []);
  for (const copy of mapping.staged) staged[copy.step]!.push(copy);
  for (let at = -1; at <= steps.length; at++) {
    groupAt.push(items.length);
    for (; next < mapping.copies.length && mapping.copies[next]!.start === at; next++) {
      const { value, from, to, stallSeconds } = mapping.copies[next]!;
      pending.push({ item: items.length, copy: mapping.copies[next]! });
      items.push({ kind: "copy", value, from, to, start: items.length, done: items.length, stallSeconds });
    }
    if (at < 0 || at === steps.length) continue;
    const stage = (value: ValueId, direction: "in" | "out", stallSeconds: number): number => {
      const [from, to] = direction === "in" ? [names.slow, names.fast] : [names.fast, names.slow];
      return items.push({ kind: "copy", value, from, to, start: items.length, done: items.length, stallSeconds }) - 1;
    };
    const begun = new Map<ValueId, number>();
    for (const { value, direction, seconds } of staged[at]!)
      if (direction === "in") begun.set(value, stage(value, "in", seconds));
    const index = (indexOf[at] = items.push({ kind: "step", step: at }) - 1);
    const ended = new Map<ValueId, number>();
    for (const { value, direction, seconds } of staged[at]!)
      if (direction === "out") ended.set(value, stage(value, "out", seconds));
    for (const { value, offset } of new Map(staged[at]!.map((copy) => [copy.value, copy])).values())
      fast.push({
        value,
        memory: names.fast,
        offset,
        bytes: values[value]!.bytes,
        from: begun.get(value) ?? index,
        to: (ended.get(value) ?? index) + 1,
      });
  }
  for (const { item, copy } of pending)
    if (copy.done > 0) items[item] = { ...(items[item] as PlanCopy), done: indexOf[copy.done - 1]! };
  const moment = (step: number): number => groupAt[step + 1]!;
  for (const placed of mapping.placements)
    fast.push({ ...placed, from: moment(placed.from), to: Math.max(moment(placed.from) + 1, moment(placed.to)) });

  const end = Math.max(1, items.length);
  const uses = usesOf(program, indexOf, end);
  const stays = new Map<ValueId, { from: number; to: number }>();
  const stay = (root: ValueId, from: number, to: number): void => {
    const known = stays.get(root);
    stays.set(root, { from: Math.min(from, known?.from ?? from), to: Math.max(to, known?.to ?? to) });
  };
  for (const id of program.inputs) stay(values[id]!.storage.value, 0, 1);
  for (const id of program.outputs) stay(values[id]!.storage.value, end - 1, end);
  for (const item of items) if (item.kind === "copy") stay(item.value, item.start, item.done + 1);
  steps.forEach((step, i) => {
    const found = new Set(mapping.fastAt[i]);
    for (const id of [...step.reads, ...step.writes]) {
      const root = values[id]!.storage.value;
      if (!found.has(root)) stay(root, indexOf[i]!, indexOf[i]! + 1);
    }
  });
  // Found in fast memory without a range: it has no bytes.
  const given = new Set(fast.map(({ value }) => value));
  for (const [root, { from, to }] of uses)
    if (values[root]!.bytes === 0 && mapping.fastAt.some((found) => found.includes(root)) && !given.has(root))
      fast.push({ value: root, memory: names.fast, offset: 0, bytes: 0, from, to });
  const arena = target.arenaMemory;
  const moved = new Set(items.flatMap((item) => (item.kind === "copy" ? [item.value] : [])));
  const inFast = new Set(fast.map(({ value }) => value));
  const leaves = (root: ValueId): boolean =>
    moved.has(root) || (inFast.has(root) && names.fast !== arena) || (stays.has(root) && names.slow !== arena);
  const range = (root: ValueId, { from, to }: { from: number; to: number }): LiveRange => ({
    root,
    bytes: values[root]!.bytes,
    from,
    to,
    ...(names.slow === arena ? {} : { memory: names.slow }),
  });
  const ordered = (
    ranges: ReadonlyMap<ValueId, { from: number; to: number }>,
  ): [ValueId, { from: number; to: number }][] =>
    [...ranges].filter(([root]) => values[root]!.kind !== "weight").sort(([a], [b]) => a - b);
  return {
    items,
    indexOf,
    fast,
    slow: ordered(stays).map(([root, span]) => range(root, span)),
    held: ordered(uses)
      .filter(([root]) => !leaves(root))
      .map(([root, { from, to }]) => ({ root, bytes: values[root]!.bytes, from, to })),
  };
}

/** From the first use of each storage root to its last, in the plan's order. */
function usesOf(
  { values, steps, inputs, outputs }: Program,
  indexOf: readonly number[],
  end: number,
): ReadonlyMap<ValueId, { from: number; to: number }> {
  const uses = new Map<ValueId, { from: number; to: number }>();
  const use = (id: ValueId, from: number, to: number): void => {
    const root = values[id]!.storage.value;
    const known = uses.get(root);
    uses.set(root, { from: Math.min(from, known?.from ?? from), to: Math.max(to, known?.to ?? to) });
  };
  for (const id of inputs) use(id, 0, 1);
  steps.forEach((step, i) => {
    for (const id of [...step.reads, ...step.writes]) use(id, indexOf[i]!, indexOf[i]! + 1);
  });
  for (const id of outputs) use(id, end - 1, end);
  return uses;
}
