/**
 * The certificate, checked: one pass over the accesses with the stored multipliers gives the bound again. Shares no
 * code with the ascent; gaps are scanned plainly.
 */
import type { BoundCertificate } from "./bound.ts";
import { lifetime } from "./capacity.ts";
import { type Instance, UPDATE } from "./instance.ts";

/**
 * The lower bound that the multipliers prove, seconds, whatever they are: negative ones count as zero, shares are
 * scaled to one. `capacity` may be given where it is known; else the room is taken, which proves a little less.
 */
export function provenBound(instance: Instance, proof: BoundCertificate, capacity = instance.room): number {
  const { steps, bandwidth } = instance;
  const price = (list: readonly number[] | undefined, t: number): number => {
    const x = list?.[t];
    return x !== undefined && x > 0 && Number.isFinite(x) ? x : 0;
  };
  /** A unit that is none counts nothing and limits nothing. */
  const unit = (r: number): number => {
    const x = proof.units[r];
    return x !== undefined && x > 0 ? x : Infinity;
  };
  const staging = !instance.problem.hardware.slowDirect;
  const beta = new Float64Array(steps);
  const mu = new Float64Array(steps);
  let total = 0;
  for (let t = 0; t < steps; t++) {
    const x = price(proof.beta, t);
    const y = price(proof.mu, t);
    const scale = Math.max(1, x + y);
    beta[t] = x / scale;
    mu[t] = y / scale;
    total += (1 - beta[t]! - mu[t]!) * instance.compute[t]! + mu[t]! * instance.base[t]!;
    total -= price(proof.lambda, t) * capacity[t]!;
    proof.kappa.forEach((list, r) => (total -= Math.floor(instance.largestRoom / unit(r)) * price(list, t)));
  }
  for (let v = 0; v < instance.versions; v++) {
    const accesses = [...instance.list.subarray(instance.first[v]!, instance.first[v + 1]!)];
    const size = instance.bytes[v]!;
    const slow = (a: number): number =>
      (instance.slowBytes[a]! / bandwidth) * (mu[instance.stepOf[a]!]! + beta[instance.stepOf[a]!]!) +
      (staging ? rent[instance.stepOf[a]!]! : 0);
    const counted = proof.kappa.map((_, r) => Math.floor(instance.footprint[v]! / unit(r)));
    const rent = new Float64Array(steps);
    const [from, to] = lifetime(instance, v);
    for (let t = from; t <= to; t++) {
      rent[t] = size * price(proof.lambda, t);
      proof.kappa.forEach((list, r) => (rent[t]! += counted[r]! * price(list, t)));
    }
    if (instance.footprint[v]! > instance.largestRoom) {
      // Never resident: not even staged, so no rent.
      for (const a of accesses)
        total += (instance.slowBytes[a]! / bandwidth) * (mu[instance.stepOf[a]!]! + beta[instance.stepOf[a]!]!);
      continue;
    }
    const move = (t: number): number => (size / bandwidth) * beta[t]!;
    let [absent, clean, dirty] = [0, Infinity, Infinity];
    let before = -1;
    accesses.forEach((a, k) => {
      const t = instance.stepOf[a]!;
      const fast = instance.fastSeconds[a]! * mu[t]!;
      if (k === 0 && instance.produced[v] === 1) {
        [absent, clean, dirty] = [slow(a), Infinity, fast + rent[t]!];
        before = t;
        return;
      }
      let keep = rent[t]!;
      let copy = Infinity;
      let store = Infinity;
      for (let s = t - 1; s > before; s--) {
        keep += rent[s]!;
        copy = Math.min(copy, keep + move(s));
      }
      let held = 0;
      for (let s = before + 1; s < t; s++) {
        held += rent[s]!;
        store = Math.min(store, held + move(s));
      }
      const gone = Math.min(absent, clean, dirty + store);
      const there = Math.min(gone + copy, clean + keep) + fast;
      absent = gone + slow(a);
      clean = instance.kind[a] === UPDATE ? Infinity : there;
      dirty = Math.min(dirty + keep + fast, instance.kind[a] === UPDATE ? there : Infinity);
      before = t;
    });
    if (instance.mustEndSlow[v] === 1) {
      let store = Infinity;
      let held = 0;
      for (let s = before + 1; s < steps; s++) {
        held += rent[s]!;
        store = Math.min(store, held + move(s));
      }
      dirty += store;
    }
    total += Math.min(absent, clean, dirty);
  }
  return total;
}
