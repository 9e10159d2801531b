/**
 * Memory mapping: which accesses of a program in fixed order are served by a small fast memory, and which
 * copies run beside the steps to make it so. Problem and result are JSON-able.
 *
 * Bytes are safe integers, times seconds, steps indices of the instance: step 0 is a virtual no-op before the
 * first instruction, so instruction i is step i + 1. Intervals are half-open.
 */

export interface MappingHardware {
  /** Capacity of the fast memory, bytes. */
  readonly fastBytes: number;
  /** Every range starts at a multiple of it, and takes a multiple of it. */
  readonly alignment: number;
  /** Bandwidth of the slow memory, shared by accesses and copies, bytes per second. */
  readonly slowBytesPerSecond: number;
  readonly fastReadBytesPerSecond: number;
  readonly fastWriteBytesPerSecond: number;
  /** False where instructions can't reach the slow memory: what is not resident is staged synchronously. */
  readonly slowDirect: boolean;
}

export interface MappingValue {
  readonly bytes: number;
  /** Its content must be in slow memory after the last instruction. */
  readonly mustEndSlow: boolean;
}

/** `update` reads and writes in place: one residency, both transfers. */
export type AccessKind = "read" | "write" | "update";

export interface MappingAccess {
  readonly value: number;
  readonly kind: AccessKind;
  /** Bytes that go over the memory's bus: gather-like operators touch fewer than there are. */
  readonly readBytes: number;
  readonly writeBytes: number;
}

export interface MappingInstruction {
  /** Arithmetic alone, seconds. */
  readonly computeSeconds: number;
  /** Added to the roofline: the launch. */
  readonly fixedSeconds: number;
  /** Fast memory that the instruction takes for itself. */
  readonly scopedBytes: number;
  /** One for each value. */
  readonly accesses: readonly MappingAccess[];
}

export interface MappingProblem {
  readonly hardware: MappingHardware;
  readonly values: readonly MappingValue[];
  readonly instructions: readonly MappingInstruction[];
}

/** Fast-memory addresses of one value for the steps [from, to). */
export interface MappingRange {
  /** Index in the instance's versions. */
  readonly value: number;
  readonly offset: number;
  readonly from: number;
  readonly to: number;
}

/**
 * A whole-value transfer that may progress in the idle slow bandwidth of steps [release, deadline); what is
 * left at the deadline stalls the program until it is done.
 */
export interface MappingCopy {
  readonly value: number;
  /** Into fast memory (prefetch) or out of it (eviction, store). */
  readonly direction: "in" | "out";
  readonly release: number;
  readonly deadline: number;
}

/** Everything that was decided; the simulator gives its seconds. */
export interface MappingPlan {
  /** One for each access of the instance, in program order: served by fast memory. */
  readonly fast: readonly boolean[];
  readonly ranges: readonly MappingRange[];
  readonly copies: readonly MappingCopy[];
}
