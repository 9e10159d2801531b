/**
 * Purpose     Makes a Program fit a smaller arena: storage that waits for its next use goes to the host
 *             and comes back, or is computed again.
 * Requires    Steps in their final order, in-place decided; a memory that kernels don't reach, with links
 *             to and from the arena.
 * Guarantees  The live peak, each block rounded up to the alignment, is at most the capacity asked for,
 *             or as near as whole waits can bring it; a program that fits comes back as it is. Results stay
 *             bit for bit the same.
 * Method      Greedy, after Belady: at the moment of the peak, of the blocks that no step uses there, the
 *             one whose waiting relieves most bytes and moments for its cost. An output that waits for
 *             nothing stays on the host; an input may start there. Recomputation clones the one step that
 *             made the block where its operands are at hand and it costs less than the link.
 * Cost        O(blocks) for each block moved.
 * Limits      A heuristic: `swap-activations` will decide by mixed-integer programming.
 */
import type { KernelStep, Program, ProgramValue, StorageCopy, ValueId } from "../src/ir/types.ts";
import type { Target } from "../src/target/schema.ts";
import { livePeak, liveRanges, momentsOf, positions } from "./liveness.ts";

export interface OffloadOptions {
  /** Bytes that the arena may have; the target's where left out. */
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
function linksOf(target: Target): Links | undefined {
  for (const { name, direct } of target.memories) {
    if (direct !== false) continue;
    const out = target.links.find((link) => link.from === target.arenaMemory && link.to === name);
    const back = target.links.find((link) => link.from === name && link.to === target.arenaMemory);
    if (out !== undefined && back !== undefined)
      return { host: name, outBytesPerSecond: out.bytesPerSecond, inBytesPerSecond: back.bytesPerSecond };
  }
  return undefined;
}

/** Moves what waits out of the arena until the program fits. */
export function offload(program: Program, target: Target, options: OffloadOptions = {}): Program {
  const links = linksOf(target);
  const arena = target.memories.find((memory) => memory.name === target.arenaMemory)!;
  const capacity = options.capacity ?? arena.bytes;
  if (links === undefined) return program;
  let current = program;
  // Each round takes one block out of the peak; more rounds than blocks and moments can't help.
  for (let rounds = 4 * program.values.length + 16; rounds > 0; rounds--) {
    const ranges = liveRanges(current).filter(({ memory }) => memory === undefined || memory === target.arenaMemory);
    const peak = livePeak(ranges, momentsOf(current), arena.alignment);
    if (peak.bytes <= capacity) return current;
    const next = relieve(current, peak.step, target, links, options.recompute !== false);
    if (next === undefined) return current;
    current = next;
  }
  return current;
}

interface Wait {
  readonly root: ValueId;
  /** Step after which it waits (-1: from the start), and step before which it must be back (undefined: never). */
  readonly after: number;
  readonly before: number | undefined;
  readonly score: number;
}

/** The program with one more block out of the arena at `moment`, or undefined where nothing there waits. */
function relieve(
  program: Program,
  moment: number,
  target: Target,
  links: Links,
  recompute: boolean,
): Program | undefined {
  const { values, steps, copies } = program;
  const place = positions(program);
  const uses = usesOf(program);
  const outputs = new Set(program.outputs.map((id) => values[id]!.storage.value));
  const inputs = new Set<ValueId>(program.inputs);
  let best: Wait | undefined;
  for (const range of liveRanges(program)) {
    const { root, from, to, bytes } = range;
    const inArena = range.memory === undefined || range.memory === target.arenaMemory;
    if (!inArena || from > moment || moment >= to || bytes === 0) continue;
    const touched = uses.get(root) ?? [];
    const moved = copies.flatMap((copy, k) => (copy.value === root ? [place.copies[k]!] : []));
    const known = [...touched.map((step) => place.steps[step]!), ...moved].sort((a, b) => a - b);
    const previous = known.filter((at) => at < moment).at(-1);
    const next = known.find((at) => at >= moment);
    if (next === moment || (previous === undefined && !inputs.has(root))) continue;
    // A block that is back for its next use only just now, or that leaves at once, gains nothing by another trip.
    if ((previous !== undefined && moved.includes(previous)) || (next !== undefined && moved.includes(next))) continue;
    if (next === undefined && !outputs.has(root)) continue;
    const gap = (next ?? momentsOf(program)) - (previous ?? -1) - 1;
    const trip = bytes / links.inBytesPerSecond + (previous === undefined ? 0 : bytes / links.outBytesPerSecond);
    const score = (bytes * gap) / trip / (next === undefined ? 0.5 : 1);
    if (best === undefined || score > best.score)
      best = {
        root,
        after: previous === undefined ? -1 : place.steps.indexOf(previous),
        before: next === undefined ? undefined : place.steps.indexOf(next),
        score,
      };
  }
  if (best === undefined) return undefined;
  const again = recompute && best.before !== undefined ? recomputed(program, best, links) : undefined;
  if (again !== undefined) return again;
  const made: StorageCopy[] = [];
  if (best.after >= 0)
    made.push({ value: best.root, from: target.arenaMemory, to: links.host, before: best.after + 1 });
  if (best.before !== undefined)
    made.push({ value: best.root, from: links.host, to: target.arenaMemory, before: best.before });
  // An input that starts on the host and never leaves it would be no use to anyone.
  if (made.length === 0) return undefined;
  const order = (copy: StorageCopy): number => copy.before;
  return { ...program, steps, copies: [...copies, ...made].sort((a, b) => order(a) - order(b)) };
}

/** Steps that use each root, ascending. */
function usesOf({ values, steps }: Program): ReadonlyMap<ValueId, readonly number[]> {
  const uses = new Map<ValueId, number[]>();
  steps.forEach((step, i) => {
    for (const root of new Set([...step.reads, ...step.writes].map((id) => values[id]!.storage.value))) {
      const list = uses.get(root);
      if (list === undefined) uses.set(root, [i]);
      else list.push(i);
    }
  });
  return uses;
}

/** The program with the block's one step run again before its next use; undefined where that can't be, or costs more. */
function recomputed(program: Program, wait: Wait, links: Links): Program | undefined {
  const { values, steps } = program;
  const before = wait.before!;
  const sharing = values.filter((value) => value.storage.value === wait.root);
  const made = sharing.filter((value) => value.viewOf === undefined);
  const maker = steps.findIndex((step) => step.writes.includes(wait.root));
  const step = steps[maker];
  // Only a block that one dispatch wrote whole, and nothing wrote over.
  if (
    step === undefined ||
    made.length !== 1 ||
    step.writes.length !== 1 ||
    program.outputs.some((id) => values[id]!.storage.value === wait.root)
  )
    return undefined;
  if (step.dispatch !== undefined && steps.filter((other) => other.dispatch?.call === step.dispatch!.call).length !== 1)
    return undefined;
  if (program.copies.some((copy) => copy.value === wait.root)) return undefined;
  // In the middle of a call, its operands are fixed already.
  if ((steps[before]?.dispatch?.index ?? 0) > 0) return undefined;
  const { bytes } = values[wait.root]!;
  if (step.seconds > bytes / links.inBytesPerSecond + bytes / links.outBytesPerSecond) return undefined;
  const place = positions(program);
  const ranges = liveRanges(program);
  const moment = place.steps[before]!;
  const atHand = (id: ValueId): boolean => {
    const root = values[id]!.storage.value;
    if (values[root]!.kind === "weight") return true;
    // Written over since by an in-place result, it would be another value's bytes.
    const overwritten = steps.some(
      (other, i) => i > maker && i < before && other.writes.some((written) => values[written]!.storage.value === root),
    );
    return (
      !overwritten &&
      ranges.some(
        (range) =>
          range.root === root &&
          range.memory === undefined &&
          range.from <= moment &&
          moment < range.to &&
          range.to - moment > 0,
      )
    );
  };
  if (!step.reads.every(atHand)) return undefined;

  const copy = new Map<ValueId, ValueId>();
  const more: ProgramValue[] = [];
  for (const value of sharing) copy.set(value.id, (values.length + copy.size) as ValueId);
  const names = new Set(values.map((value) => value.name));
  for (const value of sharing) {
    let name = `${value.name}/again`;
    for (let k = 2; names.has(name); k++) name = `${value.name}/again${k}`;
    names.add(name);
    more.push({
      ...value,
      id: copy.get(value.id)!,
      name,
      storage: { value: copy.get(wait.root)!, offset: value.storage.offset },
      ...(value.viewOf === undefined ? {} : { viewOf: copy.get(value.viewOf) ?? value.viewOf }),
    });
  }
  const anew = <T extends Pick<KernelStep, "reads">>(item: T): T => ({
    ...item,
    reads: item.reads.map((id) => copy.get(id) ?? id),
  });
  const calls = [...program.calls];
  let clone: KernelStep = { ...step, writes: step.writes.map((id) => copy.get(id)!) };
  if (step.dispatch !== undefined) {
    const call = program.calls[step.dispatch.call]!;
    const index = calls.push({ ...call, writes: call.writes.map((id) => copy.get(id) ?? id) }) - 1;
    clone = { ...clone, dispatch: { call: index, index: step.dispatch.index } };
  }
  const changed = new Set(steps.slice(before).flatMap((later) => later.dispatch?.call ?? []));
  return {
    ...program,
    values: [...values, ...more],
    steps: [...steps.slice(0, before), clone, ...steps.slice(before).map(anew)],
    calls: calls.map((call, i) => (changed.has(i) ? anew(call) : call)),
    copies: program.copies.map((moved) => (moved.before > before ? { ...moved, before: moved.before + 1 } : moved)),
  };
}
