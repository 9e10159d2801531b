/**
 * Whether what a block holds can be computed again from what is at hand before its next use, and what
 * that costs: the steps that wrote it, those that made their operands, and so on back to weights and
 * blocks that are still there.
 */
import type { Program, ValueId } from "../src/ir/types.ts";

export interface Recomputation {
  /** Steps to run again, ascending. */
  readonly replay: readonly number[];
  /** Roots that they read from outside: they must be in the arena before the next use. */
  readonly operands: readonly ValueId[];
  /** Roots that they write besides the block itself: alive only meanwhile. */
  readonly meanwhile: readonly ValueId[];
  readonly seconds: number;
}

/** Longer chains are rarely cheaper than a copy, and their intermediate results need room. */
const MOST_STEPS = 8;

/** What recomputation asks of a program, gathered once. */
export interface Lineage {
  readonly program: Program;
  /** Steps that write into each root, ascending. */
  readonly writers: ReadonlyMap<ValueId, readonly number[]>;
  /** Step that wrote each value (of a view: what it shows); undefined for inputs. */
  readonly writer: ReadonlyMap<ValueId, number>;
  /** Steps that read values of each root, ascending. */
  readonly readers: ReadonlyMap<ValueId, readonly number[]>;
  /** Steps of each call. */
  readonly stepsOfCall: ReadonlyMap<number, readonly number[]>;
  readonly outputs: ReadonlySet<ValueId>;
}

function push<K, V>(map: Map<K, V[]>, key: K, item: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [item]);
  else if (list.at(-1) !== item) list.push(item);
}

export function lineageOf(program: Program): Lineage {
  const { values, steps } = program;
  const writers = new Map<ValueId, number[]>();
  const readers = new Map<ValueId, number[]>();
  const stepsOfCall = new Map<number, number[]>();
  const writer = new Map<ValueId, number>();
  steps.forEach((step, i) => {
    for (const id of step.writes) {
      writer.set(id, i);
      push(writers, values[id]!.storage.value, i);
    }
    for (const id of step.reads) push(readers, values[id]!.storage.value, i);
    if (step.dispatch !== undefined) push(stepsOfCall, step.dispatch.call, i);
  });
  for (const value of values) {
    const made = value.viewOf === undefined ? undefined : writer.get(value.viewOf);
    if (made !== undefined) writer.set(value.id, made);
  }
  const outputs = new Set(program.outputs.map((id) => values[id]!.storage.value));
  return { program, writers, writer, readers, stepsOfCall, outputs };
}

/**
 * How to compute again what `root` holds after step `after`, before step `before`. `isLive(root, step)`
 * tells whether a root is live at a step. Undefined where that can't be.
 */
export function recomputation(
  lineage: Lineage,
  root: ValueId,
  after: number,
  before: number,
  isLive: (root: ValueId, step: number) => boolean,
): Recomputation | undefined {
  const { program, outputs, readers, stepsOfCall } = lineage;
  const { steps } = program;
  if (outputs.has(root)) return undefined;
  // A call's operands are one list for all its dispatches: those that ran before can't have read another block.
  for (const i of readers.get(root) ?? []) {
    const call = steps[i]!.dispatch?.call;
    if (i >= before && call !== undefined && stepsOfCall.get(call)!.some((other) => other < before)) return undefined;
  }
  const search: Search = { lineage, before, isLive, replay: new Set(), operands: new Set(), meanwhile: new Set() };
  if (!replayRoot(search, root, after)) return undefined;
  const replay = [...search.replay].sort((a, b) => a - b);
  return {
    replay,
    operands: [...search.operands],
    meanwhile: [...search.meanwhile].filter((other) => other !== root),
    seconds: replay.reduce((sum, i) => sum + steps[i]!.seconds, 0),
  };
}

interface Search {
  readonly lineage: Lineage;
  readonly before: number;
  readonly isLive: (root: ValueId, step: number) => boolean;
  readonly replay: Set<number>;
  readonly operands: Set<ValueId>;
  readonly meanwhile: Set<ValueId>;
}

/** Adds the steps that bring `root` to what it held after step `until`; false where they can't be run again. */
function replayRoot(search: Search, root: ValueId, until: number): boolean {
  const { program, writers, stepsOfCall } = search.lineage;
  const { values, steps } = program;
  // An input's first content is nobody's result.
  if (values[root]!.kind === "input") return false;
  search.meanwhile.add(root);
  for (const i of writers.get(root) ?? []) {
    if (i > until) break;
    if (search.replay.has(i)) continue;
    if (search.replay.size >= MOST_STEPS) return false;
    const step = steps[i]!;
    const [result, ...others] = step.writes;
    if (values[result!]!.storage.value !== root || values[result!]!.bytes !== values[root]!.bytes) return false;
    // Scratch comes along; a second result would be written twice.
    if (others.some((id) => values[id]!.kind !== "temporary" || values[id]!.storage.value !== id)) return false;
    if (step.dispatch !== undefined && stepsOfCall.get(step.dispatch.call)!.length !== 1) return false;
    search.replay.add(i);
    others.forEach((id) => search.meanwhile.add(id));
    for (const id of step.reads) if (!provide(search, id, root)) return false;
  }
  return true;
}

/** Makes an operand available: at hand, or computed again. */
function provide(search: Search, id: ValueId, writing: ValueId): boolean {
  const { program, writers, writer } = search.lineage;
  const root = program.values[id]!.storage.value;
  // A weight never changes; what is overwritten in place was replayed just before.
  if (program.values[root]!.kind === "weight" || root === writing) return true;
  const made = writer.get(id) ?? -1;
  const intact = !(writers.get(root) ?? []).some((i) => i > made && i < search.before);
  if (intact && search.isLive(root, search.before)) {
    search.operands.add(root);
    return true;
  }
  return made >= 0 && replayRoot(search, root, made);
}
