/**
 * Carries out a choice of waits: copies out and back, steps computed again, and the values that these
 * bring. Everything that waits leaves right after a use and is back right before the next.
 */
import type { CallRecord, KernelStep, Program, ProgramValue, StorageCopy, ValueId } from "../src/ir/types.ts";
import type { Recomputation } from "./recomputation.ts";

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
}

/** The program with what the waits say; `again` computes a block anew instead of copying it. */
export function applyWaits(
  program: Program,
  memories: { readonly arena: string; readonly host: string },
  waits: readonly (Wait & { readonly again?: Recomputation })[],
): Program {
  const state: Rewrite = {
    values: [...program.values],
    names: new Set(program.values.map((value) => value.name)),
    steps: [],
    calls: [...program.calls],
    copies: [],
    current: new Map(),
  };
  const written = writesOf(program);
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
      const clean = since !== undefined && !written.get(root)?.some((step) => since <= step && step < at);
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
      .sort((a, b) => a.again!.maker - b.again!.maker)) {
      computeAgain(program, state, root, again!);
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

/** Steps that write into each root. */
function writesOf({ values, steps }: Program): ReadonlyMap<ValueId, readonly number[]> {
  const found = new Map<ValueId, number[]>();
  steps.forEach((step, i) => {
    for (const id of step.writes) {
      const root = values[id]!.storage.value;
      const list = found.get(root);
      if (list === undefined) found.set(root, [i]);
      else list.push(i);
    }
  });
  return found;
}

/** Runs the step that made `root` once more, into a block of its own. */
function computeAgain(program: Program, state: Rewrite, root: ValueId, { maker }: Recomputation): void {
  const step = program.steps[maker]!;
  const now = (id: ValueId): ValueId => state.current.get(id) ?? id;
  const reads = step.reads.map(now);
  const call = step.dispatch === undefined ? undefined : program.calls[step.dispatch.call]!;
  const callReads = call?.reads.map(now);
  const sharing = program.values.filter((value) => value.storage.value === root);
  const copy = new Map(sharing.map((value, k) => [value.id, (state.values.length + k) as ValueId]));
  for (const value of sharing) {
    let name = `${value.name}/again`;
    for (let k = 2; state.names.has(name); k++) name = `${value.name}/again${k}`;
    state.names.add(name);
    state.values.push({
      ...value,
      id: copy.get(value.id)!,
      name,
      storage: { value: copy.get(root)!, offset: value.storage.offset },
      ...(value.viewOf === undefined ? {} : { viewOf: copy.get(value.viewOf) ?? value.viewOf }),
    });
  }
  const writes = step.writes.map((id) => copy.get(id)!);
  let clone: KernelStep = { ...step, reads, writes };
  if (call !== undefined) {
    const index =
      state.calls.push({ ...call, reads: callReads!, writes: call.writes.map((id) => copy.get(id) ?? id) }) - 1;
    clone = { ...clone, dispatch: { call: index, index: step.dispatch!.index } };
  }
  state.steps.push(clone);
  for (const [id, to] of copy) state.current.set(id, to);
}
