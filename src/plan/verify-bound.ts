/**
 * The lower bound of a mapped plan from its stored multipliers, in one pass (specified with the game: Lagrangian
 * relaxation of room and bandwidth). Whatever the multipliers are, what they prove holds: they are only scaled.
 *
 * Moment 0 is before the first step; moment t is the t-th kernel step.
 */
import {
  fastTimeOf,
  type Machine,
  type MappedAccess,
  type MappedStep,
  slowBytesOf,
  stepFloor,
} from "./mapped-accesses.ts";
import type { Plan, PlanMapping } from "./schema.ts";

/** One content of a storage root, from a write that needs nothing of the old one to the next such write. */
export interface Version {
  readonly root: number;
  readonly bytes: number;
  /** Made by a step: not in slow memory at the start. */
  readonly produced: boolean;
  readonly uses: { readonly moment: number; readonly access: MappedAccess }[];
  mustEndSlow: boolean;
}

export function versionsOf(plan: Plan, kernels: readonly MappedStep[]): Version[] {
  const all: Version[] = [];
  const current = new Map<number, Version>();
  kernels.forEach(({ accesses }, k) => {
    for (const access of accesses) {
      const { bytes } = plan.values[access.root]!;
      if (bytes === 0) continue;
      let version = current.get(access.root);
      if (version === undefined || (access.writes && !access.needs)) {
        version = { root: access.root, bytes, produced: access.writes && !access.needs, uses: [], mustEndSlow: false };
        current.set(access.root, version);
        all.push(version);
      }
      version.uses.push({ moment: k + 1, access });
    }
  });
  for (const id of plan.outputs) {
    const version = current.get(plan.values[id]!.storage.value);
    if (version !== undefined) version.mustEndSlow = true;
  }
  return all;
}

export const roundUp = (bytes: number, alignment: number): number => Math.ceil(bytes / alignment) * alignment;
export const roomOf = ({ fastBytes, alignment }: Machine): number => Math.floor(fastBytes / alignment) * alignment;

/** Sums listed at most while a capacity is checked. */
const MAX_SUMS = 1 << 14;

/** What is wrong with the stated capacities: some set of whole values would fill more than one says. */
export function capacityFault(
  plan: Plan,
  mapping: PlanMapping,
  kernels: readonly MappedStep[],
  machine: Machine,
): string | undefined {
  const room = roomOf(machine);
  const last = kernels.length;
  const changes = Array.from({ length: last + 2 }, (): [size: number, count: number][] => []);
  for (const version of versionsOf(plan, kernels)) {
    const size = roundUp(version.bytes, machine.alignment);
    changes[version.produced ? version.uses[0]!.moment : 0]!.push([size, 1]);
    changes[(version.mustEndSlow ? last : version.uses.at(-1)!.moment) + 1]!.push([size, -1]);
  }
  const live = new Map<number, number>();
  let most = 0;
  for (let t = 0; t <= last; t++) {
    for (const [size, count] of changes[t]!) live.set(size, (live.get(size) ?? 0) + count);
    const stated = mapping.capacity[t]!;
    if (stated >= room) {
      most = -1;
      continue;
    }
    const stages = !machine.slowDirect && kernels[t - 1]?.accesses.some(({ root }) => plan.values[root]!.bytes > 0);
    if (stages === true) return `at step ${t} operands are staged: they may fill all ${room} bytes`;
    if (changes[t]!.length > 0 || most < 0 || t === 0) most = fullest(live, room);
    if (stated < most) return `at step ${t} values may fill ${most} bytes, the certificate says ${stated}`;
  }
  return undefined;
}

/** Largest sum of sizes within `room`; `room` where there are too many to list. */
function fullest(sizes: ReadonlyMap<number, number>, room: number): number {
  const fitting = [...sizes].filter(([size, count]) => count > 0 && size <= room).sort(([a], [b]) => b - a);
  const total = fitting.reduce((sum, [size, count]) => sum + size * count, 0);
  if (total <= room) return total;
  let sums: number[] = [0];
  for (const [size, count] of fitting) {
    const grown = new Set<number>();
    for (const sum of sums) for (let k = 0; k <= count && sum + k * size <= room; k++) grown.add(sum + k * size);
    if (grown.size > MAX_SUMS) return room;
    sums = [...grown];
  }
  return Math.max(...sums);
}

/** The bound that the multipliers prove, seconds. */
export function boundOf(plan: Plan, mapping: PlanMapping, kernels: readonly MappedStep[], machine: Machine): number {
  const moments = kernels.length + 1;
  const room = roomOf(machine);
  const beta: number[] = [];
  const mu: number[] = [];
  let bound = 0;
  for (let t = 0; t < moments; t++) {
    const scale = Math.max(1, mapping.beta[t]! + mapping.mu[t]!);
    beta[t] = mapping.beta[t]! / scale;
    mu[t] = mapping.mu[t]! / scale;
    const { compute, base } = t === 0 ? { compute: 0, base: 0 } : stepFloor(kernels[t - 1]!, plan, machine);
    bound += (1 - beta[t]! - mu[t]!) * compute + mu[t]! * base - mapping.lambda[t]! * mapping.capacity[t]!;
    mapping.units.forEach((unit, r) => (bound -= Math.floor(room / unit) * mapping.kappa[r]![t]!));
  }
  const rent = new Float64Array(moments);
  for (const version of versionsOf(plan, kernels)) {
    const slow = ({ access, moment }: Version["uses"][number]): number =>
      (slowBytesOf(access) / machine.bandwidth) * (beta[moment]! + mu[moment]!);
    const size = roundUp(version.bytes, machine.alignment);
    if (size > room) {
      // It is never in fast memory.
      for (const use of version.uses) bound += slow(use);
      continue;
    }
    const end = version.mustEndSlow ? moments : version.uses.at(-1)!.moment + 1;
    for (let t = version.produced ? version.uses[0]!.moment : 0; t < end; t++) {
      rent[t] = version.bytes * mapping.lambda[t]!;
      mapping.units.forEach((unit, r) => (rent[t]! += Math.floor(size / unit) * mapping.kappa[r]![t]!));
    }
    bound += cheapest(version, { rent, beta, mu, moments, slow }, machine);
  }
  return bound;
}

interface Priced {
  readonly rent: Float64Array;
  readonly beta: readonly number[];
  readonly mu: readonly number[];
  readonly moments: number;
  readonly slow: (use: Version["uses"][number]) => number;
}

/** Cheapest way of one version through its uses: absent from fast memory, there as well, or there only. */
function cheapest(version: Version, { rent, beta, mu, moments, slow }: Priced, machine: Machine): number {
  const transfer = (t: number): number => (version.bytes / machine.bandwidth) * beta[t]!;
  /** Least price of a store within [from, to): held from its start on. */
  const storeIn = (from: number, to: number): number => {
    let held = 0;
    let best = Infinity;
    for (let t = from; t < to && held < best; t++) {
      held += rent[t]!;
      best = Math.min(best, held + transfer(t));
    }
    return best;
  };
  let absent = 0;
  let clean = Infinity;
  let dirty = Infinity;
  let before = -1;
  version.uses.forEach((use, k) => {
    const t = use.moment;
    const fast = fastTimeOf(use.access, machine) * mu[t]!;
    // An operand that is staged takes room while the step runs.
    const unserved = slow(use) + (machine.slowDirect ? 0 : rent[t]!);
    if (k === 0 && version.produced) {
      [absent, clean, dirty] = [unserved, Infinity, fast + rent[t]!];
    } else {
      let keep = rent[t]!;
      let fetch = Infinity;
      for (let s = t - 1; s > before; s--) {
        keep += rent[s]!;
        fetch = Math.min(fetch, keep + transfer(s));
      }
      const gone = Math.min(absent, clean, dirty + storeIn(before + 1, t));
      const there = Math.min(gone + fetch, clean + keep) + fast;
      const kept = dirty + keep + fast;
      absent = gone + unserved;
      [clean, dirty] = use.access.writes ? [Infinity, Math.min(kept, there)] : [there, kept];
    }
    before = t;
  });
  return Math.min(absent, clean, version.mustEndSlow ? dirty + storeIn(before + 1, moments) : dirty);
}
