/** One step of the decomposition bound: which of its accesses are fast, and which large versions lie beside them. */
import { addItem, knapsack } from "./knapsack.ts";
import { MOST_ENUMERATED, type Refinement } from "./refine.ts";

/** Least cost of step t over its fast accesses and the large versions beside them; adds to the subgradient. */
export function stepCost(refinement: Refinement, t: number): number {
  const { instance, now, gradient, work, slotOf, startOf, firstStep, alive, capacity } = refinement;
  const { bandwidth, accessAt, versionOf, footprint, slowBytes, fastSeconds, compute, base, largestRoom } = instance;
  const { choices } = work;
  const beta = work.beta[t]!;
  const from = accessAt[t]!;
  const to = accessAt[t + 1]!;
  let fixedSlow = 0;
  let count = 0;
  for (let a = from; a < to; a++) {
    if (footprint[versionOf[a]!]! > largestRoom) fixedSlow += slowBytes[a]!;
    else choices[count++] = a;
  }
  const items = work.knapsack;
  items.count = 0;
  const exact = count <= MOST_ENUMERATED;
  for (const slot of alive[t]!) {
    const profit = now.rho[startOf[slot]! + t - firstStep[slot]!]!;
    if (profit <= 0) continue;
    const v = refinement.large[slot]!;
    let accessed = false;
    for (let k = 0; k < count && exact; k++) accessed ||= versionOf[choices[k]!] === v;
    if (!accessed) addItem(items, slot, footprint[v]!, profit);
  }
  const priceOf = (slot: number): number => now.rho[startOf[slot]! + t - firstStep[slot]!]!;
  const takeAll = (): void => {
    for (let k = 0; k < items.count; k++) {
      if (items.taken[k] === 0) continue;
      const slot = items.item[k]!;
      gradient.rho[startOf[slot]! + t - firstStep[slot]!]! -= 1;
    }
  };
  if (!exact) {
    // Too many accesses to enumerate: the maximum is mixed, and accesses decide one by one.
    const nu = refinement.mix[t]! * (1 - beta);
    const mu = 1 - beta - nu;
    let cost = nu * compute[t]! + mu * base[t]! + ((mu + beta) * fixedSlow) / bandwidth;
    let slow = fixedSlow;
    let fast = 0;
    for (let k = 0; k < count; k++) {
      const a = choices[k]!;
      const asSlow = ((mu + beta) * slowBytes[a]!) / bandwidth;
      const asFast = mu * fastSeconds[a]! + now.sigma[a]!;
      cost += Math.min(asSlow, asFast);
      if (asFast < asSlow) {
        fast += fastSeconds[a]!;
        gradient.sigma[a]! += 1;
      } else slow += slowBytes[a]!;
    }
    const time = refinement.mix[t]! * compute[t]! + (1 - refinement.mix[t]!) * (base[t]! + slow / bandwidth + fast);
    gradient.logit[t]! += slow / bandwidth - time;
    cost -= knapsack(items, capacity[t]!);
    takeAll();
    return cost;
  }
  // With all room to themselves the other versions earn the most: a first bound on each combination.
  const most = knapsack(items, capacity[t]!);
  let best = Infinity;
  let chosen = 0;
  let chosenTime = 0;
  let chosenSlow = 0;
  for (let bits = 0; bits < 1 << count; bits++) {
    let slow = fixedSlow;
    let fast = 0;
    let size = 0;
    let cost = 0;
    for (let k = 0; k < count; k++) {
      const a = choices[k]!;
      if ((bits & (1 << k)) === 0) {
        slow += slowBytes[a]!;
        continue;
      }
      const v = versionOf[a]!;
      fast += fastSeconds[a]!;
      size += footprint[v]!;
      cost += now.sigma[a]!;
      if (slotOf[v]! >= 0) cost -= priceOf(slotOf[v]!);
    }
    if (size > capacity[t]!) continue;
    const time = Math.max(compute[t]!, base[t]! + slow / bandwidth + fast);
    cost += time * (1 - beta) + (beta * slow) / bandwidth;
    if (cost - most >= best) continue;
    cost -= size === 0 ? most : knapsack(items, capacity[t]! - size);
    if (cost >= best) continue;
    best = cost;
    chosen = bits;
    chosenTime = time;
    chosenSlow = slow;
  }
  gradient.logit[t]! += chosenSlow / bandwidth - chosenTime;
  let size = 0;
  for (let k = 0; k < count; k++) {
    if ((chosen & (1 << k)) === 0) continue;
    const a = choices[k]!;
    const v = versionOf[a]!;
    size += footprint[v]!;
    gradient.sigma[a]! += 1;
    if (slotOf[v]! >= 0) gradient.rho[startOf[slotOf[v]!]! + t - firstStep[slotOf[v]!]!]! -= 1;
  }
  knapsack(items, capacity[t]! - size);
  takeAll();
  return best;
}
