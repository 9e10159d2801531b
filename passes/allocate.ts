/**
 * Purpose     Gives every block of bytes its offset, in the memory where the target wants it.
 * Requires    Steps in their final order, in-place decided.
 * Guarantees  Blocks alive together never overlap; offsets are aligned; pins are honoured; what does
 *             not fit is an InfeasibleError that says where it peaks and by how much.
 * Method      One packing problem a memory (src/solve/packing), each with the bound that proves how good it is;
 *             weights one after another, after the arena where both share a memory.
 * Cost        That of the packings: near-linear, then a search within the budget where the bound is not met.
 */
import { capacityExceeded, invalidPin } from "../src/errors.ts";
import { alignUp } from "../src/ir/bytes.ts";
import type { Program, ValueId } from "../src/ir/types.ts";
import {
  explainInfeasible,
  pack,
  type PackingParams,
  type PackingProblem,
  type PackingResult,
} from "../src/solve/packing/index.ts";
import type { Target } from "../src/target/schema.ts";
import { liveRanges, momentsOf, positions, type LiveRange } from "./liveness.ts";

export interface Placed {
  readonly value: ValueId;
  readonly memory: string;
  readonly offset: number;
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

export interface Allocation {
  readonly placements: readonly Placed[];
  readonly arena: PackingResult;
  /** How each memory was packed, the arena first. */
  readonly packings: readonly MemoryPacking[];
}

export interface MemoryPacking {
  readonly memory: string;
  readonly packed: PackingResult;
}

export interface AllocateOptions {
  readonly budget?: number;
  readonly seed?: number;
  /** Fixed places of values, by name. */
  readonly pins?: ReadonlyMap<string, { readonly memory: string; readonly offset: number }>;
}

/** Ranges and moments of a program whose steps don't stand where `positions` says: those of a mapping. */
export interface GivenRanges {
  readonly ranges: readonly LiveRange[];
  readonly moments: number;
  /** Steps of the program, by moment; undefined for a copy. */
  readonly stepAt: (moment: number) => number | undefined;
}

/**
 * Places all storage of `program`, or the ranges that are given. Throws InfeasibleError `capacity-exceeded`, InputError
 * `invalid-pin`.
 */
export function allocate(
  program: Program,
  target: Target,
  options: AllocateOptions = {},
  given?: GivenRanges,
): Allocation {
  const memoryOf = (name: string): Target["memories"][number] =>
    target.memories.find((memory) => memory.name === name)!;
  const all = given?.ranges ?? liveRanges(program);
  const timeline: Timeline = {
    moments: given?.moments ?? momentsOf(program),
    nodeAt: (moment) => {
      const step = given === undefined ? undefined : given.stepAt(moment);
      return given === undefined ? nodeAt(program, moment) : step === undefined ? "" : program.steps[step]!.node;
    },
  };
  const isArena = ({ memory }: LiveRange): boolean => memory === undefined || memory === target.arenaMemory;
  const ranges = all.filter(isArena);
  const arenaMemory = memoryOf(target.arenaMemory);
  const pins = resolvePins(program, target, options.pins ?? new Map());
  const arenaProblem = problemOf(ranges, arenaMemory, pins);
  const arena = pack(arenaProblem, paramsOf(options));
  const packings: MemoryPacking[] = ranges.length === 0 ? [] : [{ memory: arenaMemory.name, packed: arena }];
  const placements: Placed[] = ranges.map(({ root, bytes, from, to }, i) => ({
    value: root,
    memory: arenaMemory.name,
    offset: arena.offsets[i]!,
    bytes,
    from,
    to,
  }));
  const arenaBytes = ranges.reduce((top, { bytes }, i) => Math.max(top, arena.offsets[i]! + bytes), 0);

  const elsewhere = all.filter((range) => !isArena(range));
  for (const name of new Set(elsewhere.map(({ memory }) => memory!))) {
    const stays = elsewhere.filter(({ memory }) => memory === name);
    const { placed, packed } = packMemory(program, memoryOf(name), stays, timeline, options);
    placements.push(...placed);
    packings.push({ memory: name, packed });
  }

  const weightsMemory = memoryOf(target.weightsMemory);
  let top = placements
    .filter(({ memory }) => memory === weightsMemory.name)
    .reduce((most, { offset, bytes }) => Math.max(most, offset + bytes), 0);
  const end = timeline.moments;
  for (const value of program.values) {
    if (value.kind !== "weight" || value.storage.value !== value.id) continue;
    const offset = alignUp(top, weightsMemory.alignment);
    placements.push({ value: value.id, memory: weightsMemory.name, offset, bytes: value.bytes, from: 0, to: end });
    top = offset + value.bytes;
  }
  checkCapacity(program, ranges, placements, arenaMemory, arenaBytes, arena, timeline, arenaProblem);
  if (top > weightsMemory.bytes) checkCapacity(program, ranges, placements, weightsMemory, top, arena, timeline);
  return { placements, arena, packings };
}

const problemOf = (
  ranges: readonly LiveRange[],
  memory: Target["memories"][number],
  pins: ReadonlyMap<ValueId, number>,
): PackingProblem => ({
  buffers: ranges.map(({ root, from, to, bytes }) => {
    const offset = pins.get(root);
    // Whole blocks: bounds and heights then count as the target does, and the search need not care.
    const size = alignUp(bytes, memory.alignment);
    const buffer = { lower: from, upper: to, size, alignment: memory.alignment };
    return offset === undefined ? buffer : { ...buffer, offset };
  }),
  capacity: memory.bytes,
});

const paramsOf = ({ budget, seed }: AllocateOptions): PackingParams => ({
  ...(budget === undefined ? {} : { budget }),
  ...(seed === undefined ? {} : { seed }),
});

/** Steps to find the few buffers that can't fit: an error should not take long. */
const EXPLAIN_BUDGET = 2_000_000;

interface Timeline {
  readonly moments: number;
  readonly nodeAt: (moment: number) => string;
}

/** Places the stays in a memory that copies go to. */
function packMemory(
  program: Program,
  memory: Target["memories"][number],
  ranges: readonly LiveRange[],
  timeline: Timeline,
  options: AllocateOptions,
): { readonly placed: readonly Placed[]; readonly packed: PackingResult } {
  const problem = problemOf(ranges, memory, new Map());
  const packed = pack(problem, paramsOf(options));
  const placed = ranges.map(({ root, from, to, bytes }, i) => ({
    value: root,
    memory: memory.name,
    offset: packed.offsets[i]!,
    bytes,
    from,
    to,
  }));
  checkCapacity(program, ranges, placed, memory, packed.height, packed, timeline, problem);
  return { placed, packed };
}

function checkCapacity(
  program: Program,
  ranges: readonly LiveRange[],
  placements: readonly Placed[],
  memory: Target["memories"][number],
  needed: number,
  arena: PackingResult,
  { moments, nodeAt: nodeOf }: Timeline,
  problem?: PackingProblem,
): void {
  if (needed <= memory.bytes) return;
  const conflict = problem === undefined ? undefined : explainInfeasible(problem, { budget: EXPLAIN_BUDGET });
  const step = Math.min(arena.boundTime, moments - 1);
  const live = placements
    .filter((placed) => placed.memory === memory.name && placed.from <= step && step < placed.to)
    .sort((a, b) => b.bytes - a.bytes || a.value - b.value);
  const weights = placements
    .filter((placed) => placed.memory === memory.name && program.values[placed.value]!.kind === "weight")
    .reduce((sum, placed) => sum + placed.bytes, 0);
  const holdsArena =
    placements.some((placed) => placed.memory === memory.name && program.values[placed.value]!.kind !== "weight") ||
    ranges.length === 0;
  throw capacityExceeded({
    memory: memory.name,
    needed,
    capacity: memory.bytes,
    lowerBound: weights + (holdsArena ? arena.lowerBound : 0),
    step,
    node: nodeOf(step),
    live: live.map((placed) => ({ name: program.values[placed.value]!.name, bytes: placed.bytes })),
    ...(conflict === undefined
      ? {}
      : {
          conflict: {
            buffers: conflict.buffers.map((i) => {
              const { root, bytes } = ranges[i]!;
              return { name: program.values[root]!.name, bytes };
            }),
            from: conflict.lower,
            to: conflict.upper,
            irreducible: conflict.irreducible,
          },
        }),
  });
}

/** The graph node that runs at a moment; the next one's for a copy. */
function nodeAt(program: Program, moment: number): string {
  const { steps } = positions(program);
  const index = steps.findIndex((at) => at >= moment);
  return program.steps[index < 0 ? program.steps.length - 1 : index]?.node ?? "";
}

function resolvePins(
  program: Program,
  target: Target,
  pins: NonNullable<AllocateOptions["pins"]>,
): ReadonlyMap<ValueId, number> {
  const resolved = new Map<ValueId, number>();
  for (const [name, { memory, offset }] of pins) {
    const value = program.values.find((candidate) => candidate.name === name);
    if (value === undefined) throw invalidPin(name, "no value of the plan has this name");
    if (value.kind === "weight") throw invalidPin(name, "weights can't be pinned");
    if (memory !== target.arenaMemory)
      throw invalidPin(name, `this target keeps activations in ${target.arenaMemory}, not ${memory}`);
    const { alignment } = target.memories.find((candidate) => candidate.name === memory)!;
    const start = offset - value.storage.offset;
    if (start < 0 || start % alignment !== 0)
      throw invalidPin(name, `offset ${offset} is not a multiple of ${alignment}`);
    resolved.set(value.storage.value, start);
  }
  return resolved;
}
