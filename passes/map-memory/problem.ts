/**
 * Purpose     States the mapping of a Program's values to a fast and a slow memory as a problem for src/solve/mapping.
 * Requires    A checked Program, steps in their final order, in-place decided; a target with a fast memory.
 * Guarantees  Values of one storage are one value of the problem: they are never mapped apart.
 * Method      Bytes of a step are those of the values that it names, each once, as in the roofline of `lower`. What
 *             kernels can't reach is brought and stored whole.
 * Cost        Linear.
 */
import type { KernelStep, Program, ValueId } from "../../src/ir/types.ts";
import type { MappingAccess, MappingInstruction, MappingProblem } from "../../src/solve/mapping/index.ts";
import type { Target } from "../../src/target/schema.ts";
import type { FastMemory } from "./memories.ts";

export interface ProgramProblem {
  readonly problem: MappingProblem;
  /** Storage root of each value of the problem. */
  readonly roots: readonly ValueId[];
}

/** Operand 0 of these is read where the indices say: no more bytes than the result has. */
const PARTIAL_READERS: ReadonlySet<string> = new Set(["Gather", "GatherND", "GatherElements"]);

/** The problem between the memories of `fast`. */
export function programProblem(program: Program, target: Target, fast: FastMemory): ProgramProblem {
  const { values } = program;
  const ids = new Map<ValueId, number>();
  const roots: ValueId[] = [];
  const idOf = (value: ValueId): number => {
    const root = values[value]!.storage.value;
    const known = ids.get(root);
    if (known !== undefined) return known;
    ids.set(root, roots.length);
    roots.push(root);
    return roots.length - 1;
  };
  const written = new Set<ValueId>();
  const instructions = program.steps.map((step) => instruction(program, target, step, idOf, written, fast.slowDirect));
  const outputs = new Set(program.outputs.map((id) => values[id]!.storage.value));
  return {
    roots,
    problem: {
      hardware: {
        fastBytes: fast.memory.bytes,
        alignment: fast.memory.alignment,
        slowBytesPerSecond: fast.slowBytesPerSecond,
        fastReadBytesPerSecond: fast.memory.readBytesPerSecond,
        fastWriteBytesPerSecond: fast.memory.writeBytesPerSecond,
        slowDirect: fast.slowDirect,
      },
      values: roots.map((root) => ({ bytes: values[root]!.bytes, mustEndSlow: outputs.has(root) })),
      instructions,
    },
  };
}

function instruction(
  { values }: Program,
  target: Target,
  step: KernelStep,
  idOf: (value: ValueId) => number,
  written: Set<ValueId>,
  slowDirect: boolean,
): MappingInstruction {
  const accesses = new Map<number, MappingAccess & { readonly root: ValueId }>();
  const resultBytes = step.writes.length > 0 ? values[step.writes[0]!]!.bytes : 0;
  const seen = new Set<ValueId>();
  step.reads.forEach((read, position) => {
    if (seen.has(read)) return;
    seen.add(read);
    const value = idOf(read);
    const { bytes, storage } = values[read]!;
    const touched = position === 0 && PARTIAL_READERS.has(step.kernel) ? Math.min(bytes, resultBytes) : bytes;
    const readBytes = (accesses.get(value)?.readBytes ?? 0) + touched;
    accesses.set(value, { value, kind: "read", readBytes, writeBytes: 0, root: storage.value });
  });
  for (const write of step.writes) {
    const value = idOf(write);
    const { storage, bytes } = values[write]!;
    const root = values[storage.value]!;
    const known = accesses.get(value);
    // What a write leaves of the storage is still content: then it changes the value in place.
    const whole = bytes === root.bytes;
    const first = !written.has(storage.value) && root.kind !== "input" && root.kind !== "weight";
    const kind = known?.kind === "read" || known?.kind === "update" || (!whole && !first) ? "update" : "write";
    accesses.set(value, {
      value,
      kind,
      readBytes: known?.readBytes ?? 0,
      writeBytes: (known?.writeBytes ?? 0) + bytes,
      root: storage.value,
    });
  }
  for (const write of step.writes) written.add(values[write]!.storage.value);
  return {
    computeSeconds: step.flops / target.flopsPerSecond,
    fixedSeconds: target.launchSeconds,
    scopedBytes: 0,
    accesses: [...accesses.values()].map(({ root, value, kind, readBytes, writeBytes }) => {
      if (slowDirect) return { value, kind, readBytes, writeBytes };
      const { bytes } = values[root]!;
      return { value, kind, readBytes: kind === "write" ? 0 : bytes, writeBytes: kind === "read" ? 0 : bytes };
    }),
  };
}
