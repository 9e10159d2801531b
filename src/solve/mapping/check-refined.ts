/**
 * The certificate of refine.ts, checked: one pass with the stored multipliers gives the bound again. Shares the
 * knapsack with the ascent, and nothing else; gaps and combinations are scanned plainly.
 */
import { lifetime } from "./capacity.ts";
import { idleCaps, type Instance, UPDATE } from "./instance.ts";
import { addItem, knapsack, newKnapsack } from "./knapsack.ts";
import { MOST_ENUMERATED, type RefinedCertificate } from "./refine.ts";

/**
 * The lower bound that the multipliers prove, seconds, whatever they are: what is no price counts as zero, shares are
 * clamped. `capacity` may be given where it is known; else the room is taken, which proves a little less. Only for
 * instances whose instructions reach slow memory.
 */
export function provenRefinedBound(instance: Instance, proof: RefinedCertificate, capacity = instance.room): number {
  if (!instance.problem.hardware.slowDirect) return 0;
  const { steps, versions, bandwidth } = instance;
  const finite = (x: number | undefined): number => (x !== undefined && Number.isFinite(x) ? x : 0);
  const price = (x: number | undefined): number => Math.max(0, finite(x));
  const share = (x: number | undefined): number => Math.min(1, price(x));
  const lambda = Float64Array.from({ length: steps }, (_, t) => price(proof.lambda[t]));
  const beta = Float64Array.from({ length: steps }, (_, t) => share(proof.beta[t]));
  const sigma = Float64Array.from({ length: instance.accesses }, (_, a) => finite(proof.sigma[a]));
  /** Price of holding a version at each step beside that of its bytes. */
  const rho = new Map<number, Float64Array>();
  for (const { version, from, prices } of proof.rho) {
    if (!(version >= 0 && version < versions)) continue;
    const own = new Float64Array(steps);
    const [first, last] = lifetime(instance, version);
    for (let t = first; t <= last; t++) own[t] = price(prices[t - from]);
    rho.set(version, own);
  }
  const caps = idleCaps(instance);
  let total = 0;
  for (let v = 0; v < versions; v++)
    if (instance.footprint[v]! <= instance.largestRoom)
      total += cheapest(instance, v, lambda, beta, sigma, rho.get(v), caps);

  const items = newKnapsack(Math.max(1, rho.size));
  for (let t = 0; t < steps; t++) {
    total -= lambda[t]! * capacity[t]!;
    const own: number[] = [];
    let always = 0;
    for (let a = instance.accessAt[t]!; a < instance.accessAt[t + 1]!; a++) {
      if (instance.footprint[instance.versionOf[a]!]! > instance.largestRoom) always += instance.slowBytes[a]!;
      else own.push(a);
    }
    const exact = own.length <= MOST_ENUMERATED;
    items.count = 0;
    for (const [v, prices] of rho) {
      const accessed = exact && own.some((a) => instance.versionOf[a] === v);
      if (prices[t]! > 0 && !accessed) addItem(items, v, instance.footprint[v]!, prices[t]!);
    }
    if (!exact) {
      const nu = share(proof.nu[t]) * (1 - beta[t]!);
      const mu = 1 - beta[t]! - nu;
      total += nu * instance.compute[t]! + mu * instance.base[t]! + ((mu + beta[t]!) * always) / bandwidth;
      for (const a of own)
        total += Math.min(
          ((mu + beta[t]!) * instance.slowBytes[a]!) / bandwidth,
          mu * instance.fastSeconds[a]! + sigma[a]!,
        );
      total -= knapsack(items, capacity[t]!);
      continue;
    }
    let least = Infinity;
    for (let bits = 0; bits < 1 << own.length; bits++) {
      let [slow, fast, size, cost] = [always, 0, 0, 0];
      own.forEach((a, k) => {
        if ((bits & (1 << k)) === 0) {
          slow += instance.slowBytes[a]!;
          return;
        }
        const v = instance.versionOf[a]!;
        fast += instance.fastSeconds[a]!;
        size += instance.footprint[v]!;
        cost += sigma[a]! - (rho.get(v)?.[t] ?? 0);
      });
      if (size > capacity[t]!) continue;
      const time = Math.max(instance.compute[t]!, instance.base[t]! + slow / bandwidth + fast);
      cost += time * (1 - beta[t]!) + (beta[t]! * slow) / bandwidth;
      least = Math.min(least, cost - knapsack(items, capacity[t]! - size));
    }
    total += least;
  }
  return total;
}

/** Cost of the cheapest path of one version. */
function cheapest(
  instance: Instance,
  v: number,
  lambda: Float64Array,
  beta: Float64Array,
  sigma: Float64Array,
  rho: Float64Array | undefined,
  caps: Float64Array,
): number {
  const size = instance.bytes[v]!;
  const rent = (t: number): number => size * lambda[t]! + (rho?.[t] ?? 0);
  /** Least cost of moving it in steps that are added one by one; what they can't move stalls. */
  const mover = (): ((t: number) => number) => {
    const open: { readonly price: number; readonly cap: number }[] = [];
    return (t) => {
      open.push({ price: beta[t]!, cap: caps[t]! });
      open.sort((x, y) => x.price - y.price);
      let left = size;
      let cost = 0;
      for (const { price, cap } of open) {
        const moved = Math.min(left, cap);
        cost += moved * price;
        left -= moved;
      }
      return (cost + left) / instance.bandwidth;
    };
  };
  const storeBetween = (before: number, limit: number): number => {
    const move = mover();
    let held = 0;
    let best = Infinity;
    for (let s = before + 1; s < limit && held < best; s++) {
      held += rent(s);
      best = Math.min(best, held + move(s));
    }
    return best;
  };
  let [absent, clean, dirty] = [0, Infinity, Infinity];
  let before = -1;
  for (let k = instance.first[v]!; k < instance.first[v + 1]!; k++) {
    const a = instance.list[k]!;
    const t = instance.stepOf[a]!;
    const earned = -sigma[a]!;
    if (before < 0 && instance.produced[v] === 1) {
      dirty = earned + rent(t);
      before = t;
      continue;
    }
    let copy = Infinity;
    let held = rent(t);
    const move = mover();
    for (let s = t - 1; s > before && held < copy; s--) {
      held += rent(s);
      copy = Math.min(copy, held + move(s));
    }
    let keep = 0;
    for (let s = before + 1; s <= t; s++) keep += rent(s);
    const gone = Math.min(absent, clean, dirty + (dirty < Infinity ? storeBetween(before, t) : 0));
    const there = Math.min(gone + copy, clean + keep) + earned;
    const update = instance.kind[a] === UPDATE;
    absent = gone;
    clean = update ? Infinity : there;
    dirty = Math.min(dirty + keep + earned, update ? there : Infinity);
    before = t;
  }
  if (instance.mustEndSlow[v] === 1 && dirty < Infinity) dirty += storeBetween(before, instance.steps);
  return Math.min(absent, clean, dirty);
}
