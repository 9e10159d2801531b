/** What a mapped plan's kernel steps read and write, and what it costs: for the verifier, from the plan alone. */
import type { KernelStep, Plan, PlanMapping } from "./schema.ts";

export interface MappedAccess {
  /** Storage root. */
  readonly root: number;
  /** Content is needed: it is read, or a part of it stays beside what is written. */
  readonly needs: boolean;
  readonly writes: boolean;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly fast: boolean;
}

export interface MappedStep {
  /** Index in the plan's steps. */
  readonly index: number;
  readonly step: KernelStep;
  readonly accesses: readonly MappedAccess[];
}

export interface Machine {
  readonly fastBytes: number;
  readonly alignment: number;
  /** Of the slow memory, shared by kernels and copies. */
  readonly bandwidth: number;
  readonly fastRead: number;
  readonly fastWrite: number;
  /** Whether kernels reach the slow memory. */
  readonly slowDirect: boolean;
}

/** The two memories of a mapping; undefined where the target does not have them. */
export function machineOf({ target }: Plan, mapping: PlanMapping): Machine | undefined {
  const fast = target.memories.find(({ name }) => name === mapping.fastMemory);
  const slow = target.memories.find(({ name }) => name === mapping.slowMemory);
  const link = target.links.find(({ from, to }) => from === mapping.slowMemory && to === mapping.fastMemory);
  if (fast === undefined || slow === undefined || fast === slow || link === undefined) return undefined;
  const slowDirect = slow.direct !== false;
  return {
    fastBytes: fast.bytes,
    alignment: fast.alignment,
    bandwidth: slowDirect ? slow.readBytesPerSecond : link.bytesPerSecond,
    fastRead: fast.readBytesPerSecond,
    fastWrite: fast.writeBytesPerSecond,
    slowDirect,
  };
}

/** Operand 0 of these is read where the indices say: no more bytes than the result has. */
const READS_PARTS = ["Gather", "GatherND", "GatherElements"];

/** The kernel steps with their accesses, one a storage root, in the order in which the step names them. */
export function mappedSteps(plan: Plan, { slowDirect }: Machine): MappedStep[] {
  const { values } = plan;
  const rootOf = (id: number): number => values[id]!.storage.value;
  const filled = new Set<number>();
  for (const value of values) if (value.kind === "input" || value.kind === "weight") filled.add(rootOf(value.id));
  return plan.steps.flatMap((step, index): MappedStep[] => {
    if (step.kind !== "kernel") return [];
    const fast = new Set(step.fast ?? []);
    const roots = new Set([...step.reads, ...step.writes].map(rootOf));
    const accesses = [...roots].map((root): MappedAccess => {
      const own = values[root]!.bytes;
      const reads = [...new Set(step.reads)].filter((id) => rootOf(id) === root);
      const writes = step.writes.filter((id) => rootOf(id) === root);
      const readBytes = reads.reduce((sum, id) => {
        const { bytes } = values[id]!;
        const partly = id === step.reads[0] && READS_PARTS.includes(step.kernel);
        return sum + (partly ? Math.min(bytes, values[step.writes[0]!]?.bytes ?? 0) : bytes);
      }, 0);
      const writeBytes = writes.reduce((sum, id) => sum + values[id]!.bytes, 0);
      const needs = reads.length > 0 || (filled.has(root) && writes.some((id) => values[id]!.bytes !== own));
      return {
        root,
        needs,
        writes: writes.length > 0,
        // What kernels can't reach is brought whole.
        readBytes: slowDirect ? readBytes : needs ? own : 0,
        writeBytes: slowDirect || writes.length === 0 ? writeBytes : own,
        fast: fast.has(root),
      };
    });
    for (const id of step.writes) filled.add(rootOf(id));
    return [{ index, step, accesses }];
  });
}

/** Arithmetic and launch of a step, and the least of its memory time: seconds that no mapping changes. */
export interface StepFloor {
  readonly compute: number;
  readonly base: number;
}

const fastSecondsOf = (access: MappedAccess, machine: Machine): number =>
  access.readBytes / machine.fastRead + access.writeBytes / machine.fastWrite;

export function stepFloor({ step, accesses }: MappedStep, plan: Plan, machine: Machine): StepFloor {
  const { launchSeconds, flopsPerSecond } = plan.target;
  const arithmetic = step.flops / flopsPerSecond;
  if (machine.slowDirect) return { compute: launchSeconds + arithmetic, base: launchSeconds };
  // Everything is in fast memory while the kernel runs; what that takes to get there comes on top.
  const memory = accesses.reduce((sum, access) => sum + fastSecondsOf(access, machine), 0);
  const floor = launchSeconds + Math.max(arithmetic, memory);
  return { compute: floor, base: floor };
}

/** Bytes that an access moves over the slow memory's bus where it is not in fast memory. */
export const slowBytesOf = (access: MappedAccess): number => access.readBytes + access.writeBytes;

/** Seconds that an access takes where it is in fast memory. */
export const fastTimeOf = (access: MappedAccess, machine: Machine): number =>
  machine.slowDirect ? fastSecondsOf(access, machine) : 0;
