/**
 * The simulator: the only truth about a plan's latency. In order; a step takes its roofline; copies progress
 * only in the slow bandwidth that steps leave idle, earliest deadline first; a copy that is unfinished at its
 * deadline stalls the program. Earliest-deadline-first is optimal for preemptive copies with windows, so these are
 * the best seconds of the plan's decisions.
 */
import { type Instance, stepTime } from "./instance.ts";
import type { MappingPlan } from "./types.ts";

export interface Simulation {
  /** Latency: steps and stalls. */
  readonly seconds: number;
  readonly stallSeconds: number;
  /** Of each step, the stalls right after it included. */
  readonly stepSeconds: Float64Array;
  /** Bytes of copies. */
  readonly copiedBytes: number;
}

/** Bytes of a copy that count as nothing, relative to its size: rounding. */
const DUST = 1e-9;

/**
 * Runs `plan`; its seconds. Linear in steps and accesses, n log n in copies. `onFlow` hears of the bytes that a copy
 * (by index) moves in a step; what moves in a stall counts in the step before it.
 */
export function simulate(
  instance: Instance,
  plan: MappingPlan,
  onFlow?: (copy: number, step: number, bytes: number) => void,
): Simulation {
  const { steps, bandwidth, bytes } = instance;
  const slow = new Float64Array(steps);
  const fast = new Float64Array(steps);
  for (let a = 0; a < instance.accesses; a++) {
    const t = instance.stepOf[a]!;
    if (plan.fast[a]) fast[t]! += instance.fastSeconds[a]!;
    else slow[t]! += instance.slowBytes[a]!;
  }
  const { copies } = plan;
  const byRelease = copies.map((_, k) => k).sort((x, y) => copies[x]!.release - copies[y]!.release || x - y);
  const left = Float64Array.from(copies, (copy) => bytes[copy.value]!);
  const queue: number[] = [];
  const before = (x: number, y: number): boolean =>
    copies[x]!.deadline < copies[y]!.deadline || (copies[x]!.deadline === copies[y]!.deadline && x < y);
  const stepSeconds = new Float64Array(steps);
  let released = 0;
  let seconds = 0;
  let stallSeconds = 0;
  let copiedBytes = 0;
  for (let t = 0; t < steps; t++) {
    for (; released < byRelease.length && copies[byRelease[released]!]!.release <= t; released++) {
      push(queue, byRelease[released]!, before);
      copiedBytes += bytes[copies[byRelease[released]!]!.value]!;
    }
    const time = stepTime(instance, t, slow[t]!, fast[t]!);
    let idle = time * bandwidth - slow[t]!;
    while (idle > 0 && queue.length > 0) {
      const copy = queue[0]!;
      const moved = Math.min(idle, left[copy]!);
      left[copy]! -= moved;
      idle -= moved;
      onFlow?.(copy, t, moved);
      if (left[copy]! > DUST * bytes[copies[copy]!.value]!) break;
      pop(queue, before);
    }
    let stall = 0;
    while (queue.length > 0 && copies[queue[0]!]!.deadline <= t + 1) {
      const copy = pop(queue, before);
      stall += left[copy]! / bandwidth;
      onFlow?.(copy, t, left[copy]!);
    }
    stepSeconds[t] = time + stall;
    seconds += time;
    stallSeconds += stall;
  }
  return { seconds: seconds + stallSeconds, stallSeconds, stepSeconds, copiedBytes };
}

type Order = (x: number, y: number) => boolean;

function push(heap: number[], item: number, before: Order): void {
  let at = heap.length;
  heap.push(item);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(item, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = item;
}

function pop(heap: number[], before: Order): number {
  const top = heap[0]!;
  const item = heap.pop()!;
  if (heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, item)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = item;
  return top;
}
