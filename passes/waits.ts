/**
 * Carries out a choice of waits: copies out and back, steps computed again, and the values that these
 * bring. Everything that waits leaves right after a use and is back right before the next.
 */
import type { CallRecord, KernelStep, Program, ProgramValue, StorageCopy, ValueId } from "../src/ir/types.ts";
import type { Lineage, Recomputation } from "./recomputation.ts";

/** A time in which a live block is not used. */
export interface Wait {
  readonly root: ValueId;
  /** Step after which it waits (undefined: an input, from the start). */
  readonly after: number | undefined;
  /** Step before which it must be back (undefined: an output, never). */
  readonly before: number | undefined;
}

interface Rewrite {
  readonly values: ProgramValue[];
  readonly names: Set<string>;
  readonly steps: KernelStep[];
  readonly calls: CallRecord[];
  readonly copies: StorageCopy[];
  /** What stands for each value from here on, where it was computed again. */
  readonly current: Map<ValueId, ValueId>;
  /** Whether a value is written at this step or later. */
  later(id: ValueId, step: number): boolean;
}

/** The program with what the waits say; `again` computes a block anew instead of copying it. */
export function applyWaits(
  lineage: Lineage,
  memories: { readonly arena: string; readonly host: string },
  waits: readonly (Wait & { readonly again?: Recomputation })[],
): Program {
  const { program } = lineage;
  const state: Rewrite = {
    values: [...program.values],
    names: new Set(program.values.map((value) => value.name)),
    steps: [],
    calls: [...program.calls],
    copies: [],
    current: new Map(),
    later: (id, step) => (lineage.writer.get(id) ?? -1) >= step,
  };
  /** Boundary at which each root's content was last put on the host. */
  const onHost = new Map<ValueId, number>();
  const now = (id: ValueId): ValueId => state.current.get(id) ?? id;
  const ordered = [...waits].sort((a, b) => a.root - b.root);
  const seen = new Set<number>();
  for (let at = 0; at <= program.steps.length; at++) {
    const before = (): number => state.steps.length;
    for (const { root, after, before: next, again } of ordered) {
      if ((after ?? -1) + 1 !== at || again !== undefined) continue;
      const since = onHost.get(root);
      const clean = since !== undefined && !lineage.writers.get(root)?.some((step) => since <= step && step < at);
      // What ends on the host must end in a copy there: its place is found by it.
      if (after !== undefined && (!clean || next === undefined))
        state.copies.push({ value: now(root), from: memories.arena, to: memories.host, before: before() });
      if (!clean) onHost.set(root, at);
    }
    for (const { root, before: next, again } of ordered)
      if (next === at && again === undefined)
        state.copies.push({ value: now(root), from: memories.host, to: memories.arena, before: before() });
    for (const { root, again } of ordered
      .filter((wait) => wait.before === at && wait.again !== undefined)
      .sort((a, b) => a.after! - b.after!)) {
      computeAgain(program, state, root, at, again!);
      onHost.delete(root);
    }
    const step = program.steps[at];
    if (step === undefined) continue;
    state.steps.push({ ...step, reads: step.reads.map(now) });
    const call = step.dispatch?.call;
    if (call === undefined || seen.has(call)) continue;
    seen.add(call);
    state.calls[call] = { ...state.calls[call]!, reads: state.calls[call]!.reads.map(now) };
  }
  return { ...program, values: state.values, steps: state.steps, calls: state.calls, copies: state.copies };
}

/** Runs the steps that made what `root` holds once more, into blocks of their own. */
function computeAgain(program: Program, state: Rewrite, root: ValueId, at: number, { replay }: Recomputation): void {
  const rootOf = (id: ValueId): ValueId => program.values[id]!.storage.value;
  const roots = new Set(replay.flatMap((i) => program.steps[i]!.writes.map(rootOf)));
  const written = new Set(replay.flatMap((i) => program.steps[i]!.writes));
  const copy = new Map<ValueId, ValueId>();
  const isAgain = (value: ProgramValue): boolean =>
    value.viewOf === undefined ? written.has(value.id) : isAgain(program.values[value.viewOf]!);
  const sharing = program.values.filter((value) => roots.has(value.storage.value) && isAgain(value));
  sharing.forEach((value, k) => copy.set(value.id, (state.values.length + k) as ValueId));
  for (const value of sharing) {
    let name = `${value.name}/again`;
    for (let k = 2; state.names.has(name); k++) name = `${value.name}/again${k}`;
    state.names.add(name);
    state.values.push({
      ...value,
      id: copy.get(value.id)!,
      name,
      storage: { value: copy.get(value.storage.value)!, offset: value.storage.offset },
      ...(value.viewOf === undefined ? {} : { viewOf: copy.get(value.viewOf)! }),
    });
  }
  const operand = (id: ValueId): ValueId => copy.get(id) ?? state.current.get(id) ?? id;
  for (const i of replay) {
    const step = program.steps[i]!;
    let clone: KernelStep = {
      ...step,
      reads: step.reads.map(operand),
      writes: step.writes.map((id) => copy.get(id)!),
    };
    if (step.dispatch !== undefined) {
      const call = program.calls[step.dispatch.call]!;
      const index =
        state.calls.push({
          ...call,
          reads: call.reads.map(operand),
          writes: call.writes.map((id) => copy.get(id)!),
        }) - 1;
      clone = { ...clone, dispatch: { call: index, index: step.dispatch.index } };
    }
    state.steps.push(clone);
  }
  for (const value of sharing) if (value.storage.value === root) state.current.set(value.id, copy.get(value.id)!);
  // What is written over the block later, in place, moves with it.
  for (const value of program.values) {
    if (value.storage.value !== root || copy.has(value.id) || !state.later(value.id, at)) continue;
    const { id, storage } = state.values[value.id]!;
    state.values[id] = { ...state.values[id]!, storage: { value: copy.get(root)!, offset: storage.offset } };
  }
}
