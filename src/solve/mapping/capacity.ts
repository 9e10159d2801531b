/**
 * What no residency can pass, whole values being all or nothing: the largest sum of sizes that fits, and what
 * rounding to units leaves. Both tighten the relaxation behind the bound.
 */
import type { Instance } from "./instance.ts";

/**
 * Sums kept at most for one step, and different sizes: beyond it nearly every sum is reached, and the room itself is
 * the answer. The last is for all steps together.
 */
const MAX_SUMS = 2048;
const MAX_SIZES = 24;
const MAX_WORK = 300_000;

/** Cuts and classes of versions that one bound may use: each costs an array over steps. */
const MAX_CUTS = 6;
const MAX_CLASSES = 32;

/**
 * Rounding cuts (Chvátal, 1973; Gomory, 1958): for any unit u, values that are resident together have
 * sum floor(size / u) <= floor(room / u). They say what whole values waste of the room.
 */
export interface RoundingCuts {
  readonly units: readonly number[];
  /** floor(room / unit). */
  readonly limits: readonly number[];
  /** Class of each version; class 0 counts in no cut. */
  readonly classOf: Uint8Array;
  /** Coefficients of each class, one for each cut. */
  readonly classes: readonly (readonly number[])[];
}

/** None: what holds for parts of values as well. */
export const noCuts = ({ versions }: Instance): RoundingCuts => ({
  units: [],
  limits: [],
  classOf: new Uint8Array(versions),
  classes: [[]],
});

/** Units under which the sizes of this instance waste the most, greedily. */
export function roundingCuts(instance: Instance): RoundingCuts {
  const { versions, footprint, largestRoom: room } = instance;
  const weights = new Map<number, number>();
  for (let v = 0; v < versions; v++) {
    const size = footprint[v]!;
    if (size > room || size * 24 < room) continue;
    const [first, last] = lifetime(instance, v);
    // Accesses make a value worth holding; a long life alone does not.
    const worth = (instance.first[v + 1]! - instance.first[v]!) * Math.min(8, last - first + 1);
    weights.set(size, (weights.get(size) ?? 0) + size * worth);
  }
  const sizes = [...weights.keys()].sort((x, y) => weights.get(y)! - weights.get(x)! || x - y).slice(0, 40);
  const candidates = new Set<number>();
  for (const size of sizes) for (const parts of [1, 2, 3]) candidates.add(Math.floor(size / parts));
  for (let q = 2; q <= 8; q++) candidates.add(Math.floor(room / q) + 1);
  const usable = [...candidates].filter((unit) => unit > 0 && unit <= room && unit * 24 >= room).sort((x, y) => x - y);
  /** Bytes of room that a size takes under the best cut so far, per byte. */
  const taken = new Map(sizes.map((size) => [size, 1]));
  const share = (size: number, unit: number): number =>
    (Math.floor(size / unit) * room) / (Math.floor(room / unit) * size);
  const units: number[] = [];
  while (units.length < MAX_CUTS) {
    let most = 0;
    let chosen = 0;
    for (const unit of usable) {
      let gain = 0;
      for (const size of sizes) gain += weights.get(size)! * Math.max(0, share(size, unit) - taken.get(size)!);
      if (gain > most * (1 + 1e-12)) {
        most = gain;
        chosen = unit;
      }
    }
    if (chosen === 0) break;
    units.push(chosen);
    for (const size of sizes) taken.set(size, Math.max(taken.get(size)!, share(size, chosen)));
  }
  const classes: number[][] = [units.map(() => 0)];
  const known = new Map([[classes[0]!.join(","), 0]]);
  const classOf = new Uint8Array(versions);
  const order = Array.from({ length: versions }, (_, v) => v).sort((x, y) => footprint[y]! - footprint[x]! || x - y);
  for (const v of order) {
    if (footprint[v]! > room) continue;
    const vector = units.map((unit) => Math.floor(footprint[v]! / unit));
    const key = vector.join(",");
    const seen = known.get(key);
    // Past the last class the smallest values count nowhere, which a cut allows.
    if (seen === undefined && classes.length === MAX_CLASSES) continue;
    if (seen === undefined) {
      known.set(key, classes.length);
      classes.push(vector);
    }
    classOf[v] = known.get(key)!;
  }
  return { units, limits: units.map((unit) => Math.floor(room / unit)), classOf, classes };
}

/** First and last step (inclusive) at which the version may be resident. */
export function lifetime(instance: Instance, version: number): readonly [first: number, last: number] {
  const start = instance.list[instance.first[version]!]!;
  const end = instance.list[instance.first[version + 1]! - 1]!;
  return [
    instance.produced[version] === 1 ? instance.stepOf[start]! : 0,
    instance.mustEndSlow[version] === 1 ? instance.steps - 1 : instance.stepOf[end]!,
  ];
}

/** Most bytes of footprints that can be resident at each step: the largest subset sum within the room. */
export function subsetSumCapacity(instance: Instance): Float64Array {
  const { steps, versions, footprint, room, staged } = instance;
  const entering: number[][] = Array.from({ length: steps }, () => []);
  const leaving: number[][] = Array.from({ length: steps }, () => []);
  for (let v = 0; v < versions; v++) {
    const [first, last] = lifetime(instance, v);
    entering[first]!.push(footprint[v]!);
    leaving[last]!.push(footprint[v]!);
  }
  /** Sizes alive, with how many there are of each. */
  const live = new Map<number, number>();
  const capacity = new Float64Array(steps);
  const work = { left: MAX_WORK };
  let changed = true;
  for (let t = 0; t < steps; t++) {
    for (const size of entering[t]!) {
      live.set(size, (live.get(size) ?? 0) + 1);
      changed = true;
    }
    capacity[t] = !changed && t > 0 && room[t] === room[t - 1] ? capacity[t - 1]! : largestSum(live, room[t]!, work);
    // Staged bytes are rounded up too, but lie apart: they count as sizes of their own.
    if (staged[t]! > 0) capacity[t] = room[t]!;
    changed = leaving[t]!.length > 0;
    for (const size of leaving[t]!) {
      const count = live.get(size)! - 1;
      if (count === 0) live.delete(size);
      else live.set(size, count);
    }
  }
  return capacity;
}

/** Largest sum of a sub-multiset within `room`; `room` where there are too many sums to list. */
function largestSum(sizes: ReadonlyMap<number, number>, room: number, work: { left: number }): number {
  let total = 0;
  for (const [size, count] of sizes) if (size <= room) total += size * count;
  if (total <= room) return total;
  if (sizes.size > MAX_SIZES || work.left <= 0) return room;
  let sums = new Set([0]);
  for (const [size, count] of [...sizes].sort((x, y) => y[0] - x[0])) {
    if (size > room) continue;
    const grown = new Set(sums);
    for (const sum of sums) {
      for (let k = 1; k <= count && sum + k * size <= room; k++) grown.add(sum + k * size);
      if (grown.size > MAX_SUMS) return room;
    }
    sums = grown;
    work.left -= grown.size;
    if (sums.has(room)) return room;
  }
  let best = 0;
  for (const sum of sums) best = Math.max(best, sum);
  return best;
}
