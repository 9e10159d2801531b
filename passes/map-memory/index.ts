/**
 * Purpose     Maps the values of a Program to a fast and a slow memory, with asynchronous copies between them.
 * Requires    A checked Program, steps in their final order, in-place decided; a target with two linked memories.
 * Guarantees  The mapping holds by the rules of src/solve/mapping/check.ts; its seconds are the simulator's; no plan
 *             of this order takes less than its bound, which the multipliers prove in one pass. Never worse than
 *             mapping nothing, greedy play or the MSA-style baseline.
 * Method      "Optimizing Memory Mapping Using Deep Reinforcement Learning" (Wang et al., 2023) states the game; it is
 *             solved by the portfolio of src/solve/mapping.
 * Cost        Bounded by the budget, in evaluations.
 * Limits      Values of one storage move as one. Seconds are simulated on the target's figures.
 */
import { workingSetTooLarge } from "../../src/errors.ts";
import type { Program, ValueId } from "../../src/ir/types.ts";
import { stepTime } from "../../src/solve/mapping/instance.ts";
import {
  type BoundCertificate,
  type DropReason,
  explainMapping,
  type Instance,
  mapMemory,
  type MappingCopy,
  type MappingPlan,
  type MapResult,
  provenBound,
  provenRefinedBound,
  type RefinedCertificate,
  simulate,
  subsetSumCapacity,
} from "../../src/solve/mapping/index.ts";
import type { PlanMapping } from "../../src/plan/schema.ts";
import type { Target } from "../../src/target/schema.ts";
import type { Placed } from "../allocate.ts";
import { fastMemoryOf, type FastMemory } from "./memories.ts";
import type { MapMemoryOptions } from "./options.ts";
import { programProblem } from "./problem.ts";

export { fastMemoryOf, needsMapping } from "./memories.ts";
export type { MapMemoryOptions } from "./options.ts";
export { programProblem } from "./problem.ts";

/** A transfer of a whole storage root beside the program's steps. */
export interface MappedCopy {
  readonly value: ValueId;
  readonly from: string;
  readonly to: string;
  /** It may progress in steps [start, done) of the program; -1 is before its first step. */
  readonly start: number;
  readonly done: number;
  /** How long the program waits for it before step `done`. */
  readonly stallSeconds: number;
}

/** An operand that is brought for one step, or a result that is stored after it, while nothing else happens. */
export interface StagedCopy {
  readonly value: ValueId;
  readonly step: number;
  readonly direction: "in" | "out";
  readonly offset: number;
  readonly seconds: number;
}

/** An access that slow memory serves, and why (src/solve/mapping/explain.ts). */
export interface MappedDrop {
  readonly step: number;
  readonly value: ValueId;
  readonly savedSeconds: number;
  readonly residencySeconds: number;
  readonly copySeconds: number;
  readonly reason: DropReason;
}

type RefinedPrices = NonNullable<PlanMapping["refined"]>;

export interface MemoryMapping {
  readonly fastMemory: string;
  readonly slowMemory: string;
  /** Ranges in the fast memory, [from, to) in steps of the program; -1 is before its first step. */
  readonly placements: readonly Placed[];
  /** In the order in which they start. */
  readonly copies: readonly MappedCopy[];
  /** Where kernels reach no slow memory: what is not resident. */
  readonly staged: readonly StagedCopy[];
  /** For each step, the storage roots that it finds in fast memory. */
  readonly fastAt: readonly (readonly ValueId[])[];
  /** Seconds before the first step, and of each step, stalls and staging included. */
  readonly leadSeconds: number;
  readonly stepSeconds: readonly number[];
  /** Of each step alone. */
  readonly kernelSeconds: readonly number[];
  readonly seconds: number;
  readonly allSlowSeconds: number;
  readonly allFastSeconds: number;
  /** What the multipliers of `refined`, or else of `certificate` prove. */
  readonly bound: number;
  readonly certificate: BoundCertificate;
  /** What they prove. */
  readonly lagrangianSeconds: number;
  /** Multipliers that prove more, where there are any. */
  readonly refined: RefinedPrices | undefined;
  /** Most bytes that whole values can fill before the first step, and at each step: the certificate counts on it. */
  readonly capacity: readonly number[];
  readonly drops: readonly MappedDrop[];
  /** What one more byte of fast memory takes off the bound. */
  readonly secondsPerByte: number;
  readonly method: string;
  readonly proof: MapResult["proof"];
  readonly evaluations: number;
  readonly budget: number;
  /** Whether it was stopped from outside: then the same options may make another plan. */
  readonly interrupted: boolean;
}

/**
 * The mapping of `program` on `target`. Throws InputError `no-fast-memory`, and InfeasibleError
 * `working-set-too-large` where kernels reach the fast memory only and it can't hold what one of them needs.
 */
export function mapProgram(program: Program, target: Target, options: MapMemoryOptions = {}): MemoryMapping {
  const memories = fastMemoryOf(target);
  checkWorkingSets(program, memories);
  const { problem, roots } = programProblem(program, target, memories);
  let interrupted = false;
  const result = mapMemory(problem, {
    ...options,
    shouldStop: () => (interrupted ||= options.shouldStop?.() === true),
  });
  const { instance } = result;
  const plan = inOrder(result.plan);
  const rootOf = (version: number): ValueId => roots[instance.valueOf[version]!]!;
  const fastAt: ValueId[][] = program.steps.map(() => []);
  plan.fast.forEach((fast, access) => {
    if (fast || !memories.slowDirect) fastAt[instance.stepOf[access]! - 1]!.push(rootOf(instance.versionOf[access]!));
  });
  // What has no bytes is in no game, but kernels find it somewhere.
  if (!memories.slowDirect)
    program.steps.forEach((step, i) => {
      const empty = [...step.reads, ...step.writes]
        .map((id) => program.values[id]!.storage.value)
        .filter((root) => program.values[root]!.bytes === 0);
      fastAt[i]!.push(...new Set(empty));
    });
  const names = { fast: memories.memory.name, slow: memories.slow.name };
  const { stepSeconds, kernelSeconds, stalls } = timesOf(instance, plan);
  const capacity = subsetSumCapacity(instance);
  const certificate = rounded(result.certificate);
  const lagrangianSeconds = Math.max(0, provenBound(instance, certificate, capacity));
  const refined = refinedOf(program, result, roots, capacity, lagrangianSeconds);
  const explained = explainMapping(instance, plan, certificate);
  return {
    fastMemory: names.fast,
    slowMemory: names.slow,
    placements: plan.ranges.map(({ value, offset, from, to }) => ({
      value: rootOf(value),
      memory: names.fast,
      offset,
      bytes: instance.bytes[value]!,
      from: from - 1,
      to: to - 1,
    })),
    copies: plan.copies.map(({ value, direction, release, deadline }, k) => ({
      value: rootOf(value),
      from: direction === "in" ? names.slow : names.fast,
      to: direction === "in" ? names.fast : names.slow,
      start: release - 1,
      done: deadline - 1,
      stallSeconds: stalls[k]!,
    })),
    staged: memories.slowDirect ? [] : stagedOf(instance, plan, rootOf),
    fastAt,
    leadSeconds: stepSeconds[0]!,
    stepSeconds: [...stepSeconds.subarray(1)],
    kernelSeconds: [...kernelSeconds.subarray(1)],
    seconds: result.seconds,
    allSlowSeconds: result.allSlowSeconds,
    allFastSeconds: result.allFastSeconds,
    bound: Math.min(result.seconds, refined?.seconds ?? lagrangianSeconds),
    lagrangianSeconds,
    refined: refined?.prices,
    certificate,
    capacity: [...capacity],
    drops: explained.drops.map(({ step, value, savedSeconds, residencyPrice, copyPrice, reason }) => ({
      step: step - 1,
      value: roots[value]!,
      savedSeconds: shorten(savedSeconds),
      residencySeconds: shorten(residencyPrice),
      copySeconds: shorten(copyPrice),
      reason,
    })),
    secondsPerByte: shorten(explained.secondsPerByte),
    method: result.method,
    proof: result.proof,
    evaluations: result.evaluations,
    budget: result.budget,
    interrupted,
  };
}

/** The plan with copies in the order in which they start, which is also that of equal deadlines. */
function inOrder(plan: MappingPlan): MappingPlan {
  const byStart = (x: MappingCopy, y: MappingCopy): number =>
    x.release - y.release || x.deadline - y.deadline || x.value - y.value;
  return { ...plan, copies: [...plan.copies].sort(byStart) };
}

/** Seconds of every step of the instance, with and without waiting, and what is waited for each copy. */
function timesOf(
  instance: Instance,
  plan: MappingPlan,
): { readonly stepSeconds: Float64Array; readonly kernelSeconds: Float64Array; readonly stalls: Float64Array } {
  const slow = new Float64Array(instance.steps);
  const fast = new Float64Array(instance.steps);
  for (let a = 0; a < instance.accesses; a++) {
    if (plan.fast[a]) fast[instance.stepOf[a]!]! += instance.fastSeconds[a]!;
    else slow[instance.stepOf[a]!]! += instance.slowBytes[a]!;
  }
  const flows: { readonly copy: number; readonly step: number; readonly bytes: number }[] = [];
  const { stepSeconds } = simulate(instance, plan, (copy, step, bytes) => flows.push({ copy, step, bytes }));
  const whole = Float64Array.from(stepSeconds, (_, t) => stepTime(instance, t, slow[t]!, fast[t]!));
  // The last flows of a step are those in its stall.
  const left = Float64Array.from(stepSeconds, (seconds, t) => (seconds - whole[t]!) * instance.bandwidth);
  const stalls = new Float64Array(plan.copies.length);
  for (const { copy, step, bytes } of flows.reverse()) {
    if (plan.copies[copy]!.deadline !== step + 1) continue;
    const waited = Math.max(0, Math.min(bytes, left[step]!));
    left[step]! -= waited;
    stalls[copy]! += waited / instance.bandwidth;
  }
  // Staging is no part of the kernel.
  const staging = instance.problem.hardware.slowDirect ? 0 : 1 / instance.bandwidth;
  return { stepSeconds, kernelSeconds: whole.map((seconds, t) => seconds - staging * slow[t]!), stalls };
}

/** What is staged lies on top of the ranges, one operand above the other. */
function stagedOf(instance: Instance, plan: MappingPlan, rootOf: (version: number) => ValueId): StagedCopy[] {
  const top = new Float64Array(instance.steps);
  for (const { value, offset, from, to } of plan.ranges)
    for (let t = from; t < to; t++) top[t] = Math.max(top[t]!, offset + instance.footprint[value]!);
  const staged: StagedCopy[] = [];
  for (let a = 0; a < instance.accesses; a++) {
    if (plan.fast[a]) continue;
    const t = instance.stepOf[a]!;
    const version = instance.versionOf[a]!;
    const offset = top[t]!;
    top[t]! += instance.footprint[version]!;
    const seconds = instance.bytes[version]! / instance.bandwidth;
    const copy = { value: rootOf(version), step: t - 1, offset, seconds };
    const { kind } = instance.problem.instructions[t - 1]!.accesses.find(
      ({ value }) => value === instance.valueOf[version],
    )!;
    if (kind !== "write") staged.push({ ...copy, direction: "in" });
    if (kind !== "read") staged.push({ ...copy, direction: "out" });
  }
  return staged;
}

/** Digits of stored multipliers: any prove a bound, and these cost it nothing that matters. */
const DIGITS = 9;

const shorten = (x: number): number => (x > 0 && Number.isFinite(x) ? Number(x.toPrecision(DIGITS)) : 0);

function rounded({ lambda, units, kappa, beta, mu, seconds }: BoundCertificate): BoundCertificate {
  const short = (list: readonly number[]): number[] => list.map(shorten);
  return { lambda: short(lambda), units, kappa: kappa.map(short), beta: short(beta), mu: short(mu), seconds };
}

/** Multipliers of the tighter bound as a plan has them; undefined where they prove no more, or a storage has two contents. */
function refinedOf(
  { values, steps }: Program,
  { instance, refined }: MapResult,
  roots: readonly ValueId[],
  capacity: Float64Array,
  least: number,
): { readonly prices: RefinedPrices; readonly seconds: number } | undefined {
  if (refined === undefined || new Set(instance.valueOf).size !== instance.versions) return undefined;
  const short = (list: readonly number[]): number[] => list.map(shorten);
  const proof: RefinedCertificate = {
    seconds: refined.seconds,
    lambda: short(refined.lambda),
    beta: short(refined.beta),
    nu: short(refined.nu),
    sigma: refined.sigma.map((x) => (Number.isFinite(x) ? Number(x.toPrecision(DIGITS)) : 0)),
    rho: refined.rho
      .map((own) => ({ ...own, prices: short(own.prices) }))
      .filter(({ prices }) => prices.some((price) => price > 0)),
  };
  const seconds = provenRefinedBound(instance, proof, capacity);
  if (seconds <= least) return undefined;
  const rootOf = (version: number): ValueId => roots[instance.valueOf[version]!]!;
  const paid = new Map<string, number>();
  for (let a = 0; a < instance.accesses; a++)
    paid.set(`${instance.stepOf[a]! - 1},${rootOf(instance.versionOf[a]!)}`, proof.sigma[a]!);
  const sigma = steps.flatMap((step, i) =>
    [...new Set([...step.reads, ...step.writes].map((id) => values[id]!.storage.value))].flatMap((root) => {
      const price = paid.get(`${i},${root}`);
      return price === undefined ? [] : [price];
    }),
  );
  return {
    seconds,
    prices: {
      lambda: [...proof.lambda],
      beta: [...proof.beta],
      nu: [...proof.nu],
      sigma,
      rho: proof.rho.map(({ version, from, prices }) => ({ value: rootOf(version), from, prices: [...prices] })),
    },
  };
}

/** Names the step whose operands don't fit, where they must all be in fast memory at once. */
function checkWorkingSets({ values, steps }: Program, { memory, slowDirect }: FastMemory): void {
  if (slowDirect) return;
  const align = (bytes: number): number => Math.ceil(bytes / memory.alignment) * memory.alignment;
  steps.forEach((step, i) => {
    const roots = [...new Set([...step.reads, ...step.writes].map((id) => values[id]!.storage.value))];
    const needed = roots.reduce((sum, root) => sum + align(values[root]!.bytes), 0);
    if (needed <= Math.floor(memory.bytes / memory.alignment) * memory.alignment) return;
    const operands = roots
      .map((root) => values[root]!)
      .sort((a, b) => b.bytes - a.bytes || a.id - b.id)
      .slice(0, 3)
      .map(({ name, bytes }) => `'${name}' ${bytes}`);
    throw workingSetTooLarge(i, needed, memory.bytes, { node: step.node, memory: memory.name, operands });
  });
}
