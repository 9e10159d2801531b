/** A whole plan that versions are taken out of and put back into: its times, addresses and copies at every moment. */
import { seededRandom } from "../random.ts";
import { type Addresses, giveBack, newAddresses, take } from "./addresses.ts";
import { allSlowBytes, type Instance } from "./instance.ts";
import type { PriceTables } from "./prices.ts";
import type { MappingCopy } from "./types.ts";

export interface Hold {
  readonly from: number;
  /** Inclusive. */
  readonly last: number;
  offset: number;
  piece: number;
}

/** What one version does now. */
export interface Way {
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

export const slowWay = (instance: Instance, v: number): Way => ({
  fast: new Uint8Array(instance.first[v + 1]! - instance.first[v]!),
  holds: [],
  copies: [],
  flowSteps: [],
  flowBytes: [],
});

export function timeOf({ instance }: Neighbourhood, t: number, slow: number, fast: number, flow: number): number {
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
export function takeOut(search: Neighbourhood, v: number): Way {
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
export function putIn(search: Neighbourhood, v: number, way: Way): void {
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
export function idleOf(search: Neighbourhood, t: number): number {
  const idle = search.time[t]! * search.instance.bandwidth - search.slow[t]! - search.flow[t]!;
  return idle > 0 ? idle : 0;
}
