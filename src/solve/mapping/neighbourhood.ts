/**
 * Large-neighbourhood search (Shaw, 1998) on whole plans, not on games: some versions are taken out and put back
 * one after another, each by the cheapest way that the others leave it (a shortest path over its accesses, with true
 * marginal times, free addresses and idle bandwidth). A step takes max(compute, memory, slow bytes and copies
 * over the bandwidth), so that a plan is a plan at every moment. Worse plans are accepted as in annealing.
 */
import { seededRandom } from "../random.ts";
import { type Addresses, bestFit, giveBack, newAddresses, take } from "./addresses.ts";
import { allSlowBytes, type Instance, UPDATE, WRITE } from "./instance.ts";
import { holdCost, type PriceTables } from "./prices.ts";
import { simulate } from "./simulate.ts";
import type { MappingCopy, MappingPlan } from "./types.ts";

interface Hold {
  readonly from: number;
  /** Inclusive. */
  readonly last: number;
  offset: number;
  piece: number;
}

/** What one version does now. */
interface Way {
  readonly fast: Uint8Array;
  readonly holds: readonly Hold[];
  readonly copies: readonly MappingCopy[];
  /** Bytes of its copies by step. */
  readonly flowSteps: readonly number[];
  readonly flowBytes: readonly number[];
}

export interface Neighbourhood {
  readonly instance: Instance;
  readonly tables: PriceTables;
  readonly random: () => number;
  readonly slow: Float64Array;
  readonly fastTime: Float64Array;
  readonly flow: Float64Array;
  readonly time: Float64Array;
  readonly addresses: Addresses;
  readonly ways: Way[];
  /** Latency of the plan, seconds. */
  seconds: number;
  best: number;
  bestWays: Way[];
  /** Versions put in since `bestWays` was taken, with repeats: all that it may differ in. */
  readonly changed: number[];
  temperature: number;
  /** Versions that may ever be resident, and those that are accessed at or near each step. */
  readonly movable: Int32Array;
  readonly around: readonly (readonly number[])[];
  /** Chance of a version near the centre to be taken out: small where it is accessed all over the program. */
  readonly likelihood: Float64Array;
  readonly scratch: Scratch;
}

const ABSENT = 0;
const CLEAN = 1;
const DIRTY = 2;

interface Scratch {
  /** By position in the version's accesses and state: cost, and how it was reached. */
  cost: Float64Array;
  how: Uint8Array;
  /** Gap before each access: first step of its copy in (after a store, too), and last step of its store. */
  copyFrom: Int32Array;
  lateCopyFrom: Int32Array;
  storeLast: Int32Array;
  banned: Uint8Array;
}

/** How a state was reached: bits 0-1 the state before; then: stored, copied in. Without a copy a fast state was kept. */
const STORED = 4;
const COPIED = 8;

export function newNeighbourhood(instance: Instance, tables: PriceTables, seed: number): Neighbourhood {
  const { steps, versions } = instance;
  const slow = allSlowBytes(instance);
  let longest = 0;
  const movable: number[] = [];
  const around: number[][] = Array.from({ length: steps }, () => []);
  for (let v = 0; v < versions; v++) {
    longest = Math.max(longest, instance.first[v + 1]! - instance.first[v]!);
    if (instance.footprint[v]! > instance.largestRoom) continue;
    movable.push(v);
    for (let k = instance.first[v]!; k < instance.first[v + 1]!; k++)
      around[instance.stepOf[instance.list[k]!]!]!.push(v);
  }
  const search: Neighbourhood = {
    instance,
    tables,
    random: seededRandom(seed),
    slow,
    fastTime: new Float64Array(steps),
    flow: new Float64Array(steps),
    time: new Float64Array(steps),
    addresses: newAddresses(steps),
    ways: [],
    seconds: 0,
    best: Infinity,
    bestWays: [],
    changed: [],
    temperature: 0,
    movable: Int32Array.from(movable),
    around,
    likelihood: Float64Array.from(
      { length: versions },
      (_, v) => 0.75 * Math.min(1, 8 / (instance.first[v + 1]! - instance.first[v]!)),
    ),
    scratch: {
      cost: new Float64Array(3 * (longest + 1)),
      how: new Uint8Array(3 * (longest + 1)),
      copyFrom: new Int32Array(longest + 1),
      lateCopyFrom: new Int32Array(longest + 1),
      storeLast: new Int32Array(longest + 1),
      banned: new Uint8Array(longest + 1),
    },
  };
  for (let v = 0; v < versions; v++) search.ways.push(slowWay(instance, v));
  for (let t = 0; t < steps; t++) {
    search.time[t] = timeOf(search, t, slow[t]!, 0, 0);
    search.seconds += search.time[t]!;
  }
  return search;
}

const slowWay = (instance: Instance, v: number): Way => ({
  fast: new Uint8Array(instance.first[v + 1]! - instance.first[v]!),
  holds: [],
  copies: [],
  flowSteps: [],
  flowBytes: [],
});

function timeOf({ instance }: Neighbourhood, t: number, slow: number, fast: number, flow: number): number {
  const memory = instance.base[t]! + slow / instance.bandwidth + fast;
  const bus = (slow + flow) / instance.bandwidth;
  const compute = instance.compute[t]!;
  return memory > bus ? (memory > compute ? memory : compute) : bus > compute ? bus : compute;
}

function settle(search: Neighbourhood, t: number): void {
  const time = timeOf(search, t, search.slow[t]!, search.fastTime[t]!, search.flow[t]!);
  search.seconds += time - search.time[t]!;
  search.time[t] = time;
}

/** Takes a version out: it counts nowhere, not even as slow. */
function takeOut(search: Neighbourhood, v: number): Way {
  const { instance } = search;
  const way = search.ways[v]!;
  const begin = instance.first[v]!;
  for (let k = 0; k < way.fast.length; k++) {
    const a = instance.list[begin + k]!;
    const t = instance.stepOf[a]!;
    if (way.fast[k] === 1) search.fastTime[t] = Math.max(0, search.fastTime[t]! - instance.fastSeconds[a]!);
    else search.slow[t]! -= instance.slowBytes[a]!;
    settle(search, t);
  }
  way.flowSteps.forEach((t, k) => {
    search.flow[t] = Math.max(0, search.flow[t]! - way.flowBytes[k]!);
    settle(search, t);
  });
  for (const hold of way.holds) giveBack(search.addresses, hold.piece);
  return way;
}

/** Puts a version in by a way whose offsets are free. */
function putIn(search: Neighbourhood, v: number, way: Way): void {
  const { instance } = search;
  const begin = instance.first[v]!;
  for (let k = 0; k < way.fast.length; k++) {
    const a = instance.list[begin + k]!;
    const t = instance.stepOf[a]!;
    if (way.fast[k] === 1) search.fastTime[t]! += instance.fastSeconds[a]!;
    else search.slow[t]! += instance.slowBytes[a]!;
    settle(search, t);
  }
  way.flowSteps.forEach((t, k) => {
    search.flow[t]! += way.flowBytes[k]!;
    settle(search, t);
  });
  for (const hold of way.holds)
    hold.piece = take(search.addresses, hold.offset, instance.footprint[v]!, hold.from, hold.last);
  search.ways[v] = way;
  search.changed.push(v);
}

/** Slow bandwidth that step t leaves to copies, bytes. */
function idleOf(search: Neighbourhood, t: number): number {
  const idle = search.time[t]! * search.instance.bandwidth - search.slow[t]! - search.flow[t]!;
  return idle > 0 ? idle : 0;
}

/** Finds the cheapest way of a version that is out, and puts it in. `rent` weighs the prices of holding. */
function insert(search: Neighbourhood, v: number, rent: number): void {
  const { scratch, instance } = search;
  const count = instance.first[v + 1]! - instance.first[v]!;
  scratch.banned.fill(0, 0, count);
  for (let attempt = 0; attempt < 5; attempt++) {
    const way = cheapestWay(search, v, rent);
    const stuck = place(search, v, way);
    if (stuck === undefined) {
      putIn(search, v, way);
      return;
    }
    // No address is free for as long: the longest stay of the range is given up, or its only access.
    banLongest(search, v, stuck);
  }
  putIn(search, v, slowWay(instance, v));
}

/** Gives every hold of the way its offset; the first one that has none. */
function place(search: Neighbourhood, v: number, way: Way): Hold | undefined {
  const { instance, addresses } = search;
  for (const hold of way.holds) {
    let ceiling = Infinity;
    for (let t = hold.from; t <= hold.last; t++) ceiling = Math.min(ceiling, instance.room[t]!);
    hold.offset = bestFit(addresses, instance.footprint[v]!, hold.from, hold.last, ceiling);
    if (hold.offset < 0) return hold;
  }
  return undefined;
}

/** Banned by bits: 1 the access may not be fast, 2 the gap before it may not be kept through. */
function banLongest({ instance, scratch }: Neighbourhood, v: number, hold: Hold): void {
  const begin = instance.first[v]!;
  let longest = -1;
  let at = -1;
  for (let k = 0; begin + k < instance.first[v + 1]!; k++) {
    const t = instance.stepOf[instance.list[begin + k]!]!;
    if (t < hold.from || t > hold.last) continue;
    if (at < 0) scratch.banned[k]! |= 0;
    const before = k === 0 ? -1 : instance.stepOf[instance.list[begin + k - 1]!]!;
    if (before >= hold.from && t - before > longest) {
      longest = t - before;
      at = k;
    } else if (at < 0) at = -k - 2;
  }
  if (longest >= 0) scratch.banned[at]! |= 2;
  else if (at <= -2) scratch.banned[-at - 2]! |= 1;
}

function cheapestWay(search: Neighbourhood, v: number, rent: number): Way {
  const { instance, scratch, tables, addresses, slow, fastTime, flow, time } = search;
  const { stepOf, kind, list, room, bandwidth, steps } = instance;
  const { cost, how, copyFrom, lateCopyFrom, storeLast, banned } = scratch;
  const begin = instance.first[v]!;
  const count = instance.first[v + 1]! - begin;
  const size = instance.footprint[v]!;
  const bytes = instance.bytes[v]!;
  const mustStore = instance.mustEndSlow[v] === 1;
  const isFree = (t: number): boolean => addresses.taken[t]! + size <= room[t]!;
  const hold = (from: number, last: number): number =>
    rent === 0 || last < from ? 0 : rent * holdCost(tables, bytes, v, from, last);

  // Copy in before step t, from no earlier than `lowest`: least of stall and rent. First step goes to `found`.
  let found = -1;
  const copyCost = (t: number, lowest: number): number => {
    let best = Infinity;
    let idle = 0;
    found = -1;
    for (let s = t - 1; s >= lowest && isFree(s); s--) {
      idle += idleOf(search, s);
      const missing = bytes - idle;
      const price = hold(s, t - 1);
      if (price >= best) break;
      const total = (missing > 0 ? missing / bandwidth : 0) + price;
      if (total < best) {
        best = total;
        found = s;
      }
      if (missing <= 0) break;
    }
    return best;
  };
  const storeCost = (before: number, limit: number): number => {
    let best = Infinity;
    let idle = 0;
    found = -1;
    for (let s = before + 1; s < limit && isFree(s); s++) {
      idle += idleOf(search, s);
      const missing = bytes - idle;
      const price = hold(before + 1, s);
      if (price >= best) break;
      const total = (missing > 0 ? missing / bandwidth : 0) + price;
      if (total < best) {
        best = total;
        found = s;
      }
      if (missing <= 0) break;
    }
    return best;
  };

  for (let k = 0; k < count; k++) {
    const a = list[begin + k]!;
    const t = stepOf[a]!;
    const slowNow = timeOf(search, t, slow[t]! + instance.slowBytes[a]!, fastTime[t]!, flow[t]!) - time[t]!;
    let fastNow = Infinity;
    if ((banned[k]! & 1) === 0 && isFree(t))
      fastNow = timeOf(search, t, slow[t]!, fastTime[t]! + instance.fastSeconds[a]!, flow[t]!) - time[t]! + hold(t, t);
    const here = 3 * k;
    cost[here + ABSENT] = Infinity;
    cost[here + CLEAN] = Infinity;
    cost[here + DIRTY] = Infinity;
    if (k === 0) {
      cost[ABSENT] = slowNow;
      how[ABSENT] = ABSENT;
      if (kind[a] === WRITE) {
        cost[DIRTY] = fastNow;
        how[DIRTY] = ABSENT;
        continue;
      }
      const copy = fastNow < Infinity ? copyCost(t, 0) : Infinity;
      copyFrom[0] = found;
      const state = kind[a] === UPDATE ? DIRTY : CLEAN;
      cost[state] = copy + fastNow;
      how[state] = ABSENT | COPIED;
      continue;
    }
    const before = stepOf[list[begin + k - 1]!]!;
    const absent = cost[here - 3 + ABSENT]!;
    const clean = cost[here - 3 + CLEAN]!;
    const dirty = cost[here - 3 + DIRTY]!;
    let away = absent;
    let awayHow = ABSENT;
    if (clean < away) {
      away = clean;
      awayHow = CLEAN;
    }
    const store = dirty < Infinity ? storeCost(before, t) : Infinity;
    storeLast[k] = found;
    // Slow.
    cost[here + ABSENT] = away + slowNow;
    how[here + ABSENT] = awayHow;
    if (dirty + store + slowNow < cost[here + ABSENT]!) {
      cost[here + ABSENT] = dirty + store + slowNow;
      how[here + ABSENT] = DIRTY | STORED;
    }
    if (fastNow === Infinity) continue;
    // Fast, by a copy.
    let arrive = Infinity;
    let arriveHow = 0;
    if (away < Infinity) {
      arrive = away + copyCost(t, before + 1) + fastNow;
      arriveHow = awayHow | COPIED;
      copyFrom[k] = found;
    }
    if (dirty + store < arrive) {
      const again = dirty + store + copyCost(t, storeLast[k]! + 1) + fastNow;
      if (again < arrive) {
        arrive = again;
        arriveHow = DIRTY | STORED | COPIED;
        lateCopyFrom[k] = found;
      }
    }
    // Fast, kept.
    let keep = Infinity;
    if ((banned[k]! & 2) === 0 && (clean < Infinity || dirty < Infinity)) {
      let open = true;
      for (let s = before + 1; s < t && open; s++) open = isFree(s);
      if (open) keep = hold(before + 1, t - 1) + fastNow;
    }
    if (clean + keep < arrive) {
      arrive = clean + keep;
      arriveHow = CLEAN;
    }
    const still = dirty + keep;
    if (kind[a] === UPDATE) {
      cost[here + DIRTY] = Math.min(arrive, still);
      how[here + DIRTY] = arrive < still ? arriveHow : DIRTY;
    } else {
      cost[here + CLEAN] = arrive;
      how[here + CLEAN] = arriveHow;
      cost[here + DIRTY] = still;
      how[here + DIRTY] = DIRTY;
    }
  }

  const end = 3 * (count - 1);
  const lastStep = stepOf[list[begin + count - 1]!]!;
  let tail = 0;
  let tailLast = -1;
  if (mustStore && cost[end + DIRTY]! < Infinity) {
    tail = storeCost(lastStep, steps);
    tailLast = found;
  }
  let state = ABSENT;
  let least = cost[end + ABSENT]!;
  if (cost[end + CLEAN]! < least) {
    least = cost[end + CLEAN]!;
    state = CLEAN;
  }
  if (cost[end + DIRTY]! + tail < least) state = DIRTY;

  // Back along the path.
  const fast = new Uint8Array(count);
  const holds: Hold[] = [];
  const copies: MappingCopy[] = [];
  const flowSteps: number[] = [];
  const flowBytes: number[] = [];
  const book = (from: number, to: number, by: number): void => {
    let need = bytes;
    let s = from;
    for (; s !== to && need > 0; s += by) {
      const moved = Math.min(need, idleOf(search, s));
      if (moved <= 0) continue;
      flowSteps.push(s);
      flowBytes.push(moved);
      need -= moved;
    }
    // What is late stalls the step at the end of the window.
    if (need > 0) {
      flowSteps.push(to - by);
      flowBytes.push(need);
    }
  };
  const storeOut = (before: number, last: number): void => {
    copies.push({ value: v, direction: "out", release: before + 1, deadline: last + 1 });
    book(before + 1, last + 1, 1);
  };
  let close = lastStep;
  if (state === DIRTY && mustStore) {
    storeOut(lastStep, tailLast);
    close = tailLast;
  }
  for (let k = count - 1; k >= 0; k--) {
    const t = stepOf[list[begin + k]!]!;
    const reached = how[3 * k + state]!;
    const before = k === 0 ? -1 : stepOf[list[begin + k - 1]!]!;
    if (state !== ABSENT) {
      fast[k] = 1;
      if ((reached & COPIED) !== 0) {
        const from = (reached & STORED) !== 0 ? lateCopyFrom[k]! : copyFrom[k]!;
        copies.push({ value: v, direction: "in", release: from, deadline: t });
        book(t - 1, from - 1, -1);
        holds.push({ from, last: close, offset: -1, piece: -1 });
      } else if (k === 0) holds.push({ from: t, last: close, offset: -1, piece: -1 });
      if ((reached & COPIED) !== 0 || k === 0) close = before;
    } else close = before;
    if ((reached & STORED) !== 0) {
      storeOut(before, storeLast[k]!);
      close = storeLast[k]!;
    }
    state = reached & 3;
  }
  return { fast, holds, copies, flowSteps, flowBytes };
}

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
