/**
 * Structural invariants of each stage, in linear time. Run after every pass, always: a failure is
 * a bug of the pass before it, so messages start with what is broken, and the caller names the pass.
 */
import { byteSize } from "./bytes.ts";
import type { Graph, KernelStep, Program, ValueId } from "./types.ts";

/** The first broken invariant, or undefined. */
export const checkIr = (ir: Graph | Program): string | undefined =>
  ir.stage === "graph" ? checkGraph(ir) : checkProgram(ir);

function duplicate(names: Iterable<string>): string | undefined {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}

export function checkGraph(graph: Graph): string | undefined {
  const { values, nodes, inputs, outputs } = graph;
  const twice = duplicate(values.map((value) => value.name)) ?? duplicate(nodes.map((node) => node.name));
  if (twice !== undefined) return `the name '${twice}' is used twice`;
  const ready = new Set<ValueId>();
  for (const [index, value] of values.entries()) {
    if (value.id !== index) return `value '${value.name}' has id ${value.id} at index ${index}`;
    if (!value.shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0))
      return `value '${value.name}' has shape [${value.shape.join(",")}]`;
    if (value.kind !== "result") ready.add(value.id);
  }
  if (inputs.some((id) => values[id]?.kind !== "input")) return "an input is not of kind input";
  for (const node of nodes) {
    for (const id of node.inputs)
      if (id !== null && !ready.has(id))
        return `node '${node.name}' reads '${values[id]?.name ?? id}' before it is made`;
    for (const id of node.outputs) {
      if (id === null) continue;
      if (values[id]?.kind !== "result")
        return `node '${node.name}' writes '${values[id]?.name ?? id}', which is no result`;
      if (ready.has(id)) return `'${values[id]?.name ?? id}' is written twice`;
      ready.add(id);
    }
    if (node.view !== null) {
      const [shown] = node.inputs;
      const [result] = node.outputs;
      if (shown === undefined || shown === null || result === undefined || result === null || node.outputs.length !== 1)
        return `view '${node.name}' needs one operand and one result`;
      const { dtype, shape } = values[result]!;
      const base = values[shown]!;
      if (node.view + byteSize(dtype, shape) > byteSize(base.dtype, base.shape))
        return `view '${node.name}' shows bytes past its operand's end`;
    }
    if (node.inPlace.some((i) => (node.inputs[i] ?? null) === null))
      return `node '${node.name}' has an in-place operand that it does not read`;
  }
  const unmade = values.find((value) => !ready.has(value.id));
  if (unmade !== undefined) return `'${unmade.name}' is never made`;
  if (outputs.some((id) => !ready.has(id))) return "an output is never made";
  return undefined;
}

export function checkProgram(program: Program): string | undefined {
  const { values, init, steps, inputs, outputs } = program;
  const twice = duplicate(values.map((value) => value.name));
  if (twice !== undefined) return `the name '${twice}' is used twice`;
  const ready = new Set<ValueId>();
  for (const [index, value] of values.entries()) {
    if (value.id !== index) return `value '${value.name}' has id ${value.id} at index ${index}`;
    if (value.bytes !== byteSize(value.dtype, value.shape)) return `value '${value.name}' has ${value.bytes} bytes`;
    const root = values[value.storage.value];
    if (root === undefined || root.storage.value !== root.id || root.storage.offset !== 0)
      return `the storage of '${value.name}' is no root`;
    if (value.storage.offset + value.bytes > root.bytes) return `'${value.name}' reaches past the end of its storage`;
    if (value.viewOf !== undefined && values[value.viewOf]?.storage.value !== value.storage.value)
      return `view '${value.name}' is not in the storage of what it shows`;
    if (value.kind === "input" || value.source !== undefined) ready.add(value.id);
  }
  if (inputs.some((id) => values[id]?.kind !== "input")) return "an input is not of kind input";
  const isReady = (id: ValueId): boolean => {
    const value = values[id];
    return value !== undefined && (value.viewOf === undefined ? ready.has(id) : isReady(value.viewOf));
  };
  for (const step of [...init, ...steps]) {
    const unready = step.reads.find((id) => !isReady(id));
    if (unready !== undefined)
      return `step '${step.node}' reads '${values[unready]?.name ?? unready}' before it is written`;
    const broken = checkWrites(program, step, ready) ?? checkDispatch(program, step);
    if (broken !== undefined) return broken;
  }
  if (outputs.some((id) => !isReady(id))) return "an output is never written";
  return checkCopies(program);
}

function checkCopies({ values, steps, copies }: Program): string | undefined {
  let last = 0;
  for (const { value, before } of copies) {
    if (values[value]?.storage.value !== value)
      return `a copy moves '${values[value]?.name ?? value}', which is no storage`;
    if (before < last || before > steps.length) return `the copy of '${values[value].name}' is out of order`;
    last = before;
  }
  return undefined;
}

function checkDispatch({ calls }: Program, step: KernelStep): string | undefined {
  if (step.dispatch !== undefined && calls[step.dispatch.call] === undefined)
    return `step '${step.node}' is a dispatch of call ${step.dispatch.call}, which is not there`;
  return undefined;
}

function checkWrites({ values }: Program, step: KernelStep, ready: Set<ValueId>): string | undefined {
  for (const id of step.writes) {
    const value = values[id];
    if (value === undefined || value.viewOf !== undefined)
      return `step '${step.node}' writes '${value?.name ?? id}', which is a view`;
    if (ready.has(id)) return `'${value.name}' is written twice`;
    ready.add(id);
  }
  if (step.mayOverwrite.some((i) => step.reads[i] === undefined))
    return `step '${step.node}' may overwrite an operand that it does not read`;
  return undefined;
}
