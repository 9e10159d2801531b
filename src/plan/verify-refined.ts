/**
 * The tighter bound of a mapped plan from its stored multipliers (Lagrangian decomposition, Guignard and Kim, 1987):
 * every step decides for itself which of its operands are fast and which large values lie in fast memory, every value
 * goes its cheapest way, and only that they agree has prices. What the multipliers prove holds whatever they are.
 */
import { fastTimeOf, type Machine, type MappedStep, slowBytesOf, stepFloor } from "./mapped-accesses.ts";
import type { Plan, PlanMapping } from "./schema.ts";
import { roomOf, roundUp, type Version, versionsOf } from "./verify-bound.ts";

type Refined = NonNullable<PlanMapping["refined"]>;

/** Accesses of a step whose combinations are all looked at; steps with more are relaxed. */
const MOST_ENUMERATED = 5;

/** Seconds that no plan of these steps can be below; undefined where the multipliers do not fit the plan. */
export function refinedBoundOf(
  plan: Plan,
  mapping: PlanMapping,
  refined: Refined,
  kernels: readonly MappedStep[],
  machine: Machine,
): number | undefined {
  const moments = kernels.length + 1;
  const room = roomOf(machine);
  const footprint = (root: number): number => roundUp(plan.values[root]!.bytes, machine.alignment);
  const named = kernels.map(({ accesses }) => accesses.filter(({ root }) => plan.values[root]!.bytes > 0));
  const versions = versionsOf(plan, kernels);
  const roots = new Set(versions.map(({ root }) => root));
  const large = new Map(refined.rho.map((own) => [own.value, own]));
  if (
    !machine.slowDirect ||
    roots.size !== versions.length ||
    large.size !== refined.rho.length ||
    [refined.lambda, refined.beta, refined.nu].some((list) => list.length !== moments) ||
    refined.beta.some((x) => x > 1) ||
    refined.nu.some((x) => x > 1) ||
    refined.sigma.length !== named.reduce((sum, accesses) => sum + accesses.length, 0)
  )
    return undefined;
  const { lambda, beta } = refined;
  const floors = [{ compute: 0, base: 0 }, ...kernels.map((kernel) => stepFloor(kernel, plan, machine))];
  const alive = new Map(
    versions.map((version): [number, readonly [number, number]] => [
      version.root,
      [version.produced ? version.uses[0]!.moment : 0, version.mustEndSlow ? moments - 1 : version.uses.at(-1)!.moment],
    ]),
  );
  /** Price of a large value's presence at a moment, beside that of its bytes. */
  const presence = (root: number, t: number): number => {
    const own = large.get(root);
    const [first, last] = alive.get(root) ?? [1, 0];
    return own === undefined || t < first || t > last ? 0 : (own.prices[t - own.from] ?? 0);
  };
  /** What an access pays where it is fast, by moment and root. */
  const paid: Map<number, number>[] = [new Map()];
  let next = 0;
  for (const accesses of named) paid.push(new Map(accesses.map(({ root }) => [root, refined.sigma[next++]!])));
  /** Most bytes that copies can move beside a step, whatever is mapped. */
  const idle = floors.map(({ compute, base }, t) => {
    if (t === 0) return 0;
    let slow = 0;
    let fast = 0;
    for (const access of named[t - 1]!) {
      if (footprint(access.root) > room) slow += slowBytesOf(access);
      else fast += fastTimeOf(access, machine);
    }
    return Math.max(0, compute * machine.bandwidth - slow, (base + fast) * machine.bandwidth);
  });
  let bound = 0;
  for (const version of versions)
    if (footprint(version.root) <= room)
      bound += cheapestWay(version, {
        moments,
        bandwidth: machine.bandwidth,
        beta,
        idle,
        rent: (t) => version.bytes * lambda[t]! + presence(version.root, t),
        earned: (t) => -paid[t]!.get(version.root)!,
      });
  for (let t = 0; t < moments; t++) {
    const { compute, base } = floors[t]!;
    const capacity = mapping.capacity[t]!;
    const accesses = t === 0 ? [] : named[t - 1]!;
    const own = accesses.filter(({ root }) => footprint(root) <= room);
    const always = accesses
      .filter(({ root }) => footprint(root) > room)
      .reduce((sum, access) => sum + slowBytesOf(access), 0);
    const exact = own.length <= MOST_ENUMERATED;
    const others = [...large.keys()]
      .filter((root) => !(exact && own.some((access) => access.root === root)))
      .map((root) => ({ size: footprint(root), profit: presence(root, t) }))
      .filter(({ profit }) => profit > 0)
      .sort((a, b) => b.profit / b.size - a.profit / a.size);
    bound -= lambda[t]! * capacity;
    if (!exact) {
      const nu = refined.nu[t]! * (1 - beta[t]!);
      const mu = 1 - beta[t]! - nu;
      bound += nu * compute + mu * base + ((mu + beta[t]!) * always) / machine.bandwidth;
      for (const access of own)
        bound += Math.min(
          ((mu + beta[t]!) * slowBytesOf(access)) / machine.bandwidth,
          mu * fastTimeOf(access, machine) + paid[t]!.get(access.root)!,
        );
      bound -= mostProfit(others, capacity);
      continue;
    }
    let least = Infinity;
    for (let chosen = 0; chosen < 1 << own.length; chosen++) {
      let [slow, fast, size, cost] = [always, 0, 0, 0];
      own.forEach((access, k) => {
        if ((chosen & (1 << k)) === 0) slow += slowBytesOf(access);
        else {
          fast += fastTimeOf(access, machine);
          size += footprint(access.root);
          cost += paid[t]!.get(access.root)! - presence(access.root, t);
        }
      });
      if (size > capacity) continue;
      const time = Math.max(compute, base + slow / machine.bandwidth + fast);
      cost += time * (1 - beta[t]!) + (beta[t]! * slow) / machine.bandwidth;
      least = Math.min(least, cost - mostProfit(others, capacity - size));
    }
    bound += least;
  }
  return bound;
}

interface Prices {
  readonly moments: number;
  readonly bandwidth: number;
  readonly beta: readonly number[];
  readonly idle: readonly number[];
  readonly rent: (moment: number) => number;
  readonly earned: (moment: number) => number;
}

function cheapestWay(version: Version, { moments, bandwidth, beta, idle, rent, earned }: Prices): number {
  /** Price of moving the value within moments that are added one by one: the cheapest first, the rest in a stall. */
  const mover = (): ((t: number) => number) => {
    const open: number[] = [];
    return (t) => {
      let low = 0;
      let high = open.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (beta[open[middle]!]! <= beta[t]!) low = middle + 1;
        else high = middle;
      }
      open.splice(low, 0, t);
      let left = version.bytes;
      let price = 0;
      for (const at of open) {
        const moved = Math.min(left, idle[at]!);
        price += moved * beta[at]!;
        left -= moved;
        if (left <= 0) break;
      }
      return (price + left) / bandwidth;
    };
  };
  const storeIn = (from: number, to: number): number => {
    const move = mover();
    let held = 0;
    let best = Infinity;
    for (let t = from; t < to && held < best; t++) {
      held += rent(t);
      best = Math.min(best, held + move(t));
    }
    return best;
  };
  let [absent, clean, dirty] = [0, Infinity, Infinity];
  let before = -1;
  version.uses.forEach(({ moment: t, access }, k) => {
    if (k === 0 && version.produced) dirty = earned(t) + rent(t);
    else {
      const move = mover();
      let held = rent(t);
      let fetch = Infinity;
      for (let s = t - 1; s > before && held < fetch; s--) {
        held += rent(s);
        fetch = Math.min(fetch, held + move(s));
      }
      let keep = 0;
      for (let s = before + 1; s <= t; s++) keep += rent(s);
      const gone = Math.min(absent, clean, dirty < Infinity ? dirty + storeIn(before + 1, t) : Infinity);
      const there = Math.min(gone + fetch, clean + keep) + earned(t);
      const kept = dirty + keep + earned(t);
      absent = gone;
      [clean, dirty] = access.writes ? [Infinity, Math.min(kept, there)] : [there, kept];
    }
    before = t;
  });
  if (version.mustEndSlow && dirty < Infinity) dirty += storeIn(before + 1, moments);
  return Math.min(absent, clean, dirty);
}

interface Item {
  readonly size: number;
  readonly profit: number;
}

/** Nodes looked at for one knapsack: beyond it the fractional answer, which is never too small, counts. */
const MAX_NODES = 2000;

/** Most profit of whole items within a room, or no less. They come by falling profit per byte. */
function mostProfit(sorted: readonly Item[], room: number): number {
  const fractional = (from: number, space: number): number => {
    let [left, profit] = [space, 0];
    for (let k = from; k < sorted.length; k++) {
      const item = sorted[k]!;
      if (item.size > left) return profit + (item.profit * left) / item.size;
      left -= item.size;
      profit += item.profit;
    }
    return profit;
  };
  let best = 0;
  let nodes = 0;
  const search = (from: number, space: number, profit: number): void => {
    best = Math.max(best, profit);
    for (let k = from; k < sorted.length && nodes <= MAX_NODES; k++) {
      nodes++;
      if (profit + fractional(k, space) <= best) return;
      const item = sorted[k]!;
      if (item.size <= space) search(k + 1, space - item.size, profit + item.profit);
    }
  };
  search(0, room, 0);
  return nodes > MAX_NODES ? fractional(0, room) : best;
}
