/**
 * Where each value's bytes lie for an executor: a region (one block of backend memory for each
 * memory of the plan) and an offset in it.
 */
import { broken } from "../errors.ts";
import type { Plan } from "../plan/schema.ts";

export interface Location {
  readonly region: number;
  readonly offset: number;
}

export interface Regions {
  /** Bytes of each region. */
  readonly bytes: readonly number[];
  /** By value id; undefined for values of load-time steps, which have no place. */
  readonly locations: readonly (Location | undefined)[];
}

/** Sixteen bytes of slack keep every typed-array view and SIMD load aligned. */
const UNPLANNED_ALIGNMENT = 64;

/** Regions as the plan places them: one for each memory that holds something. */
export function plannedRegions(plan: Plan): Regions {
  const region = new Map(plan.target.memories.map((memory, index) => [memory.name, index]));
  const bytes = plan.target.memories.map(() => 0);
  const roots = new Map<number, Location>();
  for (const placement of plan.placements) {
    const at = region.get(placement.memory);
    if (at === undefined) throw broken(`placement in unknown memory ${placement.memory}`);
    bytes[at] = Math.max(bytes[at]!, placement.offset + placement.bytes);
    roots.set(placement.value, { region: at, offset: placement.offset });
  }
  const locations = plan.values.map((value) => {
    const root = roots.get(value.storage.value);
    return root === undefined ? undefined : { region: root.region, offset: root.offset + value.storage.offset };
  });
  return { bytes, locations };
}

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
  return { bytes: [top], locations };
}
