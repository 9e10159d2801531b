/**
 * The cheapest way of one version under prices: a shortest path over its accesses with the states absent, clean and
 * dirty. Stores and copies of one gap may overlap, which only lowers the cost.
 */
import { type Instance, UPDATE } from "./instance.ts";
import { fillMinTable, leastOf, type MinTable, newMinTable } from "./min-table.ts";

/** Prices that all versions share, and what the path that was found last did. */
export interface PathWork {
  /** Prefix sums of lambda. */
  readonly prefix: Float64Array;
  readonly copyKey: Float64Array;
  readonly storeKey: Float64Array;
  readonly copyTable: MinTable;
  readonly storeTable: MinTable;
  /** Cost of each access by slow and by fast memory. */
  readonly slowCost: Float64Array;
  readonly fastCost: Float64Array;
  /** For each access: the cheapest step of a copy in, and of a store, in the gap before it. */
  readonly copyAt: Int32Array;
  readonly storeAt: Int32Array;
  /** For each access and state after it: how it was reached. */
  readonly how: Uint8Array;
  /** State at the end. */
  last: number;
  /** Most bytes that a step can move without a stall; undefined: any number. */
  readonly caps: Float64Array | undefined;
  readonly fill: Fill;
}

export const newPathWork = ({ steps, accesses }: Instance, caps?: Float64Array): PathWork => ({
  caps,
  fill: newFill(steps),
  prefix: new Float64Array(steps + 1),
  copyKey: new Float64Array(steps),
  storeKey: new Float64Array(steps),
  copyTable: newMinTable(steps),
  storeTable: newMinTable(steps),
  slowCost: new Float64Array(accesses),
  fastCost: new Float64Array(accesses),
  copyAt: new Int32Array(accesses),
  storeAt: new Int32Array(accesses + 1),
  how: new Uint8Array(3 * accesses),
  last: 0,
});

/** Prices of one iterate: lambda for a byte held, beta for the bandwidth, by step. */
export function setPathPrices(
  { bandwidth, steps }: Instance,
  { prefix, copyKey, storeKey, copyTable, storeTable }: PathWork,
  lambda: Float64Array,
  beta: Float64Array,
): void {
  for (let t = 0; t < steps; t++) {
    prefix[t + 1] = prefix[t]! + lambda[t]!;
    copyKey[t] = beta[t]! / bandwidth - prefix[t]!;
    storeKey[t] = beta[t]! / bandwidth + prefix[t + 1]!;
  }
  fillMinTable(copyTable, copyKey);
  fillMinTable(storeTable, storeKey);
}

const ABSENT = 0;
const CLEAN = 1;
const DIRTY = 2;
/** How a state was reached: bits 0-1 the state before, then whether by a store, a copy in, a stay. */
const STORED = 4;
const COPIED = 8;
const KEPT = 16;

/**
 * Cost of the cheapest path of version v, which must fit in fast memory. `own` are prefix sums of what it pays for
 * holding beside lambda: they never fall.
 */
export function cheapestPath(
  instance: Instance,
  work: PathWork,
  v: number,
  own: Float64Array,
  beta: Float64Array,
): number {
  const { steps, bandwidth, list, stepOf, kind } = instance;
  const { prefix, copyKey, slowCost, fastCost, copyAt, how } = work;
  const begin = instance.first[v]!;
  const end = instance.first[v + 1]!;
  const size = instance.bytes[v]!;
  let absent = Infinity;
  let clean = Infinity;
  let dirty = Infinity;
  let before = -1;
  for (let k = begin; k < end; k++) {
    const a = list[k]!;
    const t = stepOf[a]!;
    const slow = slowCost[a]!;
    const fast = fastCost[a]!;
    if (k === begin && instance.produced[v] === 1) {
      absent = slow;
      dirty = fast + size * (prefix[t + 1]! - prefix[t]!) + own[t + 1]! - own[t]!;
      how[3 * a + ABSENT] = 0;
      how[3 * a + DIRTY] = KEPT;
      before = t;
      continue;
    }
    let copy = Infinity;
    if (t - 1 > before) {
      // Where nothing but lambda has a price on the way, the table's answer is the answer.
      let at = leastOf(work.copyTable, copyKey, before + 1, t);
      copy = size * (copyKey[at]! + prefix[t + 1]!) + own[t + 1]! - own[at]!;
      if (work.caps !== undefined && (own[t + 1]! > own[at]! || work.caps[at]! < size)) {
        clearFill(work.fill, size);
        copy = Infinity;
        for (let s = t - 1; s > before; s--) {
          const hold = size * (prefix[t + 1]! - prefix[s]!) + own[t + 1]! - own[s]!;
          if (hold >= copy) break;
          const cost = hold + addStep(work.fill, s, beta[s]!, work.caps[s]!) / bandwidth;
          if (cost < copy) {
            copy = cost;
            at = s;
          }
        }
      } else if (own[t + 1]! > own[at]!) {
        copy = Infinity;
        for (let s = t - 1; s > before; s--) {
          const hold = size * (prefix[t + 1]! - prefix[s]!) + own[t + 1]! - own[s]!;
          if (hold >= copy) break;
          const cost = hold + (size / bandwidth) * beta[s]!;
          if (cost < copy) {
            copy = cost;
            at = s;
          }
        }
      }
      copyAt[a] = at;
    }
    if (k === begin) {
      absent = slow;
      how[3 * a + ABSENT] = ABSENT;
      if (kind[a] === UPDATE) {
        dirty = copy + fast;
        how[3 * a + DIRTY] = ABSENT | COPIED;
      } else {
        clean = copy + fast;
        how[3 * a + CLEAN] = ABSENT | COPIED;
      }
      before = t;
      continue;
    }
    const keep = size * (prefix[t + 1]! - prefix[before + 1]!) + own[t + 1]! - own[before + 1]!;
    const store = dirty < Infinity ? storeCost(instance, work, size, own, beta, before, t, a) : Infinity;
    let best = absent;
    let reached = ABSENT;
    if (clean < best) {
      best = clean;
      reached = CLEAN;
    }
    if (dirty + store < best) {
      best = dirty + store;
      reached = DIRTY | STORED;
    }
    how[3 * a + ABSENT] = reached;
    let resident = best + copy + fast;
    let residentHow = reached | COPIED;
    if (clean + keep + fast < resident) {
      resident = clean + keep + fast;
      residentHow = CLEAN | KEPT;
    }
    let still = dirty + keep + fast;
    let stillHow = DIRTY | KEPT;
    absent = best + slow;
    if (kind[a] === UPDATE) {
      if (resident < still) {
        still = resident;
        stillHow = residentHow;
      }
      clean = Infinity;
    } else {
      clean = resident;
      how[3 * a + CLEAN] = residentHow;
    }
    dirty = still;
    how[3 * a + DIRTY] = stillHow;
    before = t;
  }
  let tail = 0;
  if (instance.mustEndSlow[v] === 1 && dirty < Infinity)
    tail = storeCost(instance, work, size, own, beta, before, steps, instance.accesses);
  let total = absent;
  work.last = ABSENT;
  if (clean < total) {
    total = clean;
    work.last = CLEAN;
  }
  if (dirty + tail < total) {
    total = dirty + tail;
    work.last = DIRTY;
  }
  return total;
}

/** Least cost of a store in the gap (before, limit); where it lies goes to `storeAt[slot]`. */
function storeCost(
  instance: Instance,
  { prefix, storeKey, storeTable, storeAt, caps, fill }: PathWork,
  size: number,
  own: Float64Array,
  beta: Float64Array,
  before: number,
  limit: number,
  slot: number,
): number {
  if (limit <= before + 1) return Infinity;
  const at = leastOf(storeTable, storeKey, before + 1, limit);
  const onlyBytes = own[at + 1]! <= own[before + 1]!;
  if (onlyBytes && (caps === undefined || caps[at]! >= size)) {
    storeAt[slot] = at;
    return size * (storeKey[at]! - prefix[before + 1]!);
  }
  let best = Infinity;
  if (caps !== undefined) clearFill(fill, size);
  for (let s = before + 1; s < limit; s++) {
    const hold = size * (prefix[s + 1]! - prefix[before + 1]!) + own[s + 1]! - own[before + 1]!;
    if (hold >= best) break;
    const moved = caps === undefined ? size * beta[s]! : addStep(fill, s, beta[s]!, caps[s]!);
    const cost = hold + moved / instance.bandwidth;
    if (cost < best) {
      best = cost;
      storeAt[slot] = s;
    }
  }
  return best;
}

/** What a path does, told by {@link tracePath}: the subgradient. */
export interface PathVisitor {
  /** Version v is held in steps [from, to). */
  hold(v: number, from: number, to: number): void;
  /** So many of its bytes are moved in step t, in bandwidth that has a price there. */
  move(v: number, t: number, bytes: number): void;
  slow(a: number, t: number): void;
  fast(a: number, t: number): void;
}

/** Walks the path that {@link cheapestPath} found last, for the same version, from its end. */
export function tracePath(
  instance: Instance,
  work: PathWork,
  v: number,
  beta: Float64Array,
  visitor: PathVisitor,
): void {
  const { list, stepOf } = instance;
  const { caps, fill } = work;
  const size = instance.bytes[v]!;
  /** A copy in steps [from, to); `at` is the cheapest of them where one takes it all. */
  const move = (at: number, from: number, to: number): void => {
    if (caps === undefined || caps[at]! >= size) {
      visitor.move(v, at, size);
      return;
    }
    clearFill(fill, size);
    for (let s = from; s < to; s++) addStep(fill, s, beta[s]!, caps[s]!);
    let left = size;
    for (let k = 0; k < fill.count; k++) {
      const moved = Math.min(left, fill.cap[k]!);
      if (moved > 0) visitor.move(v, fill.step[k]!, moved);
      left -= moved;
    }
  };
  const { copyAt, storeAt, how } = work;
  const begin = instance.first[v]!;
  const end = instance.first[v + 1]!;
  let state = work.last;
  if (state === DIRTY && instance.mustEndSlow[v] === 1) {
    const at = storeAt[instance.accesses]!;
    visitor.hold(v, stepOf[list[end - 1]!]! + 1, at + 1);
    move(at, stepOf[list[end - 1]!]! + 1, at + 1);
  }
  for (let k = end - 1; k >= begin; k--) {
    const a = list[k]!;
    const t = stepOf[a]!;
    const gap = k === begin ? -1 : stepOf[list[k - 1]!]!;
    const reached = how[3 * a + state]!;
    if (state === ABSENT) visitor.slow(a, t);
    else {
      visitor.fast(a, t);
      if ((reached & COPIED) !== 0) {
        move(copyAt[a]!, copyAt[a]!, t);
        visitor.hold(v, copyAt[a]!, t + 1);
      } else visitor.hold(v, k === begin ? t : gap + 1, t + 1);
    }
    if ((reached & STORED) !== 0) {
      move(storeAt[a]!, gap + 1, storeAt[a]! + 1);
      visitor.hold(v, gap + 1, storeAt[a]! + 1);
    }
    state = reached & 3;
  }
}

/** The cheapest steps for the bytes of one copy, by price; what they can't move stalls at the full price of 1. */
interface Fill {
  readonly step: Int32Array;
  readonly price: Float64Array;
  readonly cap: Float64Array;
  count: number;
  size: number;
  total: number;
}

const newFill = (steps: number): Fill => ({
  step: new Int32Array(steps + 1),
  price: new Float64Array(steps + 1),
  cap: new Float64Array(steps + 1),
  count: 0,
  size: 0,
  total: 0,
});

function clearFill(fill: Fill, size: number): void {
  fill.count = 0;
  fill.size = size;
  fill.total = 0;
}

/** Adds a step that moves up to `cap` bytes at `price` each; the least cost of all bytes then. */
function addStep(fill: Fill, step: number, price: number, cap: number): number {
  const { step: steps, price: prices, cap: caps, size } = fill;
  if (cap > 0 && price < 1) {
    let k = fill.count++;
    for (; k > 0 && prices[k - 1]! > price; k--) {
      steps[k] = steps[k - 1]!;
      prices[k] = prices[k - 1]!;
      caps[k] = caps[k - 1]!;
    }
    steps[k] = step;
    prices[k] = price;
    caps[k] = cap;
    fill.total += cap;
    // The dearest are of no more use once the cheaper ones move everything.
    while (fill.count > 1 && fill.total - caps[fill.count - 1]! >= size) fill.total -= caps[--fill.count]!;
  }
  let left = size;
  let cost = 0;
  for (let k = 0; k < fill.count && left > 0; k++) {
    const moved = left < caps[k]! ? left : caps[k]!;
    cost += moved * prices[k]!;
    left -= moved;
  }
  return cost + left;
}
