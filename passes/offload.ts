/**
 * Purpose     Makes a Program fit a smaller arena: storage that waits for its next use goes to the host
 *             and comes back, or is computed again.
 * Requires    Steps in their final order, in-place decided, no copies yet; a memory that kernels don't
 *             reach, with links to and from the arena (otherwise nothing is done).
 * Guarantees  At every moment the live bytes, each block rounded up to the alignment, are at most the
 *             capacity; a program that fits comes back as it is. Results stay bit for bit the same.
 *             Throws InfeasibleError `capacity-exceeded` where one step's own operands, results and
 *             scratch are more than the capacity, which no order of copies can change.
 * Method      Every wait of a block between two uses is an interval with a size and a cost (the
 *             cheaper of its ways: over the link, or by running again the steps that made it, back to what
 *             is at hand then); what exceeds the capacity is a demand at each step. The cheapest intervals that
 *             cover the demands are chosen by src/solve/covering. An output that waits for nothing stays
 *             on the host; an input may start there; a block that was not written since it was last
 *             copied out is not copied out again.
 * Cost        Waits times steps.
 * Limits      A chain of steps that is computed again has at most eight; operands are not kept alive for it.
 */
import { capacityExceeded } from "../src/errors.ts";
import { alignUp } from "../src/ir/bytes.ts";
import type { Program, ValueId } from "../src/ir/types.ts";
import { coverDemands } from "../src/solve/covering/index.ts";
import { copySeconds } from "../src/target/cost.ts";
import type { Target } from "../src/target/schema.ts";
import { lineageOf, recomputation, type Recomputation } from "./recomputation.ts";
import { applyWaits, type Wait } from "./waits.ts";

export interface OffloadOptions {
  /** Bytes that the live blocks may have; the arena's where left out. */
  readonly capacity?: number;
  /** Whether blocks may be computed again rather than copied. */
  readonly recompute?: boolean;
}

interface Links {
  readonly host: string;
  readonly outBytesPerSecond: number;
  readonly inBytesPerSecond: number;
}

/** The memory that takes what waits, or undefined where the target has none. */
export function linksOf(target: Target): Links | undefined {
  for (const { name, direct } of target.memories) {
    if (direct !== false) continue;
    const out = target.links.find((link) => link.from === target.arenaMemory && link.to === name);
    const back = target.links.find((link) => link.from === name && link.to === target.arenaMemory);
    if (out !== undefined && back !== undefined)
      return { host: name, outBytesPerSecond: out.bytesPerSecond, inBytesPerSecond: back.bytesPerSecond };
  }
  return undefined;
}

/** When a storage root is used, and what it takes. */
interface Block {
  readonly root: ValueId;
  readonly bytes: number;
  /** Bytes rounded up to the alignment. */
  readonly size: number;
  /** Steps that touch it, ascending. */
  readonly uses: readonly number[];
  /** Steps [from, to) in which it is live. */
  readonly from: number;
  readonly to: number;
}

const alignmentOf = (target: Target): number =>
  target.memories.find((memory) => memory.name === target.arenaMemory)!.alignment;

function blocksOf(program: Program, alignment: number): Block[] {
  const { values, steps } = program;
  const uses = new Map<ValueId, number[]>();
  steps.forEach((step, i) => {
    for (const root of new Set([...step.reads, ...step.writes].map((id) => values[id]!.storage.value))) {
      if (values[root]!.kind === "weight") continue;
      const list = uses.get(root);
      if (list === undefined) uses.set(root, [i]);
      else list.push(i);
    }
  });
  const outputs = new Set(program.outputs.map((id) => values[id]!.storage.value));
  const inputs = new Set<ValueId>(program.inputs);
  for (const root of [...inputs, ...outputs])
    if (!uses.has(root) && values[root]!.kind !== "weight") uses.set(root, []);
  return [...uses]
    .sort(([a], [b]) => a - b)
    .map(([root, own]) => ({
      root,
      bytes: values[root]!.bytes,
      size: alignUp(values[root]!.bytes, alignment),
      uses: own,
      from: inputs.has(root) ? 0 : (own[0] ?? 0),
      to: outputs.has(root) ? steps.length : (own.at(-1) ?? 0) + 1,
    }));
}

/** Waits of every block: times at which no step touches it although it is live. */
function waitsOf(program: Program, blocks: readonly Block[]): Wait[] {
  const outputs = new Set(program.outputs.map((id) => program.values[id]!.storage.value));
  const inputs = new Set<ValueId>(program.inputs);
  const waits: Wait[] = [];
  for (const { root, uses, bytes } of blocks) {
    const [first] = uses;
    const last = uses.at(-1);
    if (first === undefined || last === undefined || bytes === 0) continue;
    if (inputs.has(root) && first > 0) waits.push({ root, after: undefined, before: first });
    for (const [k, use] of uses.entries()) {
      const next = uses[k + 1];
      if (next !== undefined && next > use + 1) waits.push({ root, after: use, before: next });
    }
    if (outputs.has(root) && last < program.steps.length - 1) waits.push({ root, after: last, before: undefined });
  }
  return waits;
}

const spanOf = (wait: Wait, steps: number): { from: number; to: number } => ({
  from: wait.after === undefined ? 0 : wait.after + 1,
  to: wait.before ?? steps,
});

export interface Floor {
  /** Bytes that must be live at once, whatever is offloaded. */
  readonly bytes: number;
  /** First step that needs them. */
  readonly step: number;
}

/** The least capacity that offloading can reach: the largest working set of one step, in aligned bytes. */
export function offloadFloor(program: Program, target: Target): Floor {
  const blocks = blocksOf(program, alignmentOf(target));
  const load = loadsOf(program, blocks);
  const sizes = new Map(blocks.map(({ root, size }) => [root, size]));
  if (linksOf(target) !== undefined)
    for (const wait of waitsOf(program, blocks)) {
      const { from, to } = spanOf(wait, program.steps.length);
      for (let t = from; t < to; t++) load[t]! -= sizes.get(wait.root)!;
    }
  return load.reduce<Floor>((most, bytes, step) => (bytes > most.bytes ? { bytes, step } : most), {
    bytes: 0,
    step: 0,
  });
}

/** Aligned bytes live at each step. */
function loadsOf(program: Program, blocks: readonly Block[]): number[] {
  const load = Array.from({ length: Math.max(1, program.steps.length) }, () => 0);
  for (const { from, to, size } of blocks) for (let t = from; t < to; t++) load[t]! += size;
  return load;
}

/** Bytes of the arena's memory that weights take. */
function weightBytes(program: Program, target: Target): number {
  if (target.weightsMemory !== target.arenaMemory) return 0;
  return program.values
    .filter((value) => value.kind === "weight" && value.storage.value === value.id)
    .reduce((sum, { bytes }) => sum + alignUp(bytes, alignmentOf(target)), 0);
}

/** Moves what waits out of the arena until the program fits. Throws InfeasibleError `capacity-exceeded`. */
export function offload(program: Program, target: Target, options: OffloadOptions = {}): Program {
  const links = linksOf(target);
  if (links === undefined || program.copies.length > 0) return program;
  const arena = target.memories.find((memory) => memory.name === target.arenaMemory)!;
  const capacity = (options.capacity ?? arena.bytes) - weightBytes(program, target);
  const blocks = blocksOf(program, arena.alignment);
  const load = loadsOf(program, blocks);
  if (load.every((bytes) => bytes <= capacity)) return program;
  const floor = offloadFloor(program, target);
  if (floor.bytes > capacity) throw tooLarge(program, target, floor, blocks);

  const waits = waitsOf(program, blocks);
  const blockOf = new Map(blocks.map((block) => [block.root, block]));
  const swapSeconds = waits.map(({ root, after, before }) => {
    const { bytes } = blockOf.get(root)!;
    const out = after === undefined ? 0 : copySeconds(target, links.outBytesPerSecond, bytes);
    const back = before === undefined ? 0 : copySeconds(target, links.inBytesPerSecond, bytes);
    return out + back;
  });
  const lineage = lineageOf(program);
  const again = waits.map(({ root, after, before }, i) => {
    if (options.recompute === false || after === undefined || before === undefined) return undefined;
    const made = recomputation(lineage, root, after, before, (other, step) => isLive(blockOf.get(other), step));
    return made !== undefined && made.seconds < swapSeconds[i]! ? made : undefined;
  });
  const demand = load.map((bytes) => Math.max(0, bytes - capacity));
  const chosen = choose(program, waits, blocks, capacity, demand, swapSeconds, again);
  return applyWaits(lineage, { arena: arena.name, host: links.host }, chosen);
}

const isLive = (block: Block | undefined, step: number): boolean =>
  block !== undefined && block.from <= step && step < block.to;

/**
 * The waits to relieve. What is computed again needs its operands at hand and room for what it makes
 * meanwhile, which the choice itself may have taken: such a wait goes over the link instead, and the
 * choice is made again at that cost.
 */
function choose(
  program: Program,
  waits: readonly Wait[],
  blocks: readonly Block[],
  capacity: number,
  demand: readonly number[],
  swapSeconds: readonly number[],
  again: readonly (Recomputation | undefined)[],
): (Wait & { readonly again?: Recomputation })[] {
  const sizeOf = new Map(blocks.map(({ root, size }) => [root, size]));
  const open = [...again];
  let best: (Wait & { readonly again?: Recomputation })[] = [];
  let least = Infinity;
  for (let round = 0; round < 4; round++) {
    const { chosen } = coverDemands({
      demand,
      intervals: waits.map((wait, i) => ({
        ...spanOf(wait, program.steps.length),
        size: sizeOf.get(wait.root)!,
        cost: open[i]?.seconds ?? swapSeconds[i]!,
      })),
    });
    // The floor was checked: all waits together cover every demand.
    const away = chosen!.map((i) => waits[i]!);
    const stranded = new Set(
      chosen!.filter((i) => {
        const made = open[i];
        if (made === undefined) return false;
        const step = waits[i]!.before!;
        if (made.operands.some((root) => isAway(away, root, step))) return true;
        const meanwhile = made.meanwhile.reduce((sum, root) => sum + (sizeOf.get(root) ?? 0), 0);
        const there = blocks
          .filter((block) => isLive(block, step) && isLive(block, step - 1) && !isAway(away, block.root, step))
          .reduce((sum, { size }) => sum + size, 0);
        return there + meanwhile > capacity;
      }),
    );
    const seconds = chosen!.reduce(
      (sum, i) => sum + (stranded.has(i) ? swapSeconds[i]! : (open[i]?.seconds ?? swapSeconds[i]!)),
      0,
    );
    if (seconds < least) {
      least = seconds;
      best = chosen!.map((i) => {
        const made = stranded.has(i) ? undefined : open[i];
        return made === undefined ? waits[i]! : { ...waits[i]!, again: made };
      });
    }
    if (stranded.size === 0) break;
    for (const i of stranded) open[i] = undefined;
  }
  return best;
}

/** Whether a block is out of the arena just before a step. */
const isAway = (away: readonly Wait[], root: ValueId, step: number): boolean =>
  away.some(
    (wait) =>
      wait.root === root &&
      (wait.after === undefined || wait.after < step) &&
      (wait.before === undefined || step < wait.before),
  );

function tooLarge(program: Program, target: Target, floor: Floor, blocks: readonly Block[]): Error {
  const arena = target.memories.find((memory) => memory.name === target.arenaMemory)!;
  const weights = weightBytes(program, target);
  const live = blocks
    .filter(({ uses, size }) => uses.includes(floor.step) && size > 0)
    .sort((a, b) => b.size - a.size || a.root - b.root);
  return capacityExceeded({
    memory: arena.name,
    needed: floor.bytes + weights,
    capacity: arena.bytes,
    lowerBound: floor.bytes + weights,
    step: floor.step,
    node: program.steps[floor.step]?.node ?? "",
    live: live.map(({ root, bytes }) => ({ name: program.values[root]!.name, bytes })),
    oneStep: true,
  });
}
