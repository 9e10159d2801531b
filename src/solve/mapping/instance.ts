/** The problem as arrays: steps, versions of values, and accesses in program order. */
import type { MappingProblem } from "./types.ts";

export const READ = 0;
export const WRITE = 1;
export const UPDATE = 2;

/**
 * A version is one content of a value: an overwriting access starts a new one, so the only thing that changes a
 * version is an update in place. A step t takes max(compute[t], base[t] + slow bytes / bandwidth + fast seconds).
 */
export interface Instance {
  readonly problem: MappingProblem;
  /** Number of steps, the virtual one included. */
  readonly steps: number;
  readonly bandwidth: number;
  readonly compute: Float64Array;
  readonly base: Float64Array;
  /** Bytes of fast memory that ranges may take at a step. */
  readonly room: Float64Array;
  /** Largest of them: what is bigger is never resident. */
  readonly largestRoom: number;
  /** Whether the room is the same at all steps and nothing is staged. */
  readonly flatRoom: boolean;
  /** 1 where content made dirty by an access can still be stored, or need not be. */
  readonly storable: Uint8Array;
  /** Bytes staged at a step for operands that are not resident; they lie on top of the ranges. */
  readonly staged: Float64Array;

  readonly versions: number;
  /** Value of the problem. */
  readonly valueOf: Int32Array;
  /** Bytes of a copy. */
  readonly bytes: Float64Array;
  /** Bytes of a range. */
  readonly footprint: Float64Array;
  /** 1 where it is made by an instruction: not in slow memory at the start. */
  readonly produced: Uint8Array;
  readonly mustEndSlow: Uint8Array;
  /** Accesses of version v: list[first[v]] ... list[first[v + 1] - 1], in program order. */
  readonly first: Int32Array;
  readonly list: Int32Array;

  /** Accesses in program order: of one instruction reads and updates first, then writes. */
  readonly accesses: number;
  readonly stepOf: Int32Array;
  readonly versionOf: Int32Array;
  readonly kind: Uint8Array;
  readonly slowBytes: Float64Array;
  readonly fastSeconds: Float64Array;
  /** Access of the same version before and after, or -1. */
  readonly previous: Int32Array;
  readonly next: Int32Array;
  /** First access at step t is accessAt[t]; accessAt[steps] is their number. */
  readonly accessAt: Int32Array;
}

const alignUp = (bytes: number, alignment: number): number => Math.ceil(bytes / alignment) * alignment;

/** Arrays of `problem`, which must be valid (see game-file.ts). */
export function prepare(problem: MappingProblem): Instance {
  const { hardware, values, instructions } = problem;
  const steps = instructions.length + 1;
  const bandwidth = hardware.slowBytesPerSecond;
  const capacity = Math.floor(hardware.fastBytes / hardware.alignment) * hardware.alignment;
  const compute = new Float64Array(steps);
  const base = new Float64Array(steps);
  const room = new Float64Array(steps).fill(capacity);
  const staged = new Float64Array(steps);
  const accessAt = new Int32Array(steps + 1);

  const valueOf: number[] = [];
  const producedList: number[] = [];
  const lists: number[][] = [];
  const current = new Int32Array(values.length).fill(-1);
  const version = (value: number, produced: number): number => {
    valueOf.push(value);
    producedList.push(produced);
    lists.push([]);
    return (current[value] = valueOf.length - 1);
  };

  const stepOf: number[] = [];
  const versionOf: number[] = [];
  const kind: number[] = [];
  const slowBytes: number[] = [];
  const fastSeconds: number[] = [];
  instructions.forEach((instruction, i) => {
    const t = i + 1;
    accessAt[t] = stepOf.length;
    compute[t] = instruction.fixedSeconds + instruction.computeSeconds;
    base[t] = instruction.fixedSeconds;
    room[t] = Math.max(0, capacity - alignUp(instruction.scopedBytes, hardware.alignment));
    let fastTotal = 0;
    for (const last of [false, true]) {
      for (const access of instruction.accesses) {
        if ((access.kind === "write") !== last || values[access.value]!.bytes === 0) continue;
        const own = last || current[access.value]! < 0 ? version(access.value, last ? 1 : 0) : current[access.value]!;
        const seconds =
          access.readBytes / hardware.fastReadBytesPerSecond + access.writeBytes / hardware.fastWriteBytesPerSecond;
        lists[own]!.push(stepOf.length);
        stepOf.push(t);
        versionOf.push(own);
        kind.push(last ? WRITE : access.kind === "update" ? UPDATE : READ);
        slowBytes.push(access.readBytes + access.writeBytes);
        fastSeconds.push(hardware.slowDirect ? seconds : 0);
        fastTotal += seconds;
        if (!hardware.slowDirect) staged[t]! += alignUp(values[access.value]!.bytes, hardware.alignment);
      }
    }
    if (!hardware.slowDirect) {
      // Staging is synchronous: it adds to what the instruction takes with everything in fast memory.
      base[t] = instruction.fixedSeconds + Math.max(instruction.computeSeconds, fastTotal);
      compute[t] = base[t]!;
    }
  });
  accessAt[steps] = stepOf.length;
  accessAt[0] = 0;

  const versions = valueOf.length;
  const first = new Int32Array(versions + 1);
  const list = new Int32Array(stepOf.length);
  const previous = new Int32Array(stepOf.length).fill(-1);
  const next = new Int32Array(stepOf.length).fill(-1);
  let filled = 0;
  lists.forEach((own, v) => {
    first[v] = filled;
    own.forEach((access, k) => {
      list[filled++] = access;
      previous[access] = own[k - 1] ?? -1;
      next[access] = own[k + 1] ?? -1;
    });
  });
  first[versions] = filled;
  const mustEndSlow = new Uint8Array(versions);
  for (let v = 0; v < versions; v++)
    if (values[valueOf[v]!]!.mustEndSlow && current[valueOf[v]!] === v) mustEndSlow[v] = 1;
  const storable = new Uint8Array(stepOf.length);
  for (let a = stepOf.length - 1; a >= 0; a--) {
    const gapEnd = next[a]! < 0 ? steps : stepOf[next[a]!]!;
    const later = next[a]! >= 0 && storable[next[a]!] === 1;
    if (mustEndSlow[versionOf[a]!] === 0 || gapEnd > stepOf[a]! + 1 || later) storable[a] = 1;
  }
  return {
    problem,
    largestRoom: room.reduce((most, bytes) => Math.max(most, bytes), 0),
    flatRoom: room.every((bytes) => bytes === capacity) && !staged.some((bytes) => bytes > 0),
    storable,
    steps,
    bandwidth,
    compute,
    base,
    room,
    staged,
    versions,
    valueOf: Int32Array.from(valueOf),
    bytes: Float64Array.from(valueOf, (value) => values[value]!.bytes),
    footprint: Float64Array.from(valueOf, (value) => alignUp(values[value]!.bytes, hardware.alignment)),
    produced: Uint8Array.from(producedList),
    mustEndSlow,
    first,
    list,
    accesses: stepOf.length,
    stepOf: Int32Array.from(stepOf),
    versionOf: Int32Array.from(versionOf),
    kind: Uint8Array.from(kind),
    slowBytes: Float64Array.from(slowBytes),
    fastSeconds: Float64Array.from(fastSeconds),
    previous,
    next,
    accessAt,
  };
}

/** Seconds of step t with `slow` bytes served by slow memory and `fast` seconds by fast memory. */
export const stepTime = (instance: Instance, t: number, slow: number, fast: number): number =>
  Math.max(instance.compute[t]!, instance.base[t]! + slow / instance.bandwidth + fast);

/** Slow bytes of every step where nothing is mapped. */
export function allSlowBytes(instance: Instance): Float64Array {
  const slow = new Float64Array(instance.steps);
  for (let a = 0; a < instance.accesses; a++) slow[instance.stepOf[a]!]! += instance.slowBytes[a]!;
  return slow;
}

/** Latency with every access served by slow memory, seconds: always a plan. */
export function allSlowSeconds(instance: Instance): number {
  const slow = allSlowBytes(instance);
  let total = 0;
  for (let t = 0; t < instance.steps; t++) total += stepTime(instance, t, slow[t]!, 0);
  return total;
}

/** Latency with every access served by fast memory and no copies: what an infinite fast memory could reach at best. */
export function allFastSeconds(instance: Instance): number {
  const fast = new Float64Array(instance.steps);
  for (let a = 0; a < instance.accesses; a++) fast[instance.stepOf[a]!]! += instance.fastSeconds[a]!;
  let total = 0;
  for (let t = 0; t < instance.steps; t++) total += stepTime(instance, t, 0, fast[t]!);
  return total;
}

/** Most slow bandwidth that each step can leave idle, bytes: with all that fits in fast memory. */
export function idleCaps(instance: Instance): Float64Array {
  const { steps, bandwidth, compute, base, accesses, stepOf, versionOf, footprint, largestRoom } = instance;
  const slow = new Float64Array(steps);
  const fast = new Float64Array(steps);
  for (let a = 0; a < accesses; a++) {
    if (footprint[versionOf[a]!]! > largestRoom) slow[stepOf[a]!]! += instance.slowBytes[a]!;
    else fast[stepOf[a]!]! += instance.fastSeconds[a]!;
  }
  // Idle is the larger of what compute and what fast accesses leave: each most where nothing else is slow.
  return Float64Array.from(compute, (seconds, t) =>
    Math.max(0, seconds * bandwidth - slow[t]!, (base[t]! + fast[t]!) * bandwidth),
  );
}
