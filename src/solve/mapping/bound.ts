/**
 * A lower bound on the latency of every plan, by Lagrangian relaxation (Held and Karp, 1970; Geoffrion, 1974).
 *
 * Relaxed: offsets, and that the values share room and bandwidth. Prices: lambda on resident bytes, kappa on
 * rounding cuts, and for each step a mix of its three lower bounds, compute (nu), memory (mu) and slow
 * bandwidth with copies (beta), nu + mu + beta = 1. Then every version is a shortest path over its accesses with
 * the states absent, clean and dirty, and
 *
 *     bound = sum nu compute + mu base - lambda capacity - kappa limit + sum of shortest paths
 *
 * holds at every iterate. Ascent is Adam (Kingma and Ba, 2015) on the subgradient, step sizes falling.
 */
import { noCuts, type RoundingCuts, roundingCuts, subsetSumCapacity } from "./capacity.ts";
import { type Instance, allSlowSeconds } from "./instance.ts";
import { cheapestPath, newPathWork, type PathVisitor, type PathWork, setPathPrices, tracePath } from "./paths.ts";

/** Multipliers that prove `seconds`: see check-bound.ts. */
export interface BoundCertificate {
  /** No plan takes less. */
  readonly seconds: number;
  /** Price of a resident byte at each step, seconds. */
  readonly lambda: readonly number[];
  /** Units of the rounding cuts (see capacity.ts), bytes, and the price of each cut at each step, seconds. */
  readonly units: readonly number[];
  readonly kappa: readonly (readonly number[])[];
  /** Shares of slow bandwidth and of memory time in each step; compute has the rest. */
  readonly beta: readonly number[];
  readonly mu: readonly number[];
}

/** Prices of one iterate. */
export interface Prices {
  readonly lambda: Float64Array;
  readonly kappa: readonly Float64Array[];
  readonly beta: Float64Array;
  readonly mu: Float64Array;
  readonly nu: Float64Array;
}

/** The ascent between two calls. Private to the solver. */
export interface Ascent {
  readonly instance: Instance;
  readonly capacity: Float64Array;
  readonly cuts: RoundingCuts;
  /** Footprint up to which a version can be resident. */
  readonly largest: number;
  readonly now: Prices;
  readonly best: Prices;
  seconds: number;
  iterations: number;
  readonly logits: readonly Float64Array[];
  readonly momentum: readonly Float64Array[];
  readonly variance: readonly Float64Array[];
  readonly work: Work;
}

const newPrices = (steps: number, cuts: number): Prices => ({
  lambda: new Float64Array(steps),
  kappa: Array.from({ length: cuts }, () => new Float64Array(steps)),
  beta: new Float64Array(steps),
  mu: new Float64Array(steps),
  nu: new Float64Array(steps),
});

function copyPrices(from: Prices, to: Prices): void {
  to.lambda.set(from.lambda);
  to.beta.set(from.beta);
  to.mu.set(from.mu);
  to.nu.set(from.nu);
  from.kappa.forEach((list, r) => to.kappa[r]!.set(list));
}

interface Work {
  readonly paths: PathWork;
  /** Prefix sums of the prices of cuts, by class. */
  readonly classPrefix: readonly Float64Array[];
  readonly gradLambda: Float64Array;
  readonly gradKappa: readonly Float64Array[];
  readonly gradBeta: Float64Array;
  readonly gradMu: Float64Array;
  readonly visitor: PathVisitor;
}

/** `whole` where values are resident whole or not at all; else the bound holds for parts of values as well. */
export function newAscent(instance: Instance, whole = true): Ascent {
  const { steps } = instance;
  const cuts = whole ? roundingCuts(instance) : noCuts(instance);
  const count = cuts.units.length;
  const lists = 4 + count;
  const work = {
    paths: newPathWork(instance),
    classPrefix: cuts.classes.map(() => new Float64Array(steps + 1)),
    gradLambda: new Float64Array(steps + 1),
    gradKappa: Array.from({ length: count }, () => new Float64Array(steps + 1)),
    gradBeta: new Float64Array(steps),
    gradMu: new Float64Array(steps),
  };
  const ascent: Ascent = {
    instance,
    capacity: whole ? subsetSumCapacity(instance) : instance.room,
    largest: whole ? instance.largestRoom : Infinity,
    cuts,
    now: newPrices(steps, count),
    best: newPrices(steps, count),
    seconds: -Infinity,
    iterations: 0,
    logits: [0, 1, 2].map(() => new Float64Array(steps)),
    momentum: Array.from({ length: lists }, () => new Float64Array(steps)),
    variance: Array.from({ length: lists }, () => new Float64Array(steps)),
    work: { ...work, visitor: subgradient(instance, cuts, work) },
  };
  begin(ascent);
  return ascent;
}

/** Shares of slow bandwidth that the ascent may begin with, the same in every step. */
const FIRST_SHARES = [0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99];

/**
 * Programs that stream their weights want a bandwidth price in every step at once, which single steps of the
 * subgradient approach slowly: the ascent begins at the best of some even shares.
 */
function begin(ascent: Ascent): void {
  const { instance, logits, now } = ascent;
  const slow = new Float64Array(instance.steps);
  for (let a = 0; a < instance.accesses; a++) slow[instance.stepOf[a]!]! += instance.slowBytes[a]!;
  const set = (share: number): void => {
    for (let t = 0; t < instance.steps; t++) {
      const memory = instance.base[t]! + slow[t]! / instance.bandwidth;
      const ratio = Math.max(-3, Math.min(3, Math.log((memory + 1e-300) / (instance.compute[t]! + 1e-300))));
      const tilt = 1 / (1 + Math.exp(-2 * ratio));
      logits[0]![t] = Math.log(share);
      logits[1]![t] = Math.log((1 - share) * tilt);
      logits[2]![t] = Math.log((1 - share) * (1 - tilt));
    }
    mixShares(ascent);
  };
  let best = FIRST_SHARES[0]!;
  let most = -Infinity;
  for (const share of FIRST_SHARES) {
    set(share);
    const value = evaluate(ascent);
    if (value > ascent.seconds) {
      ascent.seconds = value;
      copyPrices(now, ascent.best);
    }
    if (value > most) {
      most = value;
      best = share;
    }
  }
  set(best);
}

/** Shares of the three lower bounds from their logits. */
function mixShares({ instance, now, logits }: Ascent): void {
  const { beta, mu, nu } = now;
  for (let t = 0; t < instance.steps; t++) {
    const x = logits[0]![t]!;
    const y = logits[1]![t]!;
    const z = logits[2]![t]!;
    const top = Math.max(x, y, z);
    const ex = Math.exp(x - top);
    const ey = Math.exp(y - top);
    const ez = Math.exp(z - top);
    const sum = ex + ey + ez;
    beta[t] = ex / sum;
    mu[t] = ey / sum;
    nu[t] = ez / sum;
  }
}

// ---- the dual function and its subgradient ----

/** Value of the dual at `ascent.now`; its subgradient goes to `ascent.work`. */
function evaluate(ascent: Ascent): number {
  const { instance, capacity, cuts, largest, now, work } = ascent;
  const { limits } = cuts;
  const { steps, accesses, bandwidth, bytes, stepOf, versionOf, slowBytes, fastSeconds, compute, base } = instance;
  const { lambda, kappa, beta, mu, nu } = now;
  const { classPrefix, gradLambda, gradKappa, gradBeta, gradMu, paths } = work;
  const { slowCost, fastCost } = paths;
  const staging = !instance.problem.hardware.slowDirect;
  let value = 0;
  gradBeta.fill(0);
  gradLambda.fill(0);
  for (const list of gradKappa) list.fill(0);
  for (let t = 0; t < steps; t++) {
    value += nu[t]! * compute[t]! + mu[t]! * base[t]! - lambda[t]! * capacity[t]!;
    gradMu[t] = base[t]!;
    for (let r = 0; r < limits.length; r++) value -= limits[r]! * kappa[r]![t]!;
  }
  sumClasses(ascent);
  setPathPrices(instance, paths, lambda, beta);
  for (let a = 0; a < accesses; a++) {
    const t = stepOf[a]!;
    slowCost[a] = (slowBytes[a]! / bandwidth) * (mu[t]! + beta[t]!);
    fastCost[a] = fastSeconds[a]! * mu[t]!;
    if (!staging) continue;
    const v = versionOf[a]!;
    const own = classPrefix[cuts.classOf[v]!]!;
    if (instance.footprint[v]! <= largest) slowCost[a]! += bytes[v]! * lambda[t]! + own[t + 1]! - own[t]!;
  }
  for (let v = 0; v < instance.versions; v++) {
    if (instance.footprint[v]! > largest) {
      for (let k = instance.first[v]!; k < instance.first[v + 1]!; k++) {
        const a = instance.list[k]!;
        const t = stepOf[a]!;
        const time = slowBytes[a]! / bandwidth;
        value += time * (mu[t]! + beta[t]!);
        gradMu[t]! += time;
        gradBeta[t]! += time;
      }
      continue;
    }
    value += cheapestPath(instance, paths, v, classPrefix[cuts.classOf[v]!]!, beta);
    tracePath(instance, paths, v, beta, work.visitor);
  }
  return value;
}

/** Prefix sums of the prices of cuts, by class. */
function sumClasses({ instance, cuts, now, work }: Ascent): void {
  for (let c = 1; c < cuts.classes.length; c++) {
    const own = work.classPrefix[c]!;
    const vector = cuts.classes[c]!;
    own.fill(0);
    for (let r = 0; r < vector.length; r++) {
      const weight = vector[r]!;
      if (weight === 0) continue;
      const price = now.kappa[r]!;
      for (let t = 0; t < instance.steps; t++) own[t + 1]! += weight * price[t]!;
    }
    for (let t = 0; t < instance.steps; t++) own[t + 1]! += own[t]!;
  }
}

/** Adds the path that was chosen to the subgradient. */
function subgradient(
  instance: Instance,
  { classes, classOf }: RoundingCuts,
  { gradLambda, gradKappa, gradBeta, gradMu }: Omit<Work, "visitor">,
): PathVisitor {
  const { bytes, bandwidth, slowBytes, fastSeconds, versionOf } = instance;
  const staging = !instance.problem.hardware.slowDirect;
  const hold = (v: number, from: number, to: number): void => {
    const size = bytes[v]!;
    gradLambda[from]! += size;
    gradLambda[to]! -= size;
    if (classOf[v] === 0) return;
    const vector = classes[classOf[v]!]!;
    for (let r = 0; r < vector.length; r++) {
      gradKappa[r]![from]! += vector[r]!;
      gradKappa[r]![to]! -= vector[r]!;
    }
  };
  return {
    hold,
    move(_, t, moved) {
      gradBeta[t]! += moved / bandwidth;
    },
    slow(a, t) {
      const time = slowBytes[a]! / bandwidth;
      gradMu[t]! += time;
      gradBeta[t]! += time;
      if (staging) hold(versionOf[a]!, t, t + 1);
    },
    fast(a, t) {
      gradMu[t]! += fastSeconds[a]!;
    },
  };
}

// ---- the ascent ----

const DECAY_MOMENTUM = 0.9;
const DECAY_VARIANCE = 0.99;
const MAX_LOGIT = 14;

export interface AscentParams {
  /** Step size at the first and at the last iteration of this call. */
  readonly rate: number;
  readonly lastRate: number;
}

/** Raises the bound by so many iterations, each one evaluation of the dual. */
export function ascend(ascent: Ascent, iterations: number, { rate, lastRate }: AscentParams): void {
  const { instance, now, best, logits, momentum, variance, work, capacity } = ascent;
  const { steps, bandwidth } = instance;
  const capacityScale = Math.max(1, instance.largestRoom);
  const lambdaScale = 0.25 / bandwidth;
  const timeScale = allSlowSeconds(instance) / steps || 1;
  const { lambda, kappa, beta, mu, nu } = now;
  const { limits } = ascent.cuts;
  const counts = new Float64Array(limits.length);
  for (let k = 0; k < iterations; k++) {
    mixShares(ascent);
    const value = evaluate(ascent);
    if (value > ascent.seconds) {
      ascent.seconds = value;
      copyPrices(now, best);
    }
    ascent.iterations++;
    const eta = rate * (lastRate / rate) ** (k / Math.max(1, iterations - 1));
    const c1 = 1 - DECAY_MOMENTUM ** ascent.iterations;
    const c2 = 1 - DECAY_VARIANCE ** ascent.iterations;
    const adam = (list: number, t: number, gradient: number, floor: number): number => {
      const m = (momentum[list]![t] = DECAY_MOMENTUM * momentum[list]![t]! + (1 - DECAY_MOMENTUM) * gradient);
      const s = (variance[list]![t] =
        DECAY_VARIANCE * variance[list]![t]! + (1 - DECAY_VARIANCE) * gradient * gradient);
      return m / c1 / (Math.sqrt(s / c2) + floor);
    };
    let bytes = 0;
    counts.fill(0);
    for (let t = 0; t < steps; t++) {
      bytes += work.gradLambda[t]!;
      const step = adam(0, t, (bytes - capacity[t]!) / capacityScale, 1e-3);
      lambda[t] = Math.max(0, lambda[t]! + eta * lambdaScale * step);
      for (let r = 0; r < limits.length; r++) {
        counts[r]! += work.gradKappa[r]![t]!;
        const up = adam(4 + r, t, (counts[r]! - limits[r]!) / limits[r]!, 1e-3);
        kappa[r]![t] = Math.max(0, kappa[r]![t]! + (eta * timeScale * 0.3 * up) / limits[r]!);
      }
      const gb = work.gradBeta[t]!;
      const gm = work.gradMu[t]!;
      const gn = instance.compute[t]!;
      const mean = beta[t]! * gb + mu[t]! * gm + nu[t]! * gn;
      const shift = (list: number, weight: number, gradient: number): void => {
        const up = adam(1 + list, t, (weight * (gradient - mean)) / timeScale, 1e-4);
        logits[list]![t] = Math.max(-MAX_LOGIT, Math.min(MAX_LOGIT, logits[list]![t]! + eta * 3 * up));
      };
      shift(0, beta[t]!, gb);
      shift(1, mu[t]!, gm);
      shift(2, nu[t]!, gn);
    }
  }
}

/** The best bound so far with what proves it. */
export const certificate = ({ seconds, best, cuts }: Ascent): BoundCertificate => ({
  seconds,
  lambda: [...best.lambda],
  units: cuts.units,
  kappa: best.kappa.map((list) => [...list]),
  beta: [...best.beta],
  mu: [...best.mu],
});
