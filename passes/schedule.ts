/**
 * Purpose     Orders the steps so that fewer bytes are live at once.
 * Requires    A Program without in-place storage yet (its anti-dependencies would bind the order).
 * Guarantees  Every operand is written before it is read; the live peak is never above that of the
 *             model's own order.
 * Method      A portfolio: the model's order; list scheduling that takes, of the ready steps, the one
 *             that frees most net bytes (ties: earliest in the model); depth-first from the outputs,
 *             by operand order and by largest subtree first (after Sethi-Ullman). The least peak wins,
 *             ties going to the earlier candidate.
 * Cost        O(E log V).
 * Limits      Heuristics: the order is not proven optimal.
 */
import type { KernelStep, Program, ValueId } from "../src/ir/types.ts";
import { livePeak, liveRanges } from "./liveness.ts";

interface Dependencies {
  /** Steps that must come before each step, and after it. */
  readonly before: readonly (readonly number[])[];
  readonly after: readonly (readonly number[])[];
  /** Roots that each step reads and writes. */
  readonly reads: readonly (readonly ValueId[])[];
  readonly writes: readonly (readonly ValueId[])[];
}

function dependencies(program: Program): Dependencies {
  const { values, steps } = program;
  const rootOf = (id: ValueId): ValueId => values[id]!.storage.value;
  const writer = new Map<ValueId, number>();
  steps.forEach((step, i) => step.writes.forEach((id) => writer.set(rootOf(id), i)));
  const reads = steps.map((step) =>
    [...new Set(step.reads.map(rootOf))].filter((root) => values[root]!.kind !== "weight"),
  );
  const writes = steps.map((step) => [...new Set(step.writes.map(rootOf))]);
  const before = reads.map((roots) => [...new Set(roots.flatMap((root) => writer.get(root) ?? []))]);
  const after: number[][] = steps.map(() => []);
  before.forEach((list, i) => list.forEach((j) => after[j]!.push(i)));
  return { before, after, reads, writes };
}

/** Ready steps by the net bytes they add, least first; a binary heap whose keys may go stale and are then renewed. */
function listSchedule(program: Program, { before, after, reads, writes }: Dependencies): number[] {
  const { values } = program;
  const uses = new Map<ValueId, number>();
  for (const roots of reads) for (const root of roots) uses.set(root, (uses.get(root) ?? 0) + 1);
  for (const id of program.outputs) uses.set(values[id]!.storage.value, Infinity);
  const size = (root: ValueId): number => values[root]!.bytes;
  const net = (i: number): number => {
    let bytes = 0;
    for (const root of writes[i]!) if ((uses.get(root) ?? 0) > 0) bytes += size(root);
    for (const root of reads[i]!) if (uses.get(root) === 1) bytes -= size(root);
    return bytes;
  };
  const waiting = before.map((list) => list.length);
  const ready = new Set<number>();
  waiting.forEach((count, i) => count === 0 && ready.add(i));
  const order: number[] = [];
  while (ready.size > 0) {
    let best = -1;
    let bestNet = Infinity;
    let seen = 0;
    for (const i of ready) {
      const bytes = net(i);
      if (bytes < bestNet || (bytes === bestNet && i < best)) {
        best = i;
        bestNet = bytes;
      }
      // Wide graphs: the first few hundred ready steps decide, to stay near-linear.
      if (++seen >= 256) break;
    }
    ready.delete(best);
    order.push(best);
    for (const root of reads[best]!) uses.set(root, (uses.get(root) ?? 0) - 1);
    for (const next of after[best]!) if (--waiting[next]! === 0) ready.add(next);
  }
  return order;
}

/** Depth-first from the last step back; `largestFirst` visits the heaviest operand's subtree first. */
function depthFirst(program: Program, { before }: Dependencies, largestFirst: boolean): number[] {
  const weight = program.steps.map((step) => step.writes.reduce((sum, id) => sum + program.values[id]!.bytes, 0));
  const heaviest = new Float64Array(program.steps.length);
  program.steps.forEach((_, i) => (heaviest[i] = Math.max(weight[i]!, ...before[i]!.map((j) => heaviest[j]!))));
  const operands = before.map((list) =>
    largestFirst ? [...list].sort((a, b) => heaviest[b]! - heaviest[a]! || a - b) : list,
  );
  const done = new Uint8Array(program.steps.length);
  const order: number[] = [];
  const stack: { readonly step: number; next: number }[] = [];
  const visit = (start: number): void => {
    if (done[start] === 1) return;
    done[start] = 1;
    stack.push({ step: start, next: 0 });
    while (stack.length > 0) {
      const frame = stack.at(-1)!;
      const operand = operands[frame.step]![frame.next++];
      if (operand === undefined) {
        order.push(frame.step);
        stack.pop();
      } else if (done[operand] === 0) {
        done[operand] = 1;
        stack.push({ step: operand, next: 0 });
      }
    }
  };
  const isSink = new Uint8Array(program.steps.length).fill(1);
  before.forEach((list) => list.forEach((j) => (isSink[j] = 0)));
  for (let i = 0; i < program.steps.length; i++) if (isSink[i] === 1) visit(i);
  return order;
}

/** Reorders steps for a low live peak. */
export function schedule(program: Program): Program {
  const graph = dependencies(program);
  const ordered = (order: readonly number[]): Program => ({
    ...program,
    steps: order.map((i): KernelStep => program.steps[i]!),
  });
  const peak = (candidate: Program): number => livePeak(liveRanges(candidate), candidate.steps.length).bytes;
  let best = program;
  let least = peak(program);
  for (const order of [
    listSchedule(program, graph),
    depthFirst(program, graph, false),
    depthFirst(program, graph, true),
  ]) {
    const candidate = ordered(order);
    const bytes = peak(candidate);
    if (bytes < least) {
      best = candidate;
      least = bytes;
    }
  }
  return best;
}
