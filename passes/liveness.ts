/**
 * Purpose     Live ranges of storage: from when to when each block of bytes must be there.
 * Requires    A checked Program.
 * Guarantees  Half-open [from, to) in step indices; inputs from 0, outputs to the last step's end,
 *             scratch for its one step, weights always. Views and in-place results count as uses of
 *             the storage they share.
 * Method      One walk over the steps.
 * Cost        Linear.
 */
import type { Program, ValueId } from "../src/ir/types.ts";

export interface LiveRange {
  readonly root: ValueId;
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
  /** The memory, where copies put it elsewhere than into the arena. */
  readonly memory?: string;
}

/** Index of each step and of each copy in the plan's order, where copies stand between the steps. */
export function positions(program: Program): { readonly steps: readonly number[]; readonly copies: readonly number[] } {
  const steps: number[] = [];
  const copies: number[] = [];
  let next = 0;
  for (let i = 0; i <= program.steps.length; i++) {
    while (copies.length < program.copies.length && program.copies[copies.length]!.before === i) copies.push(next++);
    if (i < program.steps.length) steps.push(next++);
  }
  return { steps, copies };
}

/** Moments of a program: its steps and copies, and one where it has none, as it still holds its inputs then. */
export const momentsOf = (program: Program): number => Math.max(1, program.steps.length + program.copies.length);

interface Use {
  readonly at: number;
  /** For a copy: the memory that the storage comes from and goes to. */
  readonly from?: string;
  readonly to?: string;
}

/**
 * Live ranges of all storage roots but weights and values of load-time steps, by id and time. A root
 * that is copied has one range for each stay in a memory.
 */
export function liveRanges(program: Program): LiveRange[] {
  const { values, copies } = program;
  const place = positions(program);
  const end = momentsOf(program);
  const uses = new Map<ValueId, Use[]>();
  const use = (id: ValueId, at: Use): void => {
    const root = values[id]!.storage.value;
    if (values[root]!.kind === "weight") return;
    const list = uses.get(root);
    if (list === undefined) uses.set(root, [at]);
    else list.push(at);
  };
  for (const id of program.inputs) use(id, { at: 0 });
  let copy = 0;
  program.steps.forEach((step, i) => {
    for (; copy < copies.length && copies[copy]!.before === i; copy++)
      use(copies[copy]!.value, { at: place.copies[copy]!, from: copies[copy]!.from, to: copies[copy]!.to });
    for (const id of step.reads) use(id, { at: place.steps[i]! });
    for (const id of step.writes) use(id, { at: place.steps[i]! });
  });
  for (; copy < copies.length; copy++)
    use(copies[copy]!.value, { at: place.copies[copy]!, from: copies[copy]!.from, to: copies[copy]!.to });
  const kept = new Set(program.outputs.map((id) => values[id]!.storage.value));
  for (const root of kept) use(root, { at: end - 1 });
  return [...uses.keys()]
    .filter((root) => values[root]!.storage.value === root)
    .sort((a, b) => a - b)
    .flatMap((root) => staysOf(program, root, uses.get(root)!));
}

/** One range for each stay of a root, from what uses it in order. */
function staysOf(program: Program, root: ValueId, uses: readonly Use[]): LiveRange[] {
  const { bytes } = program.values[root]!;
  const moves = uses.filter((use) => use.from !== undefined);
  const last = uses.reduce((most, { at }) => Math.max(most, at), 0) + 1;
  const first = uses.reduce((least, { at }) => Math.min(least, at), Infinity);
  const range = (from: number, to: number, memory: string | undefined): LiveRange => ({
    root,
    bytes,
    from,
    to,
    ...(memory === undefined ? {} : { memory }),
  });
  if (moves.length === 0) return [range(first, last, undefined)];
  const stays: LiveRange[] = [];
  /** Where the content is, and since when; in two memories at once where a copy back leaves its source good. */
  const open = new Map<string, number>([[moves[0]!.from!, first]]);
  for (const [k, { from, to, at }] of moves.entries()) {
    const previous = moves[k - 1]?.to;
    if (previous !== undefined && previous !== from) {
      // It comes from where it was left: the copy that is dropped was last needed by what used it last.
      const end = uses.reduce((most, use) => (use.at < at ? Math.max(most, use.at) : most), 0) + 1;
      stays.push(range(open.get(previous)!, end, previous));
      open.delete(previous);
    }
    if (moves[k + 1]?.from !== from) {
      stays.push(range(open.get(from!)!, at + 1, from));
      open.delete(from!);
    }
    open.set(to!, at);
  }
  const end = moves.at(-1)!.to!;
  stays.push(range(open.get(end)!, last, end));
  return stays.sort((a, b) => a.from - b.from);
}

export interface Peak {
  readonly bytes: number;
  /** First step at which that many bytes are live. */
  readonly step: number;
}

/** Most bytes live at one step, each block rounded up to `alignment`. */
export function livePeak(ranges: readonly LiveRange[], steps: number, alignment = 1): Peak {
  const change = new Float64Array(steps + 2);
  for (const { from, to, bytes } of ranges) {
    const size = Math.ceil(bytes / alignment) * alignment;
    change[from]! += size;
    change[to]! -= size;
  }
  let live = 0;
  let peak: Peak = { bytes: 0, step: 0 };
  for (let i = 0; i < Math.max(1, steps); i++) {
    live += change[i]!;
    if (live > peak.bytes) peak = { bytes: live, step: i };
  }
  return peak;
}
