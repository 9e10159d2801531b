/** Named ways to spoil a plan. Each returns undefined where the plan has nothing to spoil that way. */
import type { Plan } from "./schema.ts";

type Change = (plan: Plan, at: (below: number) => number) => Plan | undefined;
type Placement = Plan["placements"][number];
type Kernel = Extract<Plan["steps"][number], { kind: "kernel" }>;

const replace = <T>(items: readonly T[], index: number, item: T): T[] =>
  items.map((old, i) => (i === index ? item : old));

const placement =
  (change: (placed: Placement, plan: Plan) => Placement | undefined): Change =>
  (plan, at) => {
    const i = at(plan.placements.length);
    const changed = plan.placements[i] && change(plan.placements[i], plan);
    return changed && { ...plan, placements: replace(plan.placements, i, changed) };
  };

const step =
  (change: (own: Kernel, plan: Plan, at: (below: number) => number) => Kernel | undefined): Change =>
  (plan, at) => {
    const i = at(plan.steps.length);
    const own = plan.steps[i];
    const changed = own?.kind === "kernel" ? change(own, plan, at) : undefined;
    return changed && { ...plan, steps: replace(plan.steps, i, changed) };
  };

const value =
  (
    change: (
      own: Plan["values"][number],
      plan: Plan,
      at: (below: number) => number,
    ) => Plan["values"][number] | undefined,
  ): Change =>
  (plan, at) => {
    const i = at(plan.values.length);
    const changed = plan.values[i] && change(plan.values[i], plan, at);
    return changed && { ...plan, values: replace(plan.values, i, changed) };
  };

const summary =
  (change: (own: Plan["summary"]) => Plan["summary"]): Change =>
  (plan) => ({ ...plan, summary: change(plan.summary) });

export const MUTATIONS: Readonly<Record<string, Change>> = {
  "offset up by one alignment": placement((placed) => ({ ...placed, offset: placed.offset + 8 })),
  "offset down by one alignment": placement((placed) =>
    placed.offset >= 8 ? { ...placed, offset: placed.offset - 8 } : undefined,
  ),
  "offset to zero": placement((placed) => (placed.offset > 0 ? { ...placed, offset: 0 } : undefined)),
  "offset misaligned": placement((placed) => ({ ...placed, offset: placed.offset + 4 })),
  "offset past the memory": placement((placed) => ({ ...placed, offset: 4096 })),
  "life starts later": placement((placed) =>
    placed.from + 1 < placed.to ? { ...placed, from: placed.from + 1 } : undefined,
  ),
  "life ends earlier": placement((placed) =>
    placed.from < placed.to - 1 ? { ...placed, to: placed.to - 1 } : undefined,
  ),
  "life empty": placement((placed) => ({ ...placed, to: placed.from })),
  "life past the end": placement((placed, plan) => ({ ...placed, to: plan.steps.length + 1 })),
  "placement dropped": (plan, at) => ({
    ...plan,
    placements: plan.placements.filter((_, i) => i !== at(1) && i !== 0),
  }),
  "placement of another value": placement((placed, plan) => ({
    ...placed,
    value: (placed.value + 1) % plan.values.length,
  })),
  "placement too small": placement((placed) =>
    placed.bytes >= 4 ? { ...placed, bytes: placed.bytes - 4 } : undefined,
  ),
  "placement in the other memory": placement((placed) => ({
    ...placed,
    memory: placed.memory === "arena" ? "weights" : "arena",
  })),
  "placement in no memory": placement((placed) => ({ ...placed, memory: "nowhere" })),
  "two offsets swapped": (plan, at) => {
    const i = at(plan.placements.length);
    const j = at(plan.placements.length);
    const [a, b] = [plan.placements[i]!, plan.placements[j]!];
    return i === j
      ? undefined
      : {
          ...plan,
          placements: replace(replace(plan.placements, i, { ...a, offset: b.offset }), j, { ...b, offset: a.offset }),
        };
  },
  "two steps swapped": (plan, at) => {
    const i = at(plan.steps.length);
    const j = at(plan.steps.length);
    return i === j ? undefined : { ...plan, steps: replace(replace(plan.steps, i, plan.steps[j]!), j, plan.steps[i]!) };
  },
  "step dropped": (plan, at) => {
    const gone = at(plan.steps.length);
    return { ...plan, steps: plan.steps.filter((_, i) => i !== gone) };
  },
  "read of a later value": step((own, plan) => ({ ...own, reads: [plan.values.length - 1, ...own.reads] })),
  "read of any value": step((own, plan, at) => ({ ...own, reads: [...own.reads, at(plan.values.length)] })),
  "read of no value": step((own, plan) => ({ ...own, reads: [plan.values.length] })),
  "write of any value": step((own, plan, at) => ({ ...own, writes: [...own.writes, at(plan.values.length)] })),
  "write dropped": step((own) => ({ ...own, writes: own.writes.slice(1) })),
  "seconds changed": step((own) => ({ ...own, seconds: own.seconds + 1 })),
  "storage moved into any value": value((own, plan, at) => ({
    ...own,
    storage: { value: at(plan.values.length), offset: 0 },
  })),
  "storage offset shifted": value((own) => ({ ...own, storage: { ...own.storage, offset: own.storage.offset + 4 } })),
  "view of another value": value((own, plan, at) =>
    own.viewOf === null ? undefined : { ...own, viewOf: at(plan.values.length) },
  ),
  "view made a value": value((own) => (own.viewOf === null ? undefined : { ...own, viewOf: null })),
  "shape grown": value((own) => ({ ...own, shape: [...own.shape, 2] })),
  "bytes changed": value((own) => ({ ...own, bytes: own.bytes + 4 })),
  "kind changed": value((own) => ({ ...own, kind: own.kind === "weight" ? "activation" : "weight" })),
  "weight without source": value((own) => (own.source === null ? undefined : { ...own, source: null })),
  "output of another value": (plan, at) => ({ ...plan, outputs: [at(plan.values.length)] }),
  "input dropped": (plan) => ({ ...plan, inputs: plan.inputs.slice(1) }),
  "peak lowered": summary((own) => ({
    ...own,
    peakBytes: { ...own.peakBytes, arena: (own.peakBytes["arena"] ?? 0) - 4 },
  })),
  "arena lowered": summary((own) => ({ ...own, arenaBytes: Math.max(0, own.arenaBytes - 4) + 1 })),
  "bound raised": summary((own) => ({
    ...own,
    lowerBoundBytes: { ...own.lowerBoundBytes, arena: (own.lowerBoundBytes["arena"] ?? 0) + 4 },
  })),
  "unplanned changed": summary((own) => ({ ...own, unplannedBytes: own.unplannedBytes + 1 })),
  "time shortened": summary((own) => ({ ...own, seconds: own.seconds / 2 })),
  "certificate of another step": (plan) => ({
    ...plan,
    certificate: {
      ...plan.certificate,
      loads: plan.certificate.loads.map((load) => ({ ...load, bytes: load.bytes + 1 })),
    },
  }),
};
