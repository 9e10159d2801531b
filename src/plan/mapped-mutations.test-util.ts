/** Named ways to spoil a mapped plan. Each returns undefined where the plan has nothing to spoil that way. */
import type { Plan, PlanMapping } from "./schema.ts";

export type Draw = (below: number) => number;
type Change = (plan: Plan, at: Draw) => Plan | undefined;
type Placement = Plan["placements"][number];
type Step = Plan["steps"][number];
type Copy = Extract<Step, { kind: "copy" }>;
type Kernel = Extract<Step, { kind: "kernel" }>;

const replace = <T>(items: readonly T[], index: number, item: T): T[] =>
  items.map((old, i) => (i === index ? item : old));

/** One of the items that `wanted` picks. */
function pick<T>(items: readonly T[], wanted: (item: T, index: number) => boolean, at: Draw): number | undefined {
  const found = items.flatMap((item, index) => (wanted(item, index) ? [index] : []));
  return found.length === 0 ? undefined : found[at(found.length)];
}

const placement =
  (wanted: (placed: Placement, plan: Plan) => boolean, change: (placed: Placement, plan: Plan) => Placement): Change =>
  (plan, at) => {
    const i = pick(plan.placements, (placed) => wanted(placed, plan), at);
    return i === undefined
      ? undefined
      : { ...plan, placements: replace(plan.placements, i, change(plan.placements[i]!, plan)) };
  };

const isFast = (placed: Placement, plan: Plan): boolean =>
  placed.memory === plan.certificate.mapping!.fastMemory && placed.bytes > 0;
const isSlow = (placed: Placement, plan: Plan): boolean => !isFast(placed, plan) && placed.bytes > 0;
const alignment = (plan: Plan): number =>
  plan.target.memories.find(({ name }) => name === plan.certificate.mapping!.fastMemory)!.alignment;

const copy =
  (wanted: (own: Copy, plan: Plan) => boolean, change: (own: Copy, plan: Plan) => Copy): Change =>
  (plan, at) => {
    const i = pick(plan.steps, (step) => step.kind === "copy" && wanted(step, plan), at);
    return i === undefined
      ? undefined
      : { ...plan, steps: replace(plan.steps, i, change(plan.steps[i] as Copy, plan)) };
  };

const kernel =
  (wanted: (own: Kernel, plan: Plan) => boolean, change: (own: Kernel, plan: Plan) => Kernel): Change =>
  (plan, at) => {
    const i = pick(plan.steps, (step) => step.kind === "kernel" && wanted(step, plan), at);
    return i === undefined
      ? undefined
      : { ...plan, steps: replace(plan.steps, i, change(plan.steps[i] as Kernel, plan)) };
  };

/** The plan without a step, what follows moved up. */
function without(plan: Plan, gone: number): Plan {
  const moved = (at: number): number => (at > gone ? at - 1 : at);
  return {
    ...plan,
    steps: plan.steps
      .filter((_, i) => i !== gone)
      .map((step) => (step.kind === "copy" ? { ...step, start: moved(step.start), done: moved(step.done) } : step)),
    placements: plan.placements.map((placed) => ({ ...placed, from: moved(placed.from), to: moved(placed.to) })),
  };
}

const dropped =
  (wanted: (own: Copy, mapping: PlanMapping) => boolean): Change =>
  (plan, at) => {
    const i = pick(plan.steps, (step) => step.kind === "copy" && wanted(step, plan.certificate.mapping!), at);
    return i === undefined ? undefined : without(plan, i);
  };

const certificate =
  (change: (own: PlanMapping, at: Draw) => Partial<PlanMapping> | undefined): Change =>
  (plan, at) => {
    const { mapping } = plan.certificate;
    const changed = mapping && change(mapping, at);
    return changed && { ...plan, certificate: { ...plan.certificate, mapping: { ...mapping, ...changed } } };
  };

const summary =
  (change: (own: Plan["summary"]) => Partial<Plan["summary"]>): Change =>
  (plan) => ({ ...plan, summary: { ...plan.summary, ...change(plan.summary) } });

/** Never a plan, whatever is spoilt. */
export const ALWAYS: Readonly<Record<string, Change>> = {
  "offset misaligned": placement(isFast, (placed) => ({ ...placed, offset: placed.offset + 4 })),
  "offset past the memory": placement(isFast, (placed, plan) => ({
    ...placed,
    offset: Math.ceil(plan.target.memories.find(({ name }) => name === placed.memory)!.bytes / 256) * 256,
  })),
  "fast range dropped": (plan, at) => {
    const i = pick(plan.placements, (placed) => isFast(placed, plan), at);
    return i === undefined ? undefined : { ...plan, placements: plan.placements.filter((_, k) => k !== i) };
  },
  "copy starts a step later": copy(
    () => true,
    (own) => ({ ...own, start: own.start + 1 }),
  ),
  "copy done before it starts": copy(
    ({ start }) => start > 0,
    (own) => ({ ...own, done: own.start - 1 }),
  ),
  "copy the other way": copy(
    () => true,
    (own) => ({ ...own, from: own.to, to: own.from }),
  ),
  "prefetch dropped": dropped((own, { fastMemory }) => own.to === fastMemory),
  "eviction dropped": dropped((own, { slowMemory }) => own.to === slowMemory),
  "stall left out": copy(
    ({ stallSeconds = 0 }, { summary: { seconds } }) => stallSeconds > 1e-6 * seconds,
    ({ kind, value, from, to, start, done }) => ({ kind, value, from, to, start, done }),
  ),
  "stall made longer": copy(
    () => true,
    (own, { summary: { seconds } }) => ({ ...own, stallSeconds: (own.stallSeconds ?? 0) + 1e-6 * seconds }),
  ),
  "kernel faster": kernel(
    ({ seconds }) => seconds > 0,
    (own) => ({ ...own, seconds: own.seconds * (1 - 1e-6) }),
  ),
  "access said to be slow": kernel(
    ({ fast = [] }) => fast.length > 0,
    (own) => ({ ...own, fast: own.fast!.slice(1) }),
  ),
  "access said to be fast": kernel(
    ({ fast = [], reads }, { values }) =>
      reads.some((id) => values[id]!.bytes > 0 && !fast.includes(values[id]!.storage.value)),
    (own, { values }) => ({
      ...own,
      fast: [
        ...own.fast!,
        values[own.reads.find((id) => values[id]!.bytes > 0 && !own.fast!.includes(values[id]!.storage.value))!]!
          .storage.value,
      ],
    }),
  ),
  "fast list names what the step does not touch": kernel(
    () => true,
    (own, { values }) => ({
      ...own,
      fast: [
        ...(own.fast ?? []),
        values.find(
          ({ id, storage }) =>
            storage.value === id && ![...own.reads, ...own.writes].some((used) => values[used]!.storage.value === id),
        )!.id,
      ],
    }),
  ),
  "seconds lowered": summary(({ seconds }) => ({ seconds: seconds * (1 - 1e-6) })),
  "bound raised": summary(({ seconds, secondsLowerBound }) => ({
    secondsLowerBound: secondsLowerBound + 1e-6 * seconds,
  })),
  "bound lowered": (plan) =>
    // A weaker claim is true as well, where the proof may find more than the claim.
    plan.certificate.mapping?.refined !== undefined
      ? undefined
      : summary(({ seconds, secondsLowerBound }) => ({ secondsLowerBound: secondsLowerBound - 1e-6 * seconds }))(
          plan,
          () => 0,
        ),
  "bound of the first multipliers changed": certificate(({ lagrangianSeconds }) => ({
    lagrangianSeconds: lagrangianSeconds * (1 + 1e-6),
  })),
  "refined prices of room doubled": certificate(({ refined, capacity, allSlowSeconds }) =>
    refined !== undefined && refined.lambda.reduce((sum, x, t) => sum + x * capacity[t]!, 0) > 1e-3 * allSlowSeconds
      ? { refined: { ...refined, lambda: refined.lambda.map((x) => x * 2) } }
      : undefined,
  ),
  "refined accesses paid for by none": certificate(({ refined }) =>
    refined === undefined ? undefined : { refined: { ...refined, sigma: refined.sigma.map(() => 0) } },
  ),
  "a refined price missing": certificate(({ refined }) =>
    refined === undefined ? undefined : { refined: { ...refined, sigma: refined.sigma.slice(1) } },
  ),
  "all-slow seconds raised": certificate(({ allSlowSeconds }) => ({ allSlowSeconds: allSlowSeconds * (1 + 1e-6) })),
  "all prices of room halved": certificate(({ lambda, capacity, allSlowSeconds }) =>
    lambda.reduce((sum, x, t) => sum + x * capacity[t]!, 0) > 1e-3 * allSlowSeconds
      ? { lambda: lambda.map((x) => x / 2) }
      : undefined,
  ),
  "shares of bandwidth shifted": certificate(({ beta }) => ({ beta: beta.map((x) => (x + 0.5) / 2) })),
  "shares of memory time shifted": certificate(({ mu }) => ({ mu: mu.map((x) => x / 2 + 0.1) })),
  "a price missing": certificate(({ lambda }) => ({ lambda: lambda.slice(1) })),
  "a cut's unit changed": certificate(({ units, kappa }) => {
    const r = kappa.findIndex((list) => list.some((x) => x > 1e-9));
    return r < 0 ? undefined : { units: replace(units, r, units[r]! * 2) };
  }),
  "capacity lowered": certificate(({ lambda, capacity }, at) => {
    const t = pick(lambda, (x, k) => x * capacity[k]! > 1e-9 && capacity[k]! > 4096, at);
    return t === undefined ? undefined : { capacity: replace(capacity, t, capacity[t]! - 4096) };
  }),
  "memories of other names": certificate(() => ({ fastMemory: "nowhere" })),
  "fast and slow exchanged": certificate(({ fastMemory, slowMemory }) => ({
    fastMemory: slowMemory,
    slowMemory: fastMemory,
  })),
  "certificate dropped": (plan) => {
    const { mapping, ...others } = plan.certificate;
    return mapping === undefined ? undefined : { ...plan, certificate: others };
  },
  "explanation of a step that is not there": certificate(({ drops }) =>
    drops.length === 0 ? undefined : { drops: drops.map((drop) => ({ ...drop, step: drop.step + 1_000_000 })) },
  ),
  "an access explained twice": certificate(({ drops }) =>
    drops.length === 0 ? undefined : { drops: [...drops, drops[0]!] },
  ),
};

/** May leave a plan: then the byte-level simulator must find it good. */
export const SOMETIMES: Readonly<Record<string, Change>> = {
  "fast offset up by one alignment": placement(isFast, (placed, plan) => ({
    ...placed,
    offset: placed.offset + alignment(plan),
  })),
  "fast offset to zero": placement(isFast, (placed) => ({ ...placed, offset: 0 })),
  "slow offset to zero": placement(isSlow, (placed) => ({ ...placed, offset: 0 })),
  "range starts later": placement(
    (placed) => placed.from + 1 < placed.to,
    (placed) => ({ ...placed, from: placed.from + 1 }),
  ),
  "range ends earlier": placement(
    (placed) => placed.from + 1 < placed.to,
    (placed) => ({ ...placed, to: placed.to - 1 }),
  ),
  "range cut in half": placement(
    (placed) => placed.from + 2 < placed.to,
    (placed) => ({ ...placed, to: (placed.from + placed.to) >> 1 }),
  ),
  "copy of another value": copy(
    () => true,
    (own, { values }) => ({ ...own, value: (own.value + 1) % values.length }),
  ),
  "copy done a kernel later": copy(
    () => true,
    (own, { steps }) => {
      const later = steps.findIndex((step, i) => i > own.done && step.kind === "kernel");
      return later < 0 ? { ...own, done: steps.length } : { ...own, done: later };
    },
  ),
  "two steps swapped": (plan, at) => {
    const i = at(plan.steps.length - 1);
    const renumber = (step: Step, index: number): Step => (step.kind === "copy" ? { ...step, start: index } : step);
    const [a, b] = [plan.steps[i]!, plan.steps[i + 1]!];
    return { ...plan, steps: replace(replace(plan.steps, i, renumber(b, i)), i + 1, renumber(a, i + 1)) };
  },
};
