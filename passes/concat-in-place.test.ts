/** Random programs of splits and concatenations, planned with and without what saves their copies: equal results, plans that hold. */
import { describe, expect, test } from "vitest";
import { generateModel } from "../models/index.ts";
import { compile, executePlan, readModel } from "../src/index.ts";
import { byteSize } from "../src/ir/bytes.ts";
import { checkIr } from "../src/ir/check.ts";
import type { KernelStep, Program, ProgramValue, ValueId } from "../src/ir/types.ts";
import { bytesOf } from "../src/kernels/access.ts";
import type { Tensor } from "../src/kernels/types.ts";
import type { Plan } from "../src/plan/schema.ts";
import { simulate } from "../src/plan/simulate.ts";
import { verify } from "../src/plan/verify.ts";
import { cpuExecutor } from "../src/runtime/cpu.ts";
import { loadTarget } from "../src/target/index.ts";
import { allocate } from "./allocate.ts";
import { concatInPlace } from "./concat-in-place.ts";
import { emit } from "./emit.ts";
import { inPlace } from "./in-place.ts";
import { livePeak, liveRanges } from "./liveness.ts";
import { views } from "./views.ts";

const target = loadTarget("tfjs-cpu");
const { alignment } = target.memories.find(({ name }) => name === target.arenaMemory)!;
/** Elements of an aligned block, of float32. */
const BLOCK = alignment / 4;

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

/** A valid program of up to 14 unary steps, sums, splits, concatenations and reshapes. */
function randomProgram(seed: number): Program {
  const pick = generator(seed);
  const values: ProgramValue[] = [];
  const steps: KernelStep[] = [];
  const add = (kind: ProgramValue["kind"], shape: readonly number[], shown?: ValueId): ValueId => {
    const id = values.length as ValueId;
    const storage = shown === undefined ? { value: id, offset: 0 } : values[shown]!.storage;
    const bytes = byteSize("float32", shape);
    const view = shown === undefined ? {} : { viewOf: shown };
    values.push({ id, name: `v${id}`, kind, dtype: "float32", shape, bytes, storage, ...view });
    return id;
  };
  const push = (kernel: string, reads: ValueId[], writes: ValueId[], attrs: KernelStep["attrs"] = []): void => {
    const mayOverwrite = kernel === "Concat" || kernel === "Split" ? [] : reads.map((_, k) => k);
    const rest = { absentReads: [], absentWrites: [], attrs, mayOverwrite, flops: 1, seconds: 1e-6 };
    steps.push({ kind: "kernel", kernel, node: `n${steps.length}`, reads, writes, ...rest });
  };
  const wide = (id: ValueId): number => values[id]!.shape.at(-1)!;
  const rows = 1 + (pick(5) === 0 ? 1 : 0);
  const input = add("input", [rows, BLOCK * (2 + pick(3))]);
  const pool: ValueId[] = [input];
  // Later values more often: chains, whose operands die.
  const some = (): ValueId => pool[Math.max(0, pool.length - 1 - pick(pick(2) === 0 ? 2 : pool.length))]!;
  const count = 4 + pick(11);
  for (let i = 0; i < count; i++) {
    const x = some();
    const width = wide(x);
    const choice = pick(8);
    if (choice < 3) {
      const y = add("activation", values[x]!.shape);
      push(["Neg", "Abs", "Relu"][choice]!, [x], [y]);
      pool.push(y);
    } else if (choice === 3) {
      const equal = pool.filter((id) => wide(id) === width);
      const y = add("activation", values[x]!.shape);
      push("Add", [x, equal[pick(equal.length)]!], [y]);
      pool.push(y);
    } else if (choice === 4 && width > 1) {
      const cut = pick(4) === 0 || width < 2 * BLOCK ? 1 + pick(width - 1) : BLOCK * (1 + pick(width / BLOCK - 1));
      const [low, high] = [add("activation", [rows, cut]), add("activation", [rows, width - cut])];
      const attrs = [
        { name: "axis", value: 1 },
        { name: "starts", value: [0, cut] },
      ];
      push("Split", [x], [low, high], attrs);
      pool.push(low, high);
    } else if (choice < 7) {
      // Fresh operands die at once, so that chains of concatenations can nest.
      const fresh = (): ValueId => {
        const from = some();
        const y = add("activation", values[from]!.shape);
        push("Neg", [from], [y]);
        return y;
      };
      const parts = [x, ...Array.from({ length: 1 + pick(2) }, () => (pick(3) === 0 ? some() : fresh()))];
      const width = parts.reduce((sum, id) => sum + wide(id), 0);
      if (width > 64 * BLOCK) continue;
      const y = add("activation", [rows, width]);
      push("Concat", parts, [y], [{ name: "axis", value: 1 }]);
      pool.push(y);
    } else pool.push(add("activation", values[x]!.shape, x));
  }
  const outputs = [pool.at(-1)!];
  if (pick(3) === 0) outputs.push(some());
  for (const id of new Set(outputs)) if (id !== input) values[id] = { ...values[id]!, kind: "output" };
  const none = { dims: [], init: [], copies: [], calls: [], specialized: [] };
  return { stage: "program", name: `r${seed}`, target: target.name, values, steps, inputs: [input], outputs, ...none };
}

const planOf = (program: Program): Plan =>
  emit(program, target, allocate(program, target), {
    model: { file: null, sha256: "0".repeat(64) },
    fileOrderPeakBytes: 0,
    provenance: { version: "0", passes: [], seed: 0, budget: 0, deterministic: true },
    trace: null,
  });

const improved = (program: Program): Program => concatInPlace(inPlace(views(program, alignment)), alignment);

const peakOf = (program: Program): number => livePeak(liveRanges(program), program.steps.length, alignment).bytes;

async function outputsOf(plan: Plan, unplanned: boolean): Promise<readonly Uint8Array[]> {
  const { shape } = plan.values[plan.inputs[0]!]!;
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 37) % 101) - 50);
  const loaded = await cpuExecutor.load(plan, { constant: () => new Uint8Array(), unplanned });
  const input: Tensor = { dtype: "float32", shape, data };
  await loaded.run([input]);
  // A second run meets what the first one left behind.
  const made = (await loaded.run([input])).map(bytesOf);
  loaded.dispose();
  return made;
}

type Kernel = Extract<Plan["steps"][number], { kind: "kernel" }>;

/** Steps whose operands lie inside their result. */
const joinedIn = (plan: Plan): number[] =>
  plan.steps.flatMap((step, i) =>
    step.kind === "kernel" && step.kernel === "Concat" && step.seconds === 0 ? [i] : [],
  );

describe("random programs", () => {
  test("give the same bytes, planned and unplanned, with and without; no peak is higher", async () => {
    const seen = { views: 0, joined: 0, nested: 0, lower: 0 };
    for (let seed = 0; seed < 300; seed++) {
      const program = randomProgram(seed);
      expect(checkIr(program), `seed ${seed}`).toBeUndefined();
      const plain = inPlace(program);
      const made = improved(program);
      expect(checkIr(made), `seed ${seed}`).toBeUndefined();
      expect(peakOf(made), `seed ${seed}`).toBeLessThanOrEqual(peakOf(plain));
      const plan = planOf(made);
      expect(verify(plan), `seed ${seed}`).toEqual([]);
      expect(simulate(plan), `seed ${seed}`).toEqual([]);
      const wanted = await outputsOf(planOf(plain), true);
      expect(await outputsOf(plan, false), `seed ${seed}`).toEqual(wanted);
      expect(await outputsOf(plan, true), `seed ${seed}`).toEqual(wanted);
      const joined = joinedIn(plan);
      seen.views += plain.steps.length - made.steps.length;
      seen.joined += joined.length;
      const results = joined.map((i) => made.values[made.steps[i]!.writes[0]!]!);
      if (results.some(({ id, storage }) => storage.value !== id)) seen.nested++;
      if (peakOf(made) < peakOf(plain)) seen.lower++;
    }
    // What never happens is not tested.
    expect(seen.views).toBeGreaterThan(20);
    expect(seen.joined).toBeGreaterThan(20);
    expect(seen.nested).toBeGreaterThan(0);
    expect(seen.lower).toBeGreaterThan(10);
  });
});

describe("spoiled concatenations", () => {
  const good = Array.from({ length: 400 }, (_, seed) => planOf(improved(randomProgram(seed)))).filter(
    (plan) => joinedIn(plan).length > 0,
  );
  const withStep = (plan: Plan, at: number, change: (step: Kernel) => Kernel): Plan => ({
    ...plan,
    steps: plan.steps.map((step, i) => (i === at ? change(step as Kernel) : step)),
  });
  const SPOIL: Readonly<Record<string, (plan: Plan, at: number) => Plan>> = {
    "operands in another order": (plan, at) =>
      withStep(plan, at, (step) => ({ ...step, reads: [...step.reads].reverse() })),
    "another kernel": (plan, at) => withStep(plan, at, (step) => ({ ...step, kernel: "Sum" })),
    "no axis": (plan, at) => withStep(plan, at, (step) => ({ ...step, attrs: [] })),
    "an operand left out": (plan, at) => withStep(plan, at, (step) => ({ ...step, reads: step.reads.slice(1) })),
    "an operand elsewhere in the result": (plan, at) => {
      const { reads } = plan.steps[at] as Kernel;
      const other = plan.values[reads.at(-1)!]!.storage.offset - alignment;
      return {
        ...plan,
        values: plan.values.map((value) =>
          value.id === reads.at(-1) ? { ...value, storage: { ...value.storage, offset: other } } : value,
        ),
      };
    },
    "an operand read again": (plan, at) => {
      const { reads } = plan.steps[at] as Kernel;
      const again = { ...(plan.steps[at] as Kernel), node: "again", kernel: "Check", reads: [reads[0]!], writes: [] };
      return { ...plan, steps: [...plan.steps.slice(0, at + 1), again, ...plan.steps.slice(at + 1)] };
    },
  };
  test.each(Object.keys(SPOIL))("%s: rejected", (name) => {
    expect(good.length).toBeGreaterThan(25);
    for (const plan of good) {
      const codes = verify(SPOIL[name]!(plan, joinedIn(plan)[0]!)).map(({ code }) => code);
      expect(
        codes.some((code) => ["in-place-partial", "read-overwritten", "outside-view"].includes(code)),
        `${plan.model.name}: ${codes.join(" ")}`,
      ).toBe(true);
    }
  });
});

test.each(["tfjs-cpu", "tfjs-wasm"])("a U-Net in NCHW joins its skips where they lie, on %s", async (name) => {
  const model = await readModel(generateModel("unet", { levels: 3, width: 8, image: 64 }));
  const without = new Set(["channels-last", "concat-in-place"] as const);
  const apart = await compile(model, { target: name, without });
  const { plan } = await compile(model, { target: name, without: new Set(["channels-last"]) });
  expect(joinedIn(plan).length).toBe(3);
  expect(plan.summary.arenaBytes).toBeLessThan(apart.plan.summary.arenaBytes);
  const made = await executePlan(plan, { model, check: true });
  expect(made.check).toMatchObject({ equal: true });
  const wanted = await executePlan(apart.plan, { model });
  expect(made.outputs.map(({ tensor }) => bytesOf(tensor))).toEqual(
    wanted.outputs.map(({ tensor }) => bytesOf(tensor)),
  );
});
