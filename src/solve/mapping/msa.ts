/**
 * MSA-style baseline: our rendering of the published algorithm of XLA's memory space assignment. Values in order of
 * memory-boundedness by the root of their size; each use tries no-copy, then a prefetch whose interval the
 * elapsed times pick, then slow memory; no backtracking but giving up on a value. Copies are booked against
 * elapsed time, as there, so that plans may stall.
 */
import { type Addresses, bestFit, cutShort, isFree, newAddresses, take } from "./addresses.ts";
import { allSlowBytes, type Instance, stepTime, UPDATE, WRITE } from "./instance.ts";
import type { MappingCopy, MappingPlan, MappingRange } from "./types.ts";

/** Overlap to copy-time ratios: least, preferred, most (of the time to fill the fast memory). */
const LEAST_RATIO = 1;
const PREFERRED_RATIO = 2;
const MOST_RATIO = 8;
/** Copies in flight at once. */
const MOST_COPIES = 40;

interface Booked extends MappingCopy {
  readonly seconds: number;
}

export function msaPlan(instance: Instance): MappingPlan {
  const { steps, bandwidth, stepOf, kind, footprint, bytes } = instance;
  const slow = allSlowBytes(instance);
  const elapsed = Float64Array.from(slow, (load, t) => stepTime(instance, t, load, 0));
  const until = new Float64Array(steps + 1);
  for (let t = 0; t < steps; t++) until[t + 1] = until[t]! + elapsed[t]!;
  /** Seconds strictly between steps s and e. */
  const between = (s: number, e: number): number => (e - 1 > s ? until[e]! - until[s + 1]! : 0);
  const most = (MOST_RATIO * instance.largestRoom) / bandwidth;
  const left = elapsed.slice();
  const inFlight = new Int32Array(steps);
  const addresses = newAddresses(steps);
  const fast = new Uint8Array(instance.accesses);
  const ranges: MappingRange[] = [];
  const copies: MappingCopy[] = [];
  const lowestRoom = (from: number, last: number): number => {
    let lowest = Infinity;
    for (let t = from; t <= last; t++) lowest = Math.min(lowest, instance.room[t]! - instance.staged[t]!);
    return lowest;
  };

  for (const v of byBoundedness(instance, slow)) {
    const size = footprint[v]!;
    const seconds = bytes[v]! / bandwidth;
    const pieces: { readonly piece: number; readonly from: number }[] = [];
    const own: { value: number; offset: number; from: number; to: number }[] = [];
    const booked: Booked[] = [];
    const find = (from: number, last: number): number => bestFit(addresses, size, from, last, lowestRoom(from, last));
    const hold = (offset: number, from: number, last: number): void => {
      pieces.push({ piece: take(addresses, offset, size, from, last), from });
    };
    const enough = (from: number, to: number): boolean => {
      let sum = 0;
      for (let t = from; t < to; t++) {
        if (inFlight[t]! >= MOST_COPIES) return false;
        sum += left[t]!;
      }
      return sum >= seconds * (1 - 1e-9);
    };
    const book = (direction: "in" | "out", release: number, deadline: number): void => {
      let need = seconds;
      for (let t = release; t < deadline; t++) {
        inFlight[t]!++;
        const used = Math.min(left[t]!, need);
        left[t]! -= used;
        need -= used;
      }
      booked.push({ value: v, direction, release, deadline, seconds });
    };
    let resident = false;
    let dirty = false;
    let ready = instance.produced[v] === 1 ? Infinity : 0;
    let failed = false;
    const store = (after: number, limit: number): boolean => {
      let end = after + 1;
      while (end < limit && between(after, end) < PREFERRED_RATIO * seconds) end++;
      const range = own.at(-1)!;
      if (end <= after + 1 || between(after, end) < LEAST_RATIO * seconds || !enough(after + 1, end)) return false;
      if (end > range.to) {
        if (!isFits(addresses, lowestRoom(range.to, end - 1), range.offset, size, range.to, end - 1)) return false;
        hold(range.offset, range.to, end - 1);
        range.to = end;
      }
      book("out", after + 1, end);
      ready = end;
      dirty = false;
      return true;
    };
    for (let k = instance.first[v]!; k < instance.first[v + 1]! && !failed; k++) {
      const a = instance.list[k]!;
      const t = stepOf[a]!;
      const next = instance.next[a]!;
      const before = instance.previous[a]! < 0 ? -1 : stepOf[instance.previous[a]!]!;
      if (kind[a] === WRITE) {
        const offset = next >= 0 && between(t, stepOf[next]!) < most ? find(t, t) : -1;
        if (offset < 0) ready = t + 1;
        else {
          hold(offset, t, t);
          own.push({ value: v, offset, from: t, to: t + 1 });
          fast[a] = 1;
          resident = true;
          dirty = true;
        }
        continue;
      }
      if (resident) {
        const range = own.at(-1)!;
        if (range.to > t) fast[a] = 1;
        else if (
          between(before, t) < most &&
          isFits(addresses, lowestRoom(range.to, t), range.offset, size, range.to, t)
        ) {
          hold(range.offset, range.to, t);
          range.to = t + 1;
          fast[a] = 1;
        } else if (dirty && !store(before, t)) failed = true;
        else resident = false;
      }
      if (!resident && !failed) {
        const offset = prefetch(t, Math.max(before + 1, ready), a);
        if (offset !== undefined) {
          hold(offset.offset, offset.from, t);
          own.push({ value: v, offset: offset.offset, from: offset.from, to: t + 1 });
          book("in", offset.from, t);
          fast[a] = 1;
          resident = true;
          dirty = false;
        }
      }
      if (kind[a] === UPDATE) {
        if (fast[a] === 1) {
          dirty = true;
          ready = Infinity;
        } else ready = t + 1;
      }
    }
    if (!failed && dirty && instance.mustEndSlow[v] === 1) {
      const end = stepOf[instance.list[instance.first[v + 1]! - 1]!]!;
      if (!store(end, steps)) failed = true;
    }
    if (failed) {
      // The value goes to slow memory for good; what it took is given back.
      for (const { piece, from } of pieces) cutShort(addresses, piece, from - 1);
      for (let k = instance.first[v]!; k < instance.first[v + 1]!; k++) fast[instance.list[k]!] = 0;
      for (const copy of booked) {
        let back = copy.seconds;
        for (let t = copy.release; t < copy.deadline; t++) {
          inFlight[t]!--;
          const room = Math.min(back, elapsed[t]! - left[t]!);
          left[t]! += room;
          back -= room;
        }
      }
    } else {
      ranges.push(...own);
      copies.push(
        ...booked.map(({ value, direction, release, deadline }) => ({ value, direction, release, deadline })),
      );
    }

    function prefetch(t: number, lowest: number, a: number): { offset: number; from: number } | undefined {
      if (lowest >= t || size > instance.largestRoom) return undefined;
      const load = slow[t]! - instance.slowBytes[a]!;
      const saved = elapsed[t]! - stepTime(instance, t, load, instance.fastSeconds[a]!);
      if (saved < 0) return undefined;
      let latest = t - 1;
      while (latest >= lowest && between(latest - 1, t) + saved < LEAST_RATIO * seconds) latest--;
      if (latest < lowest) return undefined;
      let earliest = latest;
      while (earliest > lowest && between(earliest - 2, t) <= most) earliest--;
      let preferred = latest;
      while (preferred > earliest && between(preferred - 1, t) < PREFERRED_RATIO * seconds) preferred--;
      // Later and earlier by turns; at most 100 candidates.
      for (let tried = 0, up = preferred, down = preferred - 1; tried < 100; tried++) {
        const from = (tried % 2 === 0 && up <= latest) || down < earliest ? up++ : down--;
        if (from > latest || from < earliest) return undefined;
        if (!enough(from, t)) continue;
        const offset = find(from, t);
        if (offset >= 0) return { offset, from };
      }
      return undefined;
    }
  }
  return { fast: Array.from(fast, (bit) => bit === 1), ranges, copies };
}

const isFits = (a: Addresses, room: number, offset: number, size: number, from: number, last: number): boolean =>
  offset + size <= room && isFree(a, offset, size, from, last);

/** Versions by what fast memory saves over all accesses, per root of size, falling. */
function byBoundedness(instance: Instance, slow: Float64Array): number[] {
  const score = new Float64Array(instance.versions);
  for (let v = 0; v < instance.versions; v++) {
    let benefit: number | undefined;
    for (let k = instance.first[v]!; k < instance.first[v + 1]!; k++) {
      const a = instance.list[k]!;
      const t = instance.stepOf[a]!;
      const margin = instance.base[t]! + slow[t]! / instance.bandwidth - instance.compute[t]!;
      const own = margin > 0 ? instance.slowBytes[a]! / instance.bandwidth - instance.fastSeconds[a]! : margin;
      benefit = benefit === undefined ? own : benefit > 0 && own > 0 ? benefit + own : Math.max(benefit, own);
    }
    score[v] = (benefit ?? -1) / Math.sqrt(Math.max(1, instance.bytes[v]!));
  }
  return Array.from({ length: instance.versions }, (_, v) => v).sort((x, y) => score[y]! - score[x]! || x - y);
}
