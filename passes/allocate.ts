/**
 * Purpose     Gives every block of bytes its offset, in the memory where the target wants it.
 * Requires    Steps in their final order, in-place decided.
 * Guarantees  Blocks alive together never overlap; offsets are aligned; pins are honoured; what does
 *             not fit is an InfeasibleError that says where it peaks and by how much.
 * Method      One packing problem for the arena (src/solve/packing); weights one after another, after
 *             the arena where both share a memory.
 * Cost        That of the packing: near-linear, bounded by the budget.
 */
import { capacityExceeded, invalidPin } from "../src/errors.ts";
import { alignUp } from "../src/ir/bytes.ts";
import type { Program, ValueId } from "../src/ir/types.ts";
import { pack, type PackingResult } from "../src/solve/packing/index.ts";
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
  const arena = pack(
    {
      buffers: ranges.map(({ root, from, to, bytes }) => {
        const offset = pins.get(root);
        return {
          lower: from,
          upper: to,
          // Whole blocks: bounds and heights then count as the target does, and the search need not care.
          size: alignUp(bytes, arenaMemory.alignment),
          alignment: arenaMemory.alignment,
          ...(offset === undefined ? {} : { offset }),
        };
      }),
      capacity: arenaMemory.bytes,
    },
    {
      ...(options.budget === undefined ? {} : { budget: options.budget }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    },
  );
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
  for (const name of new Set(elsewhere.map(({ memory }) => memory!)))
    placements.push(
      ...packMemory(
        program,
        memoryOf(name),
        elsewhere.filter(({ memory }) => memory === name),
        timeline,
      ),
    );

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
  checkCapacity(program, ranges, placements, arenaMemory, arenaBytes, arena, timeline);
  if (top > weightsMemory.bytes) checkCapacity(program, ranges, placements, weightsMemory, top, arena, timeline);
  return { placements, arena };
}

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
): Placed[] {
  const buffers = ranges.map(({ from, to, bytes }) => ({
    lower: from,
    upper: to,
    size: alignUp(bytes, memory.alignment),
    alignment: memory.alignment,
  }));
  const packed = pack({ buffers, capacity: memory.bytes });
  const placed = ranges.map(({ root, from, to, bytes }, i) => ({
    value: root,
    memory: memory.name,
    offset: packed.offsets[i]!,
    bytes,
    from,
    to,
  }));
  checkCapacity(program, ranges, placed, memory, packed.height, packed, timeline);
  return placed;
}

function checkCapacity(
  program: Program,
  ranges: readonly LiveRange[],
  placements: readonly Placed[],
  memory: Target["memories"][number],
  needed: number,
  arena: PackingResult,
  { moments, nodeAt: nodeOf }: Timeline,
): void {
  if (needed <= memory.bytes) return;
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
