/** Random programs (views, in-place results, scratch, empty values) mapped, laid out, emitted, and verified two ways. */
import { describe, expect, test } from "vitest";
import type { Program, ProgramValue, ValueId } from "../../src/ir/types.ts";
import { goodPlan } from "../../src/plan/generate.test-util.ts";
import { simulate } from "../../src/plan/simulate.ts";
import type { Plan } from "../../src/plan/schema.ts";
import { verify } from "../../src/plan/verify.ts";
import { checkTarget, type Target } from "../../src/target/index.ts";
import { emit } from "../emit.ts";
import { allocateMapped, mapAndLayOut } from "./place.ts";

const ids = (list: readonly number[]): ValueId[] => list as ValueId[];

/** The program behind a random plan. */
function programOf(plan: Plan): Program {
  const value = ({
    id,
    name,
    kind,
    dtype,
    shape,
    bytes,
    viewOf,
    source,
    storage,
  }: Plan["values"][number]): ProgramValue => ({
    id: id as ValueId,
    name,
    kind,
    dtype,
    shape,
    bytes,
    storage: { value: storage.value as ValueId, offset: storage.offset },
    ...(viewOf === null ? {} : { viewOf: viewOf as ValueId }),
    ...(source === null ? {} : { source }),
  });
  return {
    stage: "program",
    name: plan.model.name,
    target: "random",
    dims: [],
    values: plan.values.map(value),
    init: [],
    steps: plan.steps.flatMap((step, i) =>
      step.kind === "copy"
        ? []
        : [
            {
              kind: "kernel",
              // Some read only a part of their first operand.
              kernel: i % 5 === 4 ? "Gather" : "Any",
              node: step.node,
              reads: ids(step.reads),
              writes: ids(step.writes),
              absentReads: [],
              absentWrites: [],
              attrs: [],
              mayOverwrite: [],
              flops: 1 + ((7 * i) % 40),
              seconds: step.seconds,
            },
          ],
    ),
    copies: [],
    calls: [],
    inputs: ids(plan.inputs),
    outputs: ids(plan.outputs),
    specialized: [],
  };
}

const memory = (name: string, bytes: number, speed: number) => ({
  name,
  bytes,
  alignment: 8,
  readBytesPerSecond: speed,
  writeBytesPerSecond: speed,
});

function targetOf(seed: number, direct: boolean): Target {
  const [slow, fast] = [
    memory("slow", 1 << 20, 1),
    memory("fast", direct ? 16 + 8 * (seed % 10) : 160 + 8 * (seed % 10), 4),
  ];
  const link = (from: string, to: string) => ({ from, to, bytesPerSecond: 1, channels: 1, overlapsCompute: true });
  return checkTarget(
    {
      name: "random",
      summary: "",
      executor: "none",
      layout: "nchw",
      memories: [direct ? slow : { ...slow, direct: false }, fast],
      links: [link("slow", "fast"), link("fast", "slow")],
      flopsPerSecond: 1,
      launchSeconds: seed % 3,
      arenaMemory: direct ? "slow" : "fast",
      weightsMemory: "slow",
      sources: [],
    },
    "random",
  );
}

function mapped(seed: number, direct: boolean): Plan {
  const program = programOf(goodPlan(seed));
  const target = targetOf(seed, direct);
  const made = mapAndLayOut(program, target, { budget: 12, seed, exact: seed % 16 === 0 });
  return emit(program, target, allocateMapped(program, target, {}, made.layout), {
    model: { file: null, sha256: "0".repeat(64) },
    fileOrderPeakBytes: 0,
    provenance: { version: "0", passes: [], seed, budget: 12, deterministic: true },
    trace: null,
    mapped: made,
  });
}

describe.each([true, false])("random programs, slow memory direct: %s", (direct) => {
  test("their mapped plans hold by every rule and byte for byte, and use what there is", () => {
    const seen = { fetches: 0, stores: 0, stalls: 0, beside: 0 };
    for (let seed = 0; seed < 150; seed++) {
      const plan = mapped(seed, direct);
      expect(verify(plan), `seed ${seed}`).toEqual([]);
      expect(simulate(plan), `seed ${seed}`).toEqual([]);
      for (const step of plan.steps) {
        if (step.kind !== "copy") continue;
        if (step.to === "fast") seen.fetches++;
        else seen.stores++;
        if ((step.stallSeconds ?? 0) > 0) seen.stalls++;
        if (step.done > step.start) seen.beside++;
      }
    }
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(10);
  });
});
