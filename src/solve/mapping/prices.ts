/** Cost-to-go of every version under fixed prices: what a decision now means for the accesses to come. */
import type { Prices } from "./bound.ts";
import type { RoundingCuts } from "./capacity.ts";
import { fillMinTable, leastOf, newMinTable } from "./min-table.ts";
import { type Instance, UPDATE } from "./instance.ts";

export interface PriceTables {
  readonly prices: Prices;
  readonly cuts: RoundingCuts;
  /** Prefix sums of lambda, and of kappa by class. */
  readonly prefix: Float64Array;
  readonly classPrefix: readonly Float64Array[];
  /** Cost of the accesses after access a, where the value is then absent. */
  readonly absent: Float64Array;
  /** The same where it stays in fast memory until the next access, clean or dirty; infinite after the last. */
  readonly keepClean: Float64Array;
  readonly keepDirty: Float64Array;
  /** Cost of storing a dirty value in the gap after access a. */
  readonly store: Float64Array;
}

/** Price of holding the version in steps from..last, both inclusive. */
export const holdCost = (tables: PriceTables, bytes: number, version: number, from: number, last: number): number => {
  const own = tables.classPrefix[tables.cuts.classOf[version]!]!;
  return bytes * (tables.prefix[last + 1]! - tables.prefix[from]!) + own[last + 1]! - own[from]!;
};

/** Price of staging the version at step t, where what is not resident must be. */
export const stagingCost = (instance: Instance, tables: PriceTables, version: number, t: number): number =>
  instance.staged[t] === 0 ? 0 : holdCost(tables, instance.bytes[version]!, version, t, t);

/** Tables of the prices. Linear in accesses, n log n in steps. */
export function priceTables(instance: Instance, prices: Prices, cuts: RoundingCuts): PriceTables {
  const { steps, accesses, bandwidth, stepOf, kind, slowBytes, fastSeconds } = instance;
  const { lambda, kappa, beta, mu } = prices;
  const prefix = new Float64Array(steps + 1);
  const classPrefix = cuts.classes.map(() => new Float64Array(steps + 1));
  const copyKey = new Float64Array(steps);
  const storeKey = new Float64Array(steps);
  for (let t = 0; t < steps; t++) {
    prefix[t + 1] = prefix[t]! + lambda[t]!;
    copyKey[t] = beta[t]! / bandwidth - prefix[t]!;
    storeKey[t] = beta[t]! / bandwidth + prefix[t + 1]!;
    cuts.classes.forEach((vector, c) => {
      let price = 0;
      for (let r = 0; r < vector.length; r++) price += vector[r]! * kappa[r]![t]!;
      classPrefix[c]![t + 1] = classPrefix[c]![t]! + price;
    });
  }
  const copyTable = newMinTable(steps);
  const storeTable = newMinTable(steps);
  fillMinTable(copyTable, copyKey);
  fillMinTable(storeTable, storeKey);
  const tables: PriceTables = {
    prices,
    cuts,
    prefix,
    classPrefix,
    absent: new Float64Array(accesses),
    keepClean: new Float64Array(accesses),
    keepDirty: new Float64Array(accesses),
    store: new Float64Array(accesses),
  };
  const { absent, keepClean, keepDirty, store } = tables;
  for (let v = 0; v < instance.versions; v++) {
    const size = instance.bytes[v]!;
    const end = instance.first[v + 1]!;
    const mustStore = instance.mustEndSlow[v] === 1;
    const fits = instance.footprint[v]! <= instance.largestRoom;
    const cls = cuts.classOf[v]!;
    const copyCost = (before: number, t: number): number => {
      if (!fits || t - 1 <= before) return Infinity;
      if (cls === 0) return size * (copyKey[leastOf(copyTable, copyKey, before + 1, t)]! + prefix[t + 1]!);
      let best = Infinity;
      for (let s = t - 1; s > before; s--) {
        const hold = holdCost(tables, size, v, s, t);
        if (hold >= best) break;
        best = Math.min(best, hold + (size / bandwidth) * beta[s]!);
      }
      return best;
    };
    const storeCost = (before: number, limit: number): number => {
      if (!fits || limit <= before + 1) return Infinity;
      if (cls === 0) return size * (storeKey[leastOf(storeTable, storeKey, before + 1, limit)]! - prefix[before + 1]!);
      let best = Infinity;
      for (let s = before + 1; s < limit; s++) {
        const hold = holdCost(tables, size, v, before + 1, s);
        if (hold >= best) break;
        best = Math.min(best, hold + (size / bandwidth) * beta[s]!);
      }
      return best;
    };
    for (let k = end - 1; k >= instance.first[v]!; k--) {
      const a = instance.list[k]!;
      const t = stepOf[a]!;
      if (k === end - 1) {
        absent[a] = 0;
        keepClean[a] = Infinity;
        keepDirty[a] = Infinity;
        store[a] = mustStore ? storeCost(t, steps) : 0;
        continue;
      }
      const b = instance.list[k + 1]!;
      const u = stepOf[b]!;
      store[a] = storeCost(t, u);
      const slow = (slowBytes[b]! / bandwidth) * (mu[u]! + beta[u]!) + stagingCost(instance, tables, v, u);
      const fast = fastSeconds[b]! * mu[u]!;
      const afterDirty = Math.min(store[b]! + absent[b]!, keepDirty[b]!);
      const afterClean = kind[b] === UPDATE ? afterDirty : Math.min(absent[b]!, keepClean[b]!);
      absent[a] = Math.min(slow + absent[b]!, copyCost(t, u) + fast + afterClean);
      const stay = holdCost(tables, size, v, t + 1, u) + fast;
      keepClean[a] = stay + afterClean;
      keepDirty[a] = stay + afterDirty;
    }
  }
  return tables;
}
