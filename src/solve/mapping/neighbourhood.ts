/**
 * Large-neighbourhood search (Shaw, 1998) on whole plans, not on games: some versions are taken out and put back
 * one after another, each by the cheapest way that the others leave it (a shortest path over its accesses, with true
 * marginal times, free addresses and idle bandwidth). A step takes max(compute, memory, slow bytes and copies
 * over the bandwidth), so that a plan is a plan at every moment. Worse plans are accepted as in annealing.
 */
import { insert } from "./insert.ts";
import { type Hold, type Neighbourhood, putIn, slowWay, takeOut } from "./neighbourhood-state.ts";
import { simulate } from "./simulate.ts";
import type { MappingPlan } from "./types.ts";

/** Starts over from `plan`, its copies as the simulator runs them. */
export function adopt(search: Neighbourhood, plan: MappingPlan): void {
  const { instance } = search;
  const flows = plan.copies.map(() => ({ steps: [] as number[], bytes: [] as number[] }));
  simulate(instance, plan, (copy, step, bytes) => {
    flows[copy]!.steps.push(step);
    flows[copy]!.bytes.push(bytes);
  });
  const holds: Hold[][] = Array.from({ length: instance.versions }, () => []);
  const copies: number[][] = Array.from({ length: instance.versions }, () => []);
  for (const { value, offset, from, to } of plan.ranges) holds[value]!.push({ from, last: to - 1, offset, piece: -1 });
  plan.copies.forEach(({ value }, k) => copies[value]!.push(k));
  for (let v = 0; v < instance.versions; v++) takeOut(search, v);
  for (let v = 0; v < instance.versions; v++) {
    const accesses = instance.list.subarray(instance.first[v]!, instance.first[v + 1]!);
    putIn(search, v, {
      fast: Uint8Array.from(accesses, (a) => (plan.fast[a] ? 1 : 0)),
      holds: holds[v]!,
      copies: copies[v]!.map((k) => plan.copies[k]!),
      flowSteps: copies[v]!.flatMap((k) => flows[k]!.steps),
      flowBytes: copies[v]!.flatMap((k) => flows[k]!.bytes),
    });
  }
  remember(search);
}

/** First plan: every version put in, by what it saves for its bytes and stay. */
export function construct(search: Neighbourhood, rent: number): void {
  const order = byWorth(search, [...search.movable]);
  for (const v of order) {
    takeOut(search, v);
    insert(search, v, rent);
  }
  remember(search);
}

function remember(search: Neighbourhood): void {
  if (search.seconds >= search.best * (1 - 1e-12)) return;
  search.best = search.seconds;
  if (search.bestWays.length === 0) search.bestWays = search.ways.slice();
  else for (const v of search.changed) search.bestWays[v] = search.ways[v]!;
  search.changed.length = 0;
}

/** What a version could save, over the bytes and steps that it would hold for it; most first. */
function byWorth({ instance, slow }: Neighbourhood, versions: number[]): number[] {
  const worth = new Map<number, number>();
  for (const v of versions) {
    let saved = 0;
    const begin = instance.first[v]!;
    for (let k = begin; k < instance.first[v + 1]!; k++) {
      const a = instance.list[k]!;
      const t = instance.stepOf[a]!;
      const margin = instance.base[t]! + slow[t]! / instance.bandwidth - instance.compute[t]!;
      saved += Math.min(Math.max(0, margin), instance.slowBytes[a]! / instance.bandwidth - instance.fastSeconds[a]!);
    }
    const stay =
      instance.stepOf[instance.list[instance.first[v + 1]! - 1]!]! - instance.stepOf[instance.list[begin]!]! + 1;
    worth.set(v, saved / (instance.footprint[v]! * Math.sqrt(stay)));
  }
  return versions.sort((x, y) => worth.get(y)! - worth.get(x)! || x - y);
}

/** One ruin and recreate at `progress` from 0 to 1; whether the plan is the best so far. */
export function perturb(search: Neighbourhood, progress: number): boolean {
  const { random, instance, movable, around, likelihood } = search;
  if (movable.length === 0) return false;
  const temperature = search.temperature * 0.003 ** progress;
  const chosen: number[] = [];
  let seed = movable[Math.floor(random() * movable.length)]!;
  if (random() > likelihood[seed]!) seed = movable[Math.floor(random() * movable.length)]!;
  const access =
    instance.list[instance.first[seed]! + Math.floor(random() * (instance.first[seed + 1]! - instance.first[seed]!))]!;
  const centre = instance.stepOf[access]!;
  const most = 1 + Math.floor(random() * random() * 14);
  const width = Math.floor(random() * random() * 24);
  chosen.push(seed);
  // Those near the centre, nearest first, some left out.
  for (let d = 0; d <= width && chosen.length < most; d++) {
    for (const t of d === 0 ? [centre] : [centre - d, centre + d]) {
      for (const v of around[t] ?? [])
        if (chosen.length < most && random() < likelihood[v]! && !chosen.includes(v)) chosen.push(v);
    }
  }
  const old = search.seconds;
  const ways = chosen.map((v) => takeOut(search, v));
  const rule = random();
  const order = chosen.slice();
  if (rule < 0.4) byWorth(search, order);
  else if (rule < 0.6) order.sort((x, y) => instance.footprint[y]! - instance.footprint[x]! || x - y);
  else for (let i = order.length - 1; i > 0; i--) swap(order, i, Math.floor(random() * (i + 1)));
  // What is out counts as slow until it is back, so that marginal times are those of a complete plan.
  for (const v of chosen) putIn(search, v, slowWay(instance, v));
  const rent = [0, 0, 0.1, 0.5, 1][Math.floor(random() * 5)]!;
  for (const v of order) {
    takeOut(search, v);
    insert(search, v, rent);
  }
  const change = search.seconds - old;
  if (change > 0 && !(temperature > 0 && random() < Math.exp(-change / temperature))) {
    for (const v of chosen) takeOut(search, v);
    chosen.forEach((v, k) => putIn(search, v, ways[k]!));
    // Exactly as before: sums of differences would drift.
    return false;
  }
  const better = search.seconds < search.best * (1 - 1e-12);
  remember(search);
  return better;
}

function swap(list: number[], i: number, j: number): void {
  const kept = list[i]!;
  list[i] = list[j]!;
  list[j] = kept;
}

/** The best plan so far. */
export function planOfNeighbourhood({ instance, bestWays }: Neighbourhood): MappingPlan {
  const fast = Array.from({ length: instance.accesses }, () => false);
  bestWays.forEach((way, v) =>
    way.fast.forEach((bit, k) => (fast[instance.list[instance.first[v]! + k]!] = bit === 1)),
  );
  return {
    fast,
    ranges: bestWays.flatMap((way, value) =>
      way.holds.map(({ from, last, offset }) => ({ value, offset, from, to: last + 1 })),
    ),
    copies: bestWays.flatMap((way) => way.copies),
  };
}
