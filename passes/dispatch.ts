/**
 * Purpose     Replaces kernel steps by the GPU dispatches that compute them, hidden temporaries included.
 * Requires    A lowered Program; a source of dispatches (the runtime's tracer).
 * Guarantees  Every dispatch can be bound: each operand starts at a multiple of the target's alignment,
 *             and no two of one dispatch overlap unless they are one binding. What the GPU has no kernel
 *             for stays a step of the host.
 * Method      One trace a distinct call. Views that start elsewhere, and operands that overlap others,
 *             are copied first: at load for weights, by a dispatch otherwise.
 * Cost        Linear in the dispatches.
 * Limits      A call is traced by its shapes alone.
 */
import type { CallShape, DispatchedCall, Dispatch, DispatchSource, OperandShape } from "../src/ir/dispatch.ts";
import { byteSize } from "../src/ir/bytes.ts";
import type { CallRecord, KernelStep, Program, ProgramValue, ValueId } from "../src/ir/types.ts";
import { broken } from "../src/errors.ts";
import { stepSeconds } from "../src/target/cost.ts";
import type { Target } from "../src/target/schema.ts";

interface State {
  readonly target: Target;
  readonly source: DispatchSource;
  readonly alignment: number;
  readonly values: ProgramValue[];
  readonly names: Set<string>;
  readonly init: KernelStep[];
  readonly steps: KernelStep[];
  readonly calls: CallRecord[];
  /** Constants that kernels bring along, by content. */
  readonly constants: Map<string, ValueId>;
  /** Copies of views that can't be bound, so that each is made once. */
  readonly copies: Map<ValueId, ValueId>;
}

/** Replaces the steps of `program` that `source` has dispatches for. */
export function dispatch(program: Program, target: Target, source: DispatchSource): Program {
  const state: State = {
    target,
    source,
    alignment: target.memories.find((memory) => memory.name === target.arenaMemory)!.alignment,
    values: [...program.values],
    names: new Set(program.values.map((value) => value.name)),
    init: [...program.init],
    steps: [],
    calls: [],
    constants: new Map(),
    copies: new Map(),
  };
  for (const step of program.steps) dispatchStep(state, step);
  return compact({ ...program, values: state.values, init: state.init, steps: state.steps, calls: state.calls });
}

/** Results of a step, without the scratch that only the host's kernels need. */
const resultsOf = (state: State, step: KernelStep): ValueId[] =>
  step.writes.filter((id) => state.values[id]!.kind !== "temporary");

function withAbsent<T>(items: readonly T[], absent: readonly number[]): (T | null)[] {
  const full: (T | null)[] = [...items];
  for (const position of absent) full.splice(position, 0, null);
  return full;
}

const typeOf = ({ dtype, shape }: OperandShape): OperandShape => ({ dtype, shape });

function dispatchStep(state: State, step: KernelStep): void {
  const { source } = state;
  const writes = resultsOf(state, step);
  const shape: CallShape = {
    inputs: withAbsent(
      step.reads.map((id) => typeOf(state.values[id]!)),
      step.absentReads,
    ),
    outputs: withAbsent(
      writes.map((id) => typeOf(state.values[id]!)),
      step.absentWrites,
    ),
    attrs: new Map(step.attrs.map(({ name, value }) => [name, value])),
  };
  const made = step.kernel === "opaque" ? undefined : source.dispatch(step.kernel, shape);
  if (made === undefined) {
    state.steps.push({ ...step, seconds: step.seconds + transferSeconds(state, step) });
    return;
  }
  const reads = bindable(state, step, made);
  emitCall(state, { ...step, reads, writes }, made);
}

/** What a step on the host costs on top: its operands there, its results back. */
function transferSeconds({ target, values }: State, step: KernelStep): number {
  const slowest = Math.min(...target.links.map((link) => link.bytesPerSecond), Infinity);
  const bytes = [...new Set([...step.reads, ...step.writes])].reduce((sum, id) => sum + values[id]!.bytes, 0);
  return bytes / slowest;
}

function emitCall(state: State, step: KernelStep, made: DispatchedCall): void {
  const inputs = withAbsent(step.reads, step.absentReads);
  const outputs = withAbsent(step.writes, step.absentWrites);
  const temporaries = made.temporaries.map((type, k) =>
    addValue(state, `${step.node}/temporary${k}`, type, "temporary"),
  );
  const constants = made.constants.map(({ type, base64 }) => constantOf(state, type, base64));
  const idOf = (ref: Dispatch["writes"]): ValueId => {
    const id =
      "input" in ref
        ? inputs[ref.input]
        : "output" in ref
          ? outputs[ref.output]
          : "temporary" in ref
            ? temporaries[ref.temporary]
            : constants[ref.constant];
    if (id === undefined || id === null)
      throw broken(`a dispatch of '${step.node}' names an operand that is not there`);
    return id;
  };
  const { kernel, node, reads, writes, absentReads, absentWrites, attrs } = step;
  const call =
    state.calls.push({ kernel, node, reads, writes, absentReads, absentWrites, attrs, digest: made.digest }) - 1;
  made.dispatches.forEach((one, index) => {
    const operands = one.reads.map(idOf);
    const result = idOf(one.writes);
    const bytes = [...new Set([...operands, result])].reduce((sum, id) => sum + state.values[id]!.bytes, 0);
    const flops = step.flops / made.dispatches.length;
    state.steps.push({
      kind: "kernel",
      kernel: one.label,
      node,
      reads: operands,
      writes: [result],
      absentReads: [],
      absentWrites: [],
      attrs: [],
      mayOverwrite: one.overwrite,
      flops,
      seconds: stepSeconds(state.target, { flops, bytes }),
      dispatch: { call, index },
    });
  });
}

/** The step's operands, with copies in place of those that can't be bound. */
function bindable(state: State, step: KernelStep, made: DispatchedCall): ValueId[] {
  const reads = step.reads.map((id) =>
    state.values[id]!.storage.offset % state.alignment === 0 ? id : copyOf(state, id, step.node),
  );
  const positions = withAbsent(
    step.reads.map((_, i) => i),
    step.absentReads,
  );
  for (const one of made.dispatches) {
    const operands = one.reads.flatMap((ref, k) =>
      "input" in ref ? [{ at: positions[ref.input]!, type: one.readTypes[k]! }] : [],
    );
    for (const [k, { at, type }] of operands.entries()) {
      const clash = operands
        .slice(0, k)
        .some((other) => !canBindBoth(state, reads[other.at]!, other.type, reads[at]!, type));
      if (clash) reads[at] = copyOf(state, reads[at]!, step.node, true);
    }
  }
  return reads;
}

function canBindBoth(state: State, a: ValueId, typeA: string, b: ValueId, typeB: string): boolean {
  const first = state.values[a]!;
  const second = state.values[b]!;
  if (first.storage.value !== second.storage.value || first.kind === "weight") return true;
  const [from, to] = [first.storage.offset, first.storage.offset + first.bytes];
  const [start, end] = [second.storage.offset, second.storage.offset + second.bytes];
  if (to <= start || end <= from) return true;
  return from === start && to === end && typeA === typeB;
}

/** A copy of a value with bytes of its own. */
function copyOf(state: State, id: ValueId, node: string, anew = false): ValueId {
  const known = state.copies.get(id);
  if (known !== undefined && !anew) return known;
  const value = state.values[id]!;
  const root = state.values[value.storage.value]!;
  const weight = value.kind === "weight";
  const copy = addValue(state, `${value.name}/copy`, value, weight ? "weight" : "activation");
  const step: KernelStep = {
    kind: "kernel",
    kernel: "CopyBytes",
    node,
    reads: [root.id],
    writes: [copy],
    absentReads: [],
    absentWrites: [],
    attrs: [{ name: "offset", value: value.storage.offset }],
    mayOverwrite: [],
    flops: 0,
    seconds: 0,
  };
  if (weight) state.init.push(step);
  else {
    const made = state.source.dispatch("CopyBytes", {
      inputs: [typeOf(root)],
      outputs: [typeOf(value)],
      attrs: new Map([["offset", value.storage.offset]]),
    });
    if (made === undefined) throw broken(`'${value.name}' can't be copied`);
    emitCall(state, step, made);
  }
  if (!anew) state.copies.set(id, copy);
  return copy;
}

function constantOf(state: State, type: OperandShape, base64: string): ValueId {
  const key = `${type.dtype}:${base64}`;
  let id = state.constants.get(key);
  if (id === undefined) {
    id = addValue(state, `constant/${state.constants.size}`, type, "weight", { source: { kind: "inline", base64 } });
    state.constants.set(key, id);
  }
  return id;
}

function addValue(
  state: State,
  wanted: string,
  { dtype, shape }: OperandShape,
  kind: ProgramValue["kind"],
  more: Partial<ProgramValue> = {},
): ValueId {
  let name = wanted;
  for (let k = 1; state.names.has(name); k++) name = `${wanted}.${k}`;
  state.names.add(name);
  const id = state.values.length as ValueId;
  state.values.push({
    id,
    name,
    kind,
    dtype,
    shape,
    bytes: byteSize(dtype, shape),
    storage: { value: id, offset: 0 },
    ...more,
  });
  return id;
}

/** Drops values that nothing refers to any more (scratch of host kernels), and numbers the others anew. */
function compact(program: Program): Program {
  const used = new Set<ValueId>([...program.inputs, ...program.outputs]);
  for (const step of [...program.init, ...program.steps, ...program.calls])
    for (const id of [...step.reads, ...step.writes]) used.add(id);
  for (const { value } of program.specialized) used.add(value);
  for (let i = program.values.length - 1; i >= 0; i--) {
    const value = program.values[i]!;
    if (!used.has(value.id)) continue;
    used.add(value.storage.value);
    if (value.viewOf !== undefined) used.add(value.viewOf);
  }
  const moved = new Map<ValueId, ValueId>();
  for (const value of program.values) if (used.has(value.id)) moved.set(value.id, moved.size as ValueId);
  const to = (id: ValueId): ValueId => moved.get(id)!;
  const renumber = <T extends Pick<KernelStep, "reads" | "writes">>(item: T): T => ({
    ...item,
    reads: item.reads.map(to),
    writes: item.writes.map(to),
  });
  return {
    ...program,
    values: program.values
      .filter((value) => used.has(value.id))
      .map((value) => ({
        ...value,
        id: to(value.id),
        storage: { value: to(value.storage.value), offset: value.storage.offset },
        ...(value.viewOf === undefined ? {} : { viewOf: to(value.viewOf) }),
      })),
    init: program.init.map(renumber),
    steps: program.steps.map(renumber),
    calls: program.calls.map(renumber),
    inputs: program.inputs.map(to),
    outputs: program.outputs.map(to),
    specialized: program.specialized.map((entry) => ({ ...entry, value: to(entry.value) })),
  };
}
