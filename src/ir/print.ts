/**
 * IR -> text, close to ONNX's own text syntax, one operator a line. `parse(print(x))` deep-equals
 * `x`. Names are printed, never ids; the memory column on the right of a program is a comment.
 */
import { DTYPES } from "./dtype.ts";
import type {
  CallRecord,
  Attr,
  AttrValue,
  ConstantSource,
  Graph,
  KernelStep,
  Program,
  ProgramValue,
  TensorType,
  ValueId,
} from "./types.ts";

const PLAIN = /^[A-Za-z_][\w.]*$/;
/** Words with a meaning of their own where a name may stand. */
const RESERVED = new Set(["_", "nan", "inf", "true", "false"]);

/** A name as it is printed: quoted unless it is a plain identifier. */
export const printName = (name: string): string =>
  PLAIN.test(name) && !RESERVED.has(name) ? name : JSON.stringify(name);

export const printType = ({ dtype, shape }: TensorType): string => `${DTYPES[dtype].short}[${shape.join(",")}]`;

const printNumber = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

function printAttr(value: AttrValue): string {
  if (typeof value === "number") return printNumber(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "boolean") return String(value);
  return `[${value.map((item) => (typeof item === "number" ? printNumber(item) : JSON.stringify(item))).join(",")}]`;
}

const printAttrs = (attrs: readonly Attr[]): string =>
  attrs.length === 0 ? "" : `<${attrs.map(({ name, value }) => `${printName(name)}=${printAttr(value)}`).join(", ")}>`;

const printSource = (source: ConstantSource): string =>
  source.kind === "model" ? `model ${JSON.stringify(source.name)}` : `inline ${JSON.stringify(source.base64)}`;

const notes = (parts: readonly (string | false)[]): string => {
  const kept = parts.filter((part) => part !== false);
  return kept.length === 0 ? "" : ` {${kept.join(", ")}}`;
};

function printHeader(dims: Graph["dims"], specialized: Graph["specialized"], name: (id: ValueId) => string): string[] {
  return [
    ...dims.map((dim) => `dim ${printName(dim.name)} = ${dim.size}`),
    ...specialized.map((entry) => `specialized ${name(entry.value)} = ${JSON.stringify(entry.base64)}`),
  ];
}

/** The text of a graph. */
export function printGraph(graph: Graph): string {
  const name = (id: ValueId | null): string => (id === null ? "_" : printName(graph.values[id]!.name));
  const typed = (id: ValueId | null): string => (id === null ? "_" : `${name(id)}: ${printType(graph.values[id]!)}`);
  const lines = [
    "// strata ir 1",
    `graph ${printName(graph.name)}`,
    ...printHeader(graph.dims, graph.specialized, name),
  ];
  for (const value of graph.values) {
    if (value.kind === "input") lines.push(`input ${typed(value.id)}`);
    if (value.kind === "constant") lines.push(`const ${typed(value.id)} = ${printSource(value.source)}`);
  }
  lines.push("{");
  graph.nodes.forEach((node, i) => {
    const results = node.outputs.map(typed).join(", ");
    const tail = notes([
      `node=${printName(node.name)}`,
      node.flops !== 0 && `flops=${node.flops}`,
      node.view !== null && `view=${node.view}`,
      node.inPlace.length > 0 && `in_place=[${node.inPlace.join(",")}]`,
      node.scratch.length > 0 && `scratch=[${node.scratch.map(printType).join(",")}]`,
      node.opaque && "opaque",
      node.impure && "impure",
    ]);
    lines.push(
      `  ${i}: ${results} = ${printName(node.op)}${printAttrs(node.attrs)}(${node.inputs.map(name).join(", ")})${tail}`,
    );
  });
  lines.push("}", `return (${graph.outputs.map(name).join(", ")})`);
  return `${lines.join("\n")}\n`;
}

/** Results, kernel, attributes and operands. */
function printCalled(step: KernelStep | CallRecord, name: (id: ValueId) => string): string {
  const full = (ids: readonly ValueId[], absent: readonly number[]): string => {
    const names = ids.map(name);
    for (const position of absent) names.splice(position, 0, "_");
    return names.join(", ");
  };
  return `${full(step.writes, step.absentWrites)} = ${printName(step.kernel)}${printAttrs(step.attrs)}(${full(step.reads, step.absentReads)})`;
}

function printStep(step: KernelStep, index: number, name: (id: ValueId) => string): string {
  const tail = notes([
    `node=${printName(step.node)}`,
    step.flops !== 0 && `flops=${step.flops}`,
    step.seconds !== 0 && `seconds=${printNumber(step.seconds)}`,
    step.mayOverwrite.length > 0 && `may_overwrite=[${step.mayOverwrite.join(",")}]`,
    step.dispatch !== undefined && `dispatch=[${step.dispatch.call},${step.dispatch.index}]`,
  ]);
  return `  ${index}: ${printCalled(step, name)}${tail}`;
}

function printCall(call: CallRecord, index: number, name: (id: ValueId) => string): string {
  const tail = notes([`node=${printName(call.node)}`, `digest=${printName(call.digest)}`]);
  return `  ${index}: ${printCalled(call, name)}${tail}`;
}

function printValue(value: ProgramValue, name: (id: ValueId) => string): string {
  const parts = [`  ${value.kind} ${name(value.id)}: ${printType(value)}`];
  if (value.source !== undefined) parts.push(`= ${printSource(value.source)}`);
  if (value.viewOf !== undefined) parts.push(`view ${name(value.viewOf)}`);
  if (value.storage.value !== value.id) parts.push(`in ${name(value.storage.value)}+${value.storage.offset}`);
  parts.push(` // ${value.bytes} B`);
  return parts.join(" ");
}

/** The text of a program. */
export function printProgram(program: Program): string {
  const name = (id: ValueId): string => printName(program.values[id]!.name);
  return `${[
    "// strata ir 1",
    `program ${printName(program.name)} for ${printName(program.target)}`,
    ...printHeader(program.dims, program.specialized, name),
    `take (${program.inputs.map(name).join(", ")})`,
    "values {",
    ...program.values.map((value) => printValue(value, name)),
    "}",
    "init {",
    ...program.init.map((step, i) => printStep(step, i, name)),
    "}",
    "steps {",
    ...program.steps.map((step, i) => printStep(step, i, name)),
    "}",
    ...(program.copies.length === 0
      ? []
      : [
          "copies {",
          ...program.copies.map(
            ({ value, from, to, before }) => `  ${before}: ${name(value)} from ${printName(from)} to ${printName(to)}`,
          ),
          "}",
        ]),
    ...(program.calls.length === 0
      ? []
      : ["calls {", ...program.calls.map((call, i) => printCall(call, i, name)), "}"]),
    `return (${program.outputs.map(name).join(", ")})`,
  ].join("\n")}\n`;
}
