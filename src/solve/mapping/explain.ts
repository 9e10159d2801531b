/**
 * Why a plan leaves accesses in slow memory, in seconds: what fast residence would save there, and what it would cost
 * under the multipliers of the bound (lambda and kappa for bytes held, beta for copies). The same multipliers say
 * what more fast memory is worth.
 */
import type { BoundCertificate } from "./bound.ts";
import { provenBound } from "./check-bound.ts";
import { type Instance, prepare, stepTime, WRITE } from "./instance.ts";
import { mapMemory, type MapParams } from "./portfolio.ts";
import type { MappingPlan, MappingProblem } from "./types.ts";

/**
 * `too-large`: bigger than the fast memory ever is. `nothing-saved`: the step takes as long either way. `no-window`: it
 * can't be kept from the access before, and there is no step in between to copy it in. `space`, `bandwidth`: the price
 * exceeds the saving, most of it for bytes held or for the copy. `close-call`: the prices alone would have it fast;
 * whole values don't fit so.
 */
export type DropReason = "too-large" | "nothing-saved" | "no-window" | "space" | "bandwidth" | "close-call";

/** An access that slow memory serves. */
export interface Drop {
  /** Index in the instance. */
  readonly access: number;
  /** Step of the instance: instruction i is step i + 1. */
  readonly step: number;
  /** Value of the problem. */
  readonly value: number;
  /** Seconds that the step would take less with this access in fast memory and all else as planned. */
  readonly savedSeconds: number;
  /** Price of the bytes held on the cheapest way to have it there, seconds. */
  readonly residencyPrice: number;
  /** Price of the copy or store on that way, seconds; 0 where the value is only kept. */
  readonly copyPrice: number;
  readonly reason: DropReason;
}

export interface MappingExplanation {
  /** In program order. */
  readonly drops: readonly Drop[];
  /** Seconds that one more byte of fast memory takes off the bound. */
  readonly secondsPerByte: number;
}

/** Explains `plan` by the multipliers of `certificate`. Linear in steps and accesses, and in the gaps before drops. */
export function explainMapping(
  instance: Instance,
  plan: MappingPlan,
  certificate: BoundCertificate,
): MappingExplanation {
  const { steps, accesses, stepOf, versionOf, slowBytes, fastSeconds } = instance;
  const slow = new Float64Array(steps);
  const fast = new Float64Array(steps);
  for (let a = 0; a < accesses; a++) {
    if (plan.fast[a]) fast[stepOf[a]!]! += fastSeconds[a]!;
    else slow[stepOf[a]!]! += slowBytes[a]!;
  }
  const drops: Drop[] = [];
  for (let a = 0; a < accesses; a++) {
    if (plan.fast[a]) continue;
    const t = stepOf[a]!;
    const version = versionOf[a]!;
    const now = stepTime(instance, t, slow[t]!, fast[t]!);
    const savedSeconds = now - stepTime(instance, t, slow[t]! - slowBytes[a]!, fast[t]! + fastSeconds[a]!);
    const large = instance.footprint[version]! > instance.largestRoom;
    const way = large ? undefined : cheapestWay(instance, plan, certificate, a);
    const { residencyPrice, copyPrice } = way ?? { residencyPrice: 0, copyPrice: 0 };
    drops.push({
      access: a,
      step: t,
      value: instance.valueOf[version]!,
      savedSeconds,
      residencyPrice,
      copyPrice,
      reason: large ? "too-large" : reasonOf(now, savedSeconds, way),
    });
  }
  let secondsPerByte = 0;
  for (let t = 0; t < steps; t++) {
    secondsPerByte += certificate.lambda[t]!;
    certificate.kappa.forEach((list, r) => (secondsPerByte += list[t]! / certificate.units[r]!));
  }
  return { drops, secondsPerByte };
}

interface Way {
  readonly residencyPrice: number;
  readonly copyPrice: number;
}

function reasonOf(stepSeconds: number, saved: number, way: Way | undefined): DropReason {
  if (saved <= 1e-9 * stepSeconds) return "nothing-saved";
  if (way === undefined) return "no-window";
  if (way.residencyPrice + way.copyPrice < saved) return "close-call";
  return way.residencyPrice >= way.copyPrice ? "space" : "bandwidth";
}

/** Cheapest way to serve access `a` fast with the accesses beside it as planned; undefined where there is none. */
function cheapestWay(
  instance: Instance,
  plan: MappingPlan,
  { lambda, kappa, units, beta }: BoundCertificate,
  a: number,
): Way | undefined {
  const { steps, bandwidth, stepOf, kind, previous, next, mustEndSlow, produced, first, list } = instance;
  const version = instance.versionOf[a]!;
  const size = instance.bytes[version]!;
  const counted = units.map((unit) => Math.floor(instance.footprint[version]! / unit));
  const rent = (t: number): number => {
    let price = size * lambda[t]!;
    for (let r = 0; r < counted.length; r++) price += counted[r]! * kappa[r]![t]!;
    return price;
  };
  const t = stepOf[a]!;
  const after = next[a]! < 0 ? steps : stepOf[next[a]!]!;
  const before = previous[a]! < 0 ? -1 : stepOf[previous[a]!]!;
  let best: Way | undefined;
  const consider = (residencyPrice: number, copyPrice: number): void => {
    if (best === undefined || residencyPrice + copyPrice < best.residencyPrice + best.copyPrice)
      best = { residencyPrice, copyPrice };
  };
  const move = (s: number): number => (size / bandwidth) * beta[s]!;
  if (kind[a] === WRITE) {
    // Kept to the next access, or stored beside the steps before it, or forgotten.
    let held = rent(t);
    if (next[a]! < 0 && mustEndSlow[version] === 0) consider(held, 0);
    for (let s = t + 1; s < after; s++) {
      held += rent(s);
      consider(held, move(s));
    }
    if (next[a]! >= 0) consider(held + rent(after), 0);
    return best;
  }
  let held = rent(t);
  for (let s = t - 1; s > before; s--) {
    held += rent(s);
    consider(held, move(s));
  }
  // A content that was in fast memory at the access before could have stayed.
  const made = produced[version] === 1 && list[first[version]!] === previous[a];
  if (previous[a]! >= 0 && (plan.fast[previous[a]!] || made)) consider(held, 0);
  return best;
}

/** A point of latency against fast memory. */
export interface CapacityPoint {
  readonly fastBytes: number;
  /** Latency of the best plan found, and what no plan of this capacity passes. */
  readonly seconds: number;
  readonly bound: number;
}

/**
 * Latency at other capacities, in the order given. Plans of a smaller memory are plans of a larger one, and bounds of
 * a larger one hold for a smaller: both curves fall. Throws as {@link mapMemory} does.
 */
export function capacityCurve(
  problem: MappingProblem,
  capacities: readonly number[],
  params: MapParams = {},
): CapacityPoint[] {
  const points = capacities.map((fastBytes) => {
    const { seconds, bound } = mapMemory({ ...problem, hardware: { ...problem.hardware, fastBytes } }, params);
    return { fastBytes, seconds, bound };
  });
  return points.map(({ fastBytes, seconds, bound }) => ({
    fastBytes,
    seconds: points.reduce((least, p) => (p.fastBytes <= fastBytes ? Math.min(least, p.seconds) : least), seconds),
    bound: points.reduce((most, p) => (p.fastBytes >= fastBytes ? Math.max(most, p.bound) : most), bound),
  }));
}

/** What `certificate` proves at another capacity, seconds: one pass, no search. */
export const boundAtCapacity = (problem: MappingProblem, certificate: BoundCertificate, fastBytes: number): number =>
  provenBound(prepare({ ...problem, hardware: { ...problem.hardware, fastBytes } }), certificate);
