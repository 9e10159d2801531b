/** The cheapest way of one version that the others leave: a shortest path over its accesses with true marginal times. */
import { bestFit } from "./addresses.ts";
import { UPDATE, WRITE } from "./instance.ts";
import { type Hold, idleOf, type Neighbourhood, putIn, slowWay, timeOf, type Way } from "./neighbourhood-state.ts";
import { holdCost } from "./prices.ts";
import type { MappingCopy } from "./types.ts";

const ABSENT = 0;
const CLEAN = 1;
const DIRTY = 2;
/** How a state was reached: bits 0-1 the state before; then: stored, copied in. Without a copy a fast state was kept. */
const STORED = 4;
const COPIED = 8;

/** Finds the cheapest way of a version that is out, and puts it in. `rent` weighs the prices of holding. */
export function insert(search: Neighbourhood, v: number, rent: number): void {
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
