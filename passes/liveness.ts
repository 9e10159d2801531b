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
}

const isRoot = (program: Program, id: ValueId): boolean => program.values[id]!.storage.value === id;

/** Live ranges of all storage roots but weights and values of load-time steps, by id. */
export function liveRanges(program: Program): LiveRange[] {
  const { values, steps } = program;
  const from = new Map<ValueId, number>();
  const to = new Map<ValueId, number>();
  const use = (id: ValueId, start: number, end: number): void => {
    const root = values[id]!.storage.value;
    if (values[root]!.kind === "weight") return;
    from.set(root, Math.min(from.get(root) ?? start, start));
    to.set(root, Math.max(to.get(root) ?? end, end));
  };
  for (const id of program.inputs) use(id, 0, 1);
  steps.forEach((step, i) => {
    for (const id of step.reads) use(id, i, i + 1);
    for (const id of step.writes) use(id, i, i + 1);
  });
  for (const id of program.outputs) use(id, steps.length, steps.length);
  // A graph without steps still holds its inputs for one moment.
  const end = Math.max(1, steps.length);
  return [...from.keys()]
    .filter((root) => isRoot(program, root))
    .sort((a, b) => a - b)
    .map((root) => ({
      root,
      bytes: values[root]!.bytes,
      from: Math.min(from.get(root)!, end - 1),
      to: Math.min(to.get(root)!, end),
    }));
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
