/**
 * Where each value's bytes lie for an executor: a region (one block of backend memory for each
 * memory of the plan) and an offset in it.
 */
import { broken } from "../errors.ts";
import type { KernelStep, Plan } from "../plan/schema.ts";

export interface Location {
  readonly region: number;
  readonly offset: number;
}

export interface Regions {
  /** Bytes of each region. */
  readonly bytes: readonly number[];
  /** By value id; undefined for values of load-time steps, which have no place. In mapped plans: in slow memory, if ever. */
  readonly locations: readonly (Location | undefined)[];
  /** Where a step finds a value: in mapped plans one value can be in two places. */
  readonly at: (id: number, step: number) => Location | undefined;
  /** The copies that a run must make, by step: of mapped plans only. */
  readonly copies: ReadonlyMap<number, Transfer>;
}

export interface Transfer {
  readonly from: Location;
  readonly to: Location;
  readonly bytes: number;
}

/** Sixteen bytes of slack keep every typed-array view and SIMD load aligned. */
const UNPLANNED_ALIGNMENT = 64;

/** Regions as the plan places them: one for each memory that holds something. */
export function plannedRegions(plan: Plan): Regions {
  const { values } = plan;
  const { mapping } = plan.certificate;
  const region = new Map(plan.target.memories.map((memory, index) => [memory.name, index]));
  const bytes = plan.target.memories.map(() => 0);
  const roots = new Map<number, Location>();
  const fast = new Map<number, Plan["placements"]>();
  const located = ({ memory, offset }: Plan["placements"][number]): Location => {
    const at = region.get(memory);
    if (at === undefined) throw broken(`placement in unknown memory ${memory}`);
    return { region: at, offset };
  };
  for (const placement of plan.placements) {
    const location = located(placement);
    bytes[location.region] = Math.max(bytes[location.region]!, placement.offset + placement.bytes);
    if (mapping?.fastMemory === placement.memory) {
      const list = fast.get(placement.value);
      if (list === undefined) fast.set(placement.value, [placement]);
      else list.push(placement);
    } else roots.set(placement.value, location);
  }
  for (const [root, [first]] of fast) if (!roots.has(root)) roots.set(root, located(first!));
  const fastPlace = (root: number, step: number): Location | undefined => {
    const placed = fast.get(root)?.find(({ from, to }) => from <= step && step < to);
    return placed === undefined ? undefined : located(placed);
  };
  const inside = (id: number, root: Location | undefined): Location | undefined =>
    root === undefined ? undefined : { region: root.region, offset: root.offset + values[id]!.storage.offset };
  const locations = values.map((value) => inside(value.id, roots.get(value.storage.value)));
  const copies = new Map<number, Transfer>();
  const fastSteps = plan.steps.map((step, index) => {
    if (step.kind === "kernel") return new Set(step.fast);
    const slow = roots.get(step.value);
    const near = fastPlace(step.value, index);
    // Source and destination are there until it is done: copying at the start is as good as at any time.
    if (mapping !== undefined && slow !== undefined && near !== undefined) {
      const [from, to] = step.to === mapping.fastMemory ? [slow, near] : [near, slow];
      copies.set(index, { from, to, bytes: values[step.value]!.bytes });
    }
    return new Set<number>();
  });
  const at = (id: number, step: number): Location | undefined => {
    const root = values[id]!.storage.value;
    return fastSteps[step]!.has(root) ? inside(id, fastPlace(root, step)) : locations[id];
  };
  return { bytes, locations, at, copies };
}

type Operation =
  | { readonly index: number; readonly step: KernelStep }
  | { readonly index: number; readonly copy: Transfer };

/** What a run does, in order: kernel calls and, in mapped plans, copies. */
export const operationsOf = (plan: Plan, { copies }: Regions): readonly Operation[] =>
  plan.steps.flatMap((step, index): Operation[] => {
    if (step.kind === "kernel") return [{ index, step }];
    const copy = copies.get(index);
    return copy === undefined ? [] : [{ index, copy }];
  });

/**
 * Regions that decide nothing: every written value has its own bytes, and only views share.
 * In-place results are apart too, so a run on these regions shows what planning must not change.
 */
export function unplannedRegions(plan: Plan): Regions {
  const placed = plannedRegions(plan);
  let top = 0;
  const locations: (Location | undefined)[] = plan.values.map(() => undefined);
  for (const value of plan.values) {
    if (placed.locations[value.id] === undefined) continue;
    if (value.viewOf === null) {
      locations[value.id] = { region: 0, offset: top };
      top = Math.ceil((top + value.bytes) / UNPLANNED_ALIGNMENT) * UNPLANNED_ALIGNMENT;
      continue;
    }
    const shown = plan.values[value.viewOf]!;
    const base = locations[value.viewOf];
    if (base === undefined) throw broken(`view ${value.name} comes before what it shows`);
    locations[value.id] = { region: 0, offset: base.offset + value.storage.offset - shown.storage.offset };
  }
  return { bytes: [top], locations, at: (id) => locations[id], copies: new Map() };
}
