/** What is live where: the peak step of a memory, and every placed value with its place. */
import type { Plan } from "../plan/schema.ts";

export interface LiveBuffer {
  readonly name: string;
  readonly bytes: number;
  readonly offset: number;
  readonly from: number;
  readonly to: number;
  /** Node that makes it; empty for inputs and weights. */
  readonly node: string;
}

export interface Peak {
  readonly memory: string;
  /** Step with the most live bytes; null where nothing is placed. */
  readonly step: number | null;
  readonly node: string;
  readonly bytes: number;
  /** Largest first, ties by offset. */
  readonly live: readonly LiveBuffer[];
}

const writers = (plan: Plan): ReadonlyMap<number, string> => {
  const made = new Map<number, string>();
  for (const step of plan.steps) if (step.kind === "kernel") for (const id of step.writes) made.set(id, step.node);
  return made;
};

/** The step at which most bytes are live in `memory` (the first of equals), and what lives there. */
export function peakOf(plan: Plan, memory: string): Peak {
  const placed = plan.placements.filter((placement) => placement.memory === memory);
  const change = new Map<number, number>();
  for (const { from, to, bytes } of placed) {
    change.set(from, (change.get(from) ?? 0) + bytes);
    change.set(to, (change.get(to) ?? 0) - bytes);
  }
  let live = 0;
  let bytes = 0;
  let step: number | null = null;
  for (const [at, by] of [...change].sort(([a], [b]) => a - b)) {
    live += by;
    if (live > bytes) {
      bytes = live;
      step = at;
    }
  }
  const made = writers(plan);
  const buffers = placed
    .filter((placement) => step !== null && placement.from <= step && step < placement.to)
    .sort((a, b) => b.bytes - a.bytes || a.offset - b.offset)
    .map(({ value, offset, from, to, bytes: size }) => ({
      name: plan.values[value]?.name ?? String(value),
      bytes: size,
      offset,
      from,
      to,
      node: made.get(value) ?? "",
    }));
  // For a copy, the kernel that follows it.
  const at = step === null ? undefined : plan.steps.slice(step).find(({ kind }) => kind === "kernel");
  return { memory, step, node: at?.kind === "kernel" ? at.node : "", bytes, live: buffers };
}

export interface PlanRow {
  readonly name: string;
  readonly kind: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly memory: string;
  readonly offset: number;
  readonly from: number;
  readonly to: number;
}

/** One row a placement, with views and in-place results at their own offsets, by start. */
export function planRows(plan: Plan): PlanRow[] {
  const byValue = new Map<number, typeof plan.placements>();
  for (const placement of plan.placements)
    byValue.set(placement.value, [...(byValue.get(placement.value) ?? []), placement]);
  return plan.values
    .flatMap((value) =>
      (byValue.get(value.storage.value) ?? []).map((placement) => ({
        name: value.name,
        kind: value.viewOf === null ? value.kind : "view",
        dtype: value.dtype,
        shape: value.shape,
        bytes: value.bytes,
        memory: placement.memory,
        offset: placement.offset + value.storage.offset,
        from: placement.from,
        to: placement.to,
      })),
    )
    .sort((a, b) => a.from - b.from || a.offset - b.offset);
}
