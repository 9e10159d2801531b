/**
 * A tighter lower bound by Lagrangian decomposition (Guignard and Kim, 1987). The bound of bound.ts prices each step's
 * maximum of compute and memory as a mix, and whole values by a few rounding cuts. Here every step has its own copy
 * of what it decides (which of its accesses are fast, which large values lie in fast memory) and solves that
 * exactly, and only the agreement of steps and versions is priced:
 *
 *     bound = sum over steps of min over y, B of  T(y)(1 - beta) + beta S(y) / bandwidth + sigma y - rho(B) - lambda C
 *           + sum over versions of the shortest path where a fast access earns sigma, a byte held pays lambda, a
 *             version held pays rho, and a copy pays beta
 *
 * with T(y) the roofline of the step, S(y) its slow bytes, and B any set of large versions that fits beside the
 * fast accesses. It begins where the other bound ended, and at no less.
 */
import type { Ascent, AscentParams } from "./bound.ts";
import { type KnapsackWork, newKnapsack } from "./knapsack.ts";
import { type Instance, allSlowSeconds, idleCaps } from "./instance.ts";
import { lifetime } from "./capacity.ts";
import { stepCost } from "./refine-step.ts";
import { cheapestPath, newPathWork, type PathVisitor, type PathWork, setPathPrices, tracePath } from "./paths.ts";

/** Multipliers that prove `seconds`. */
export interface RefinedCertificate {
  readonly seconds: number;
  readonly lambda: readonly number[];
  readonly beta: readonly number[];
  /** Share of compute in its mix with memory, for steps with too many accesses to enumerate. */
  readonly nu: readonly number[];
  /** For each access: what the step pays where it is fast, seconds. */
  readonly sigma: readonly number[];
  /** Prices of holding large versions, from step `from` on; nothing where there is none. */
  readonly rho: readonly { readonly version: number; readonly from: number; readonly prices: readonly number[] }[];
}

/** A version is large from this share of the fast memory on: the others only count by their bytes. */
const LARGE_SHARE = 24;
/** Accesses of a step whose combinations are enumerated. */
export const MOST_ENUMERATED = 5;
/** Steps before its first access from which on a large version has prices of its own. */
const LEAD = 96;
/** Multipliers of large versions at most: beyond that the problem is too large to refine. */
const MOST_MULTIPLIERS = 2_000_000;

interface Prices {
  readonly lambda: Float64Array;
  readonly logit: Float64Array;
  readonly sigma: Float64Array;
  readonly rho: Float64Array;
}

/** Private to the solver. */
export interface Refinement {
  readonly instance: Instance;
  readonly capacity: Float64Array;
  /** Large versions, where their prices begin, and at which step. */
  readonly large: Int32Array;
  readonly slotOf: Int32Array;
  readonly startOf: Int32Array;
  readonly firstStep: Int32Array;
  readonly lastStep: Int32Array;
  /** Large versions alive at each step, as slots. */
  readonly alive: readonly Int32Array[];
  /** Shares of compute and memory in the mix, of what beta leaves. */
  readonly mix: Float64Array;
  readonly now: Prices;
  readonly best: Prices;
  seconds: number;
  iterations: number;
  readonly momentum: Prices;
  readonly variance: Prices;
  readonly gradient: Prices;
  readonly work: {
    readonly paths: PathWork;
    readonly own: Float64Array;
    readonly beta: Float64Array;
    readonly knapsack: KnapsackWork;
    readonly visitor: PathVisitor;
    readonly choices: Int32Array;
  };
}

const newPrices = (steps: number, accesses: number, rho: number): Prices => ({
  lambda: new Float64Array(steps + 1),
  logit: new Float64Array(steps),
  sigma: new Float64Array(accesses),
  rho: new Float64Array(rho),
});

const copyPrices = (from: Prices, to: Prices): void => {
  to.lambda.set(from.lambda);
  to.logit.set(from.logit);
  to.sigma.set(from.sigma);
  to.rho.set(from.rho);
};

/** Begins at the best prices of `ascent`; undefined where the problem is too large, or stages what is not resident. */
export function newRefinement({ instance, capacity, cuts, best }: Ascent): Refinement | undefined {
  if (!instance.problem.hardware.slowDirect) return undefined;
  const { steps, accesses, versions, footprint, largestRoom, bandwidth } = instance;
  const large: number[] = [];
  const slotOf = new Int32Array(versions).fill(-1);
  const starts: number[] = [];
  const firsts: number[] = [];
  const lasts: number[] = [];
  let total = 0;
  for (let v = 0; v < versions; v++) {
    if (footprint[v]! > largestRoom || footprint[v]! * LARGE_SHARE < largestRoom) continue;
    const [born, last] = lifetime(instance, v);
    const first = Math.max(born, instance.stepOf[instance.list[instance.first[v]!]!]! - LEAD);
    slotOf[v] = large.length;
    large.push(v);
    starts.push(total);
    firsts.push(first);
    lasts.push(last);
    total += last - first + 1;
  }
  if (total > MOST_MULTIPLIERS) return undefined;
  const alive: number[][] = Array.from({ length: steps }, () => []);
  large.forEach((_, slot) => {
    for (let t = firsts[slot]!; t <= lasts[slot]!; t++) alive[t]!.push(slot);
  });
  const now = newPrices(steps, accesses, total);
  const mix = new Float64Array(steps);
  for (let t = 0; t < steps; t++) {
    now.lambda[t] = best.lambda[t]!;
    const share = Math.min(1 - 1e-6, Math.max(1e-6, best.beta[t]!));
    now.logit[t] = Math.log(share / (1 - share));
    mix[t] = best.nu[t]! / (best.nu[t]! + best.mu[t]! || 1);
  }
  for (let a = 0; a < accesses; a++) {
    const t = instance.stepOf[a]!;
    if (footprint[instance.versionOf[a]!]! > largestRoom) continue;
    now.sigma[a] =
      (instance.slowBytes[a]! / bandwidth) * (best.mu[t]! + best.beta[t]!) - instance.fastSeconds[a]! * best.mu[t]!;
  }
  large.forEach((v, slot) => {
    const vector = cuts.classes[cuts.classOf[v]!]!;
    for (let t = firsts[slot]!; t <= lasts[slot]!; t++) {
      let price = 0;
      for (let r = 0; r < vector.length; r++) price += vector[r]! * best.kappa[r]![t]!;
      now.rho[starts[slot]! + t - firsts[slot]!] = price;
    }
  });
  const gradient = newPrices(steps, accesses, total);
  const refinement = {
    instance,
    capacity,
    large: Int32Array.from(large),
    slotOf,
    startOf: Int32Array.from(starts),
    firstStep: Int32Array.from(firsts),
    lastStep: Int32Array.from(lasts),
    alive: alive.map((list) => Int32Array.from(list)),
    mix,
    now,
    best: newPrices(steps, accesses, total),
    seconds: -Infinity,
    iterations: 0,
    momentum: newPrices(steps, accesses, total),
    variance: newPrices(steps, accesses, total),
    gradient,
  };
  const work = {
    paths: newPathWork(instance, idleCaps(instance)),
    own: new Float64Array(steps + 1),
    beta: new Float64Array(steps),
    knapsack: newKnapsack(Math.max(1, ...alive.map((list) => list.length))),
    visitor: visitorOf(refinement),
    choices: new Int32Array(accesses),
  };
  return { ...refinement, work };
}

/** Adds what the path of a version does to the subgradient. */
function visitorOf({ instance, slotOf, startOf, firstStep, gradient }: Omit<Refinement, "work">): PathVisitor {
  const { bytes, bandwidth } = instance;
  return {
    hold(v, from, to) {
      gradient.lambda[from]! += bytes[v]!;
      gradient.lambda[to]! -= bytes[v]!;
      const slot = slotOf[v]!;
      if (slot < 0) return;
      const first = firstStep[slot]!;
      const start = startOf[slot]! - first;
      for (let t = Math.max(first, from); t < to; t++) gradient.rho[start + t]! += 1;
    },
    move(_, t, moved) {
      gradient.logit[t]! += moved / bandwidth;
    },
    slow: () => undefined,
    fast(a) {
      gradient.sigma[a]! -= 1;
    },
  };
}

/** Value of the dual at `now`; its subgradient goes to `gradient`, that of beta in place of the logits. */
function evaluate(refinement: Refinement): number {
  const { instance, now, gradient, work, slotOf, startOf, firstStep, lastStep } = refinement;
  const { steps, accesses, versions } = instance;
  const { paths, own, beta } = work;
  gradient.lambda.fill(0);
  gradient.logit.fill(0);
  gradient.sigma.fill(0);
  gradient.rho.fill(0);
  for (let t = 0; t < steps; t++) beta[t] = 1 / (1 + Math.exp(-now.logit[t]!));
  setPathPrices(instance, paths, now.lambda, beta);
  for (let a = 0; a < accesses; a++) paths.fastCost[a] = -now.sigma[a]!;
  let value = 0;
  own.fill(0);
  for (let v = 0; v < versions; v++) {
    if (instance.footprint[v]! > instance.largestRoom) continue;
    const slot = slotOf[v]!;
    if (slot >= 0) {
      const start = startOf[slot]! - firstStep[slot]!;
      for (let t = firstStep[slot]!; t <= lastStep[slot]!; t++) own[t + 1] = own[t]! + now.rho[start + t]!;
    }
    value += cheapestPath(instance, paths, v, own, beta);
    tracePath(instance, paths, v, beta, work.visitor);
    // Zero again for the next; nothing looks past the last step of a lifetime.
    if (slot >= 0) own.fill(0, firstStep[slot]! + 1, lastStep[slot]! + 2);
  }
  let bytes = 0;
  for (let t = 0; t < steps; t++) {
    bytes += gradient.lambda[t]!;
    gradient.lambda[t] = bytes - refinement.capacity[t]!;
    value += stepCost(refinement, t) - now.lambda[t]! * refinement.capacity[t]!;
  }
  return value;
}

const DECAY_MOMENTUM = 0.9;
const DECAY_VARIANCE = 0.99;
const MAX_LOGIT = 14;
/** Step sizes in mean step times. */
const SIGMA = 0.3;
const RHO = 0.3;

/** Raises the bound by so many iterations; step sizes fall from `rate` to `lastRate`. */
export function refine(refinement: Refinement, iterations: number, { rate, lastRate }: AscentParams): void {
  const { instance, now, best, momentum, variance, gradient } = refinement;
  const { steps, accesses } = instance;
  const timeScale = allSlowSeconds(instance) / steps || 1;
  const room = Math.max(1, instance.largestRoom);
  const lambdaScale = 0.25 / instance.bandwidth;
  for (let i = 0; i < iterations; i++) {
    const value = evaluate(refinement);
    if (value > refinement.seconds) {
      refinement.seconds = value;
      copyPrices(now, best);
    }
    refinement.iterations++;
    const eta = rate * (lastRate / rate) ** (i / Math.max(1, iterations - 1));
    const c1 = 1 - DECAY_MOMENTUM ** refinement.iterations;
    const c2 = 1 - DECAY_VARIANCE ** refinement.iterations;
    const adam = (name: keyof Prices, k: number, g: number, floor: number): number => {
      const m = (momentum[name][k] = DECAY_MOMENTUM * momentum[name][k]! + (1 - DECAY_MOMENTUM) * g);
      const s = (variance[name][k] = DECAY_VARIANCE * variance[name][k]! + (1 - DECAY_VARIANCE) * g * g);
      return m / c1 / (Math.sqrt(s / c2) + floor);
    };
    for (let t = 0; t < steps; t++) {
      now.lambda[t] = Math.max(
        0,
        now.lambda[t]! + eta * lambdaScale * adam("lambda", t, gradient.lambda[t]! / room, 1e-3),
      );
      const share = 1 / (1 + Math.exp(-now.logit[t]!));
      const g = (share * (1 - share) * gradient.logit[t]!) / timeScale;
      now.logit[t] = Math.max(-MAX_LOGIT, Math.min(MAX_LOGIT, now.logit[t]! + eta * 3 * adam("logit", t, g, 1e-4)));
    }
    for (let a = 0; a < accesses; a++)
      now.sigma[a]! += eta * timeScale * SIGMA * adam("sigma", a, gradient.sigma[a]!, 1e-3);
    for (let k = 0; k < now.rho.length; k++)
      now.rho[k] = Math.max(0, now.rho[k]! + eta * timeScale * RHO * adam("rho", k, gradient.rho[k]!, 1e-3));
  }
}
/** The best bound so far with what proves it. */
export const refinedCertificate = ({
  seconds,
  best,
  mix,
  large,
  startOf,
  firstStep,
  lastStep,
  instance,
}: Refinement): RefinedCertificate => ({
  seconds,
  lambda: [...best.lambda.subarray(0, instance.steps)],
  beta: Array.from(best.logit, (logit) => 1 / (1 + Math.exp(-logit))),
  nu: [...mix],
  sigma: [...best.sigma],
  rho: Array.from(large, (version, slot) => ({
    version,
    from: firstStep[slot]!,
    prices: [...best.rho.subarray(startOf[slot]!, startOf[slot]! + lastStep[slot]! - firstStep[slot]! + 1)],
  })),
});
