/**
 * The rules of a mapping plan, checked from the plan and the instance alone: nothing here is shared with the
 * games. Quadratic in what one value does, near-linear in the rest.
 */
import { type Instance, UPDATE, WRITE } from "./instance.ts";
import type { MappingCopy, MappingPlan, MappingRange } from "./types.ts";

/** What `plan` breaks, in words; empty where it holds. */
export function checkMapping(instance: Instance, plan: MappingPlan): string[] {
  const faults: string[] = [];
  if (plan.fast.length !== instance.accesses) return [`${plan.fast.length} accesses, not ${instance.accesses}`];
  for (const { value, from, to } of plan.ranges)
    if (!(value >= 0 && value < instance.versions && from >= 0 && from < to && to <= instance.steps))
      faults.push(`range [${from},${to}) of version ${value} makes no sense`);
  for (const { value, release, deadline } of plan.copies)
    if (!(value >= 0 && value < instance.versions && release >= 0 && release < deadline && deadline <= instance.steps))
      faults.push(`copy [${release},${deadline}) of version ${value} makes no sense`);
  if (faults.length > 0) return faults;
  checkAddresses(instance, plan, faults);
  const ranges = byVersion(instance, plan.ranges);
  const copies = byVersion(instance, plan.copies);
  for (let v = 0; v < instance.versions; v++) checkVersion(instance, plan, v, ranges[v]!, copies[v]!, faults);
  return faults;
}

function byVersion<T extends { readonly value: number }>(instance: Instance, items: readonly T[]): T[][] {
  const lists: T[][] = Array.from({ length: instance.versions }, () => []);
  for (const item of items) lists[item.value]!.push(item);
  return lists;
}

/** Ranges are aligned, under the ceiling, and apart from each other. */
function checkAddresses(instance: Instance, plan: MappingPlan, faults: string[]): void {
  const { alignment } = instance.problem.hardware;
  const ceiling = instance.room.slice();
  if (!instance.problem.hardware.slowDirect)
    for (let a = 0; a < instance.accesses; a++)
      if (!plan.fast[a]) ceiling[instance.stepOf[a]!]! -= instance.footprint[instance.versionOf[a]!]!;
  const events = plan.ranges.map((range, k) => ({ k, range })).sort((x, y) => x.range.from - y.range.from || x.k - y.k);
  const starting: MappingRange[][] = Array.from({ length: instance.steps }, () => []);
  for (const { range } of events) {
    if (range.offset < 0 || range.offset % alignment !== 0)
      faults.push(`offset ${range.offset} of version ${range.value}`);
    starting[range.from]!.push(range);
  }
  let live: MappingRange[] = [];
  for (let t = 0; t < instance.steps; t++) {
    if (starting[t]!.length > 0)
      live = [...live.filter((range) => range.to > t), ...starting[t]!].sort((x, y) => x.offset - y.offset);
    let end = 0;
    for (const range of live) {
      if (range.to <= t) continue;
      if (range.offset < end) faults.push(`version ${range.value} overlaps at step ${t}`);
      end = Math.max(end, range.offset + instance.footprint[range.value]!);
    }
    if (end > ceiling[t]!) faults.push(`step ${t} has ranges up to ${end} of ${ceiling[t]}`);
  }
}

/** One version: contents are where they are read, copies have a source, what must end slow does. */
function checkVersion(
  instance: Instance,
  plan: MappingPlan,
  v: number,
  ranges: readonly MappingRange[],
  copies: readonly MappingCopy[],
  faults: string[],
): void {
  const fault = (message: string): void => void faults.push(`version ${v}: ${message}`);
  /** First step from which slow memory holds the content, until `Infinity`: steps [since, ...). */
  let slowSince = instance.produced[v] === 1 ? Infinity : 0;
  /** The range with the content, and the first step at which it has it. */
  let home: MappingRange | undefined;
  let homeSince = Infinity;
  /** First step at which a store may be released: after the content last changed. */
  let settled = 0;
  const todo = [...copies].sort((x, y) => x.release - y.release || x.deadline - y.deadline);
  const used = new Set<MappingRange>();
  const arrive = (copy: MappingCopy): void => {
    if (copy.direction === "in") {
      if (copy.release < slowSince) fault(`a copy in at ${copy.release} has no source`);
      home = ranges.find((range) => range.from <= copy.release && copy.deadline < range.to);
      homeSince = copy.deadline;
      if (home === undefined) fault(`a copy in at ${copy.release} has no destination`);
      else if (used.has(home)) fault(`two contents in the range at ${home.from}`);
      else used.add(home);
    } else {
      if (home === undefined || copy.release < homeSince || copy.release < settled || copy.deadline > home.to)
        fault(`a store at ${copy.release} has no source`);
      // The bounds count on it: what was stored is brought back by a copy, or not at all.
      else if (copy.deadline !== home.to) fault(`the range at ${home.from} outlives its store`);
      home = undefined;
      slowSince = Math.min(slowSince, copy.deadline);
    }
  };
  for (let k = instance.first[v]!; k < instance.first[v + 1]!; k++) {
    const access = instance.list[k]!;
    const t = instance.stepOf[access]!;
    while (todo.length > 0 && todo[0]!.release < t) {
      const copy = todo.shift()!;
      if (copy.deadline > t) fault(`a copy spans the access at step ${t}`);
      arrive(copy);
    }
    const kind = instance.kind[access]!;
    if (plan.fast[access]) {
      if (kind === WRITE) {
        home = ranges.find((range) => range.from <= t && t < range.to);
        if (home !== undefined) used.add(home);
        homeSince = t;
      }
      if (home === undefined || t < homeSince || t < home.from || t >= home.to)
        fault(`not in fast memory at step ${t}`);
      if (kind !== 0) slowSince = Infinity;
      if (kind !== 0) settled = t + 1;
    } else {
      if (kind !== WRITE && slowSince > t) fault(`not in slow memory at step ${t}`);
      if (kind === WRITE || kind === UPDATE) {
        slowSince = t + 1;
        home = undefined;
      }
    }
  }
  for (const copy of todo) arrive(copy);
  if (instance.mustEndSlow[v] === 1 && slowSince > instance.steps) fault("does not end in slow memory");
  for (const range of ranges) if (!used.has(range)) fault(`the range at ${range.from} holds nothing`);
}
