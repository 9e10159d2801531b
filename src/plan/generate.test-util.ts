/** Random good plans, valid by construction: steps, views, in-place results, weights, scratch, empty values. */
import * as fc from "fast-check";
import type { Plan } from "./schema.ts";

type Value = Plan["values"][number];
type Step = Extract<Plan["steps"][number], { kind: "kernel" }>;

const ALIGNMENT = 8;
const roundUp = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** mulberry32. */
function generator(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** The good plan of a seed: up to ten steps, packed first-fit. */
export function goodPlan(seed: number): Plan {
  const pick = generator(seed);
  const values: Value[] = [];
  const add = (kind: Value["kind"], words: number, more: Partial<Value> = {}): number => {
    const id = values.length;
    values.push({
      id,
      name: `v${id}`,
      kind,
      dtype: "float32",
      shape: [words],
      bytes: 4 * words,
      layout: "dense",
      storage: { value: id, offset: 0 },
      viewOf: null,
      source: null,
      ...more,
    });
    return id;
  };
  const root = (id: number): number => values[id]!.storage.value;
  const count = 1 + pick(10);
  const inputs = Array.from({ length: 1 + pick(2) }, () => add("input", 1 + pick(6)));
  const weights = Array.from({ length: pick(3) }, (_, i) =>
    add("weight", 1 + pick(6), { source: { kind: "model", name: `w${i}` } }),
  );
  const steps: Step[] = [];
  /** Values whose content is intact, and those that later steps must not touch: read again at the end. */
  const readable = new Set<number>([...inputs, ...weights]);
  const lastUse = new Map<number, number>();
  const firstUse = new Map<number, number>(inputs.map((id) => [id, 0]));
  const use = (id: number, at: number): void => {
    lastUse.set(root(id), at);
    if (!firstUse.has(root(id))) firstUse.set(root(id), at);
  };
  inputs.forEach((id) => lastUse.set(id, 0));
  for (let i = 0; i < count; i++) {
    const pool = [...readable];
    const reads = Array.from({ length: 1 + pick(3) }, () => pool[pick(pool.length)]!);
    const first = values[reads[0]!]!;
    let written: number;
    const wholeRoot = first.storage.offset === 0 && first.bytes === values[root(first.id)]!.bytes;
    const alone = reads.every((id, k) => k === 0 || id === first.id || root(id) !== root(first.id));
    if (
      pick(3) === 0 &&
      first.kind !== "weight" &&
      values[root(first.id)]!.kind !== "weight" &&
      wholeRoot &&
      alone &&
      first.bytes > 0
    ) {
      // In place: everything else that shows this storage is gone from now on.
      written = add("activation", first.bytes / 4, { storage: { value: root(first.id), offset: 0 } });
      for (const id of readable) if (root(id) === root(first.id)) readable.delete(id);
    } else written = add("activation", pick(8));
    reads.forEach((id) => use(id, i));
    use(written, i);
    readable.add(written);
    const writes = [written];
    if (pick(4) === 0) {
      const scratch = add("temporary", 1 + pick(4));
      use(scratch, i);
      writes.push(scratch);
    }
    steps.push({
      kind: "kernel",
      kernel: "Any",
      node: `n${i}`,
      reads,
      writes,
      absentReads: [],
      absentWrites: [],
      attrs: [],
      opaque: false,
      flops: 1,
      seconds: (1 + pick(9)) / 8,
      dispatch: null,
    });
    if (pick(3) === 0 && values[written]!.bytes > 4) {
      const words = values[written]!.bytes / 4;
      const from = pick(words);
      const view = add("activation", 1 + pick(words - from), {
        viewOf: written,
        storage: { value: root(written), offset: values[written]!.storage.offset + 4 * from },
      });
      readable.add(view);
    }
  }
  const pool = [...readable];
  const outputs = Array.from({ length: 1 + pick(2) }, () => pool[pick(pool.length)]!);
  for (const id of outputs) {
    if (values[root(id)]!.kind !== "weight") lastUse.set(root(id), count - 1);
    if (values[id]!.kind === "activation") values[id] = { ...values[id]!, kind: "output" };
  }

  const placements: Plan["placements"] = [];
  let weightTop = 0;
  for (const id of weights) {
    placements.push({ value: id, memory: "weights", offset: weightTop, bytes: values[id]!.bytes, from: 0, to: count });
    weightTop += roundUp(values[id]!.bytes);
  }
  for (const [id, from] of firstUse) {
    if (values[id]!.kind === "weight") continue;
    const to = lastUse.get(id)! + 1;
    const bytes = values[id]!.bytes;
    let offset = 0;
    const conflicts = placements
      .filter((placed) => placed.memory === "arena" && placed.from < to && from < placed.to)
      .sort((a, b) => a.offset - b.offset);
    for (const placed of conflicts)
      if (placed.offset < offset + bytes) offset = Math.max(offset, roundUp(placed.offset + placed.bytes));
    placements.push({ value: id, memory: "arena", offset, bytes, from, to });
  }
  const top = (memory: string): number =>
    placements
      .filter((placed) => placed.memory === memory)
      .reduce((most, placed) => Math.max(most, placed.offset + placed.bytes), 0);
  const live = Array.from({ length: count }, (_, i) =>
    placements
      .filter((placed) => placed.memory === "arena" && placed.from <= i && i < placed.to)
      .reduce((sum, placed) => sum + placed.bytes, 0),
  );
  const bound = Math.max(...live);
  const weightsBytes = weights.reduce((sum, id) => sum + values[id]!.bytes, 0);
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const written = new Set([...inputs, ...steps.flatMap((step) => step.writes)]);
  const memory = (name: string): Plan["target"]["memories"][number] => ({
    name,
    bytes: 4096,
    alignment: ALIGNMENT,
    readBytesPerSecond: 1e9,
    writeBytesPerSecond: 1e9,
  });
  return {
    strata: 1,
    model: { name: "random", file: null, sha256: "0".repeat(64), dims: { batch: 1 }, specialized: [] },
    target: {
      name: "test",
      executor: "none",
      memories: [memory("arena"), memory("weights")],
      links: [],
      flopsPerSecond: 1,
      launchSeconds: 0,
      arenaMemory: "arena",
      weightsMemory: "weights",
    },
    values,
    inputs,
    outputs,
    init: [],
    steps,
    calls: [],
    trace: null,
    placements,
    summary: {
      peakBytes: { arena: top("arena"), weights: top("weights") },
      lowerBoundBytes: { arena: bound, weights: weightsBytes },
      arenaBytes: top("arena"),
      arenaLowerBoundBytes: bound,
      weightsBytes,
      unplannedBytes: [...written].reduce((sum, id) => sum + values[id]!.bytes, 0),
      fileOrderPeakBytes: bound,
      seconds,
      secondsLowerBound: seconds,
    },
    certificate: { loads: [{ memory: "arena", step: live.indexOf(bound), bytes: bound }], status: "feasible" },
    provenance: { version: "0", passes: [{ name: "random", options: {} }], seed, budget: 0, deterministic: true },
  };
}

export const goodPlans: fc.Arbitrary<Plan> = fc.nat(2 ** 31 - 1).map(goodPlan);
