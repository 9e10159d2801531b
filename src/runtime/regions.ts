/**
 * Where each value's bytes lie for an executor, step by step: a region (one block of backend memory for
 * each memory of the plan) and an offset in it.
 */
import { broken } from "../errors.ts";
import type { Placement, Plan } from "../plan/schema.ts";

export interface Location {
  readonly region: number;
  readonly offset: number;
}

/** What a copy step moves. */
export interface Move {
  readonly step: number;
  readonly from: Location;
  readonly to: Location;
  readonly bytes: number;
}

export interface Regions {
  /** Bytes of each region. */
  readonly bytes: readonly number[];
  /** By region: whether kernels reach it; what waits lies in the others. */
  readonly direct: readonly boolean[];
  /** Where kernels find a value at a step; undefined where it has no place that they reach then. */
  at(id: number, step: number): Location | undefined;
  /** Where the caller puts an input, and the loader a weight. */
  input(id: number): Location | undefined;
  /** Where the caller finds an output. */
  output(id: number): Location | undefined;
  /** Copies between memories; none where every value has its own bytes. */
  readonly moves: ReadonlyMap<number, Move>;
}

/** A multiple of every element's size keeps typed-array views and SIMD loads aligned. */
const UNPLANNED_ALIGNMENT = 64;

/** Regions as the plan places them: one for each memory. */
export function plannedRegions(plan: Plan): Regions {
  const index = new Map(plan.target.memories.map((memory, region) => [memory.name, region]));
  const direct = plan.target.memories.map((memory) => memory.direct !== false);
  const bytes = plan.target.memories.map(() => 0);
  const places = new Map<number, Placement[]>();
  for (const placement of plan.placements) {
    const region = index.get(placement.memory);
    if (region === undefined) throw broken(`placement in unknown memory ${placement.memory}`);
    bytes[region] = Math.max(bytes[region]!, placement.offset + placement.bytes);
    const list = places.get(placement.value);
    if (list === undefined) places.set(placement.value, [placement]);
    else list.push(placement);
  }
  const find = (id: number, wanted: (placement: Placement) => boolean): Location | undefined => {
    const { storage } = plan.values[id]!;
    const found = places.get(storage.value)?.find(wanted);
    return found === undefined
      ? undefined
      : { region: index.get(found.memory)!, offset: found.offset + storage.offset };
  };
  const during = ({ from, to }: Placement, step: number): boolean => from <= step && step < to;
  // In mapped plans kernels reach two memories, and each step says which of its operands are in the fast one.
  const fastMemory = plan.certificate.mapping?.fastMemory;
  const fastAt = plan.steps.map((step) => new Set(step.kind === "kernel" ? step.fast : []));
  const at = (id: number, step: number): Location | undefined => {
    const fast = fastAt[step]?.has(plan.values[id]!.storage.value) === true;
    return find(
      id,
      (placement) =>
        direct[index.get(placement.memory)!]! &&
        during(placement, step) &&
        (fastMemory === undefined || (placement.memory === fastMemory) === fast),
    );
  };
  // The caller's side: a mapping takes inputs from the slow memory and leaves outputs there.
  const anywhere = (id: number, step: number): Location | undefined =>
    (fastMemory === undefined
      ? at(id, step)
      : find(id, (placement) => placement.memory !== fastMemory && during(placement, step))) ??
    find(id, (placement) => during(placement, step));
  const last = Math.max(0, plan.steps.length - 1);
  const moves = plan.steps.flatMap((step, i): [number, Move][] => {
    if (step.kind !== "copy") return [];
    const held = (memory: string): Location =>
      find(step.value, (placement) => placement.memory === memory && during(placement, i)) ?? missing(plan, step.value);
    return [[i, { step: i, from: held(step.from), to: held(step.to), bytes: plan.values[step.value]!.bytes }]];
  });
  return {
    bytes,
    direct,
    at,
    input: (id) => anywhere(id, 0),
    output: (id) => anywhere(id, last),
    moves: new Map(moves),
  };
}

/**
 * Regions that decide nothing: every written value has its own bytes, and only views share.
 * In-place results are apart too, so a run on these regions shows what planning must not change.
 */
export function unplannedRegions(plan: Plan): Regions {
  const placed = new Set(plan.placements.map((placement) => placement.value));
  let top = 0;
  const locations: (Location | undefined)[] = plan.values.map(() => undefined);
  for (const value of plan.values) {
    if (!placed.has(value.storage.value)) continue;
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
  const at = (id: number): Location | undefined => locations[id];
  return { bytes: [top], direct: [true], at, input: at, output: at, moves: new Map() };
}

/** For a value that a verified plan must have a place for. */
export function missing(plan: Plan, id: number): never {
  throw broken(`value ${plan.values[id]?.name ?? id} has no place`);
}
