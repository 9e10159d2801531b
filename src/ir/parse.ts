/** Text -> IR. Untrusted: every fault is an InputError `malformed-text` with its line. */
import { dtypeFromShort } from "./dtype.ts";
import { byteSize } from "./bytes.ts";
import { cursorOf, tokenize, type Cursor } from "./tokens.ts";
import type {
  Attr,
  AttrValue,
  CallRecord,
  ConstantSource,
  Graph,
  GraphNode,
  GraphValue,
  KernelStep,
  Program,
  ProgramValue,
  StorageCopy,
  TensorType,
  ValueId,
  ValueKind,
} from "./types.ts";

const KINDS: readonly ValueKind[] = ["input", "output", "weight", "activation", "temporary"];

/** Parses a graph or a program. */
export function parseIr(text: string): Graph | Program {
  const cursor = cursorOf(tokenize(text));
  if (cursor.take("graph")) return graph(cursor);
  if (cursor.take("program")) return program(cursor);
  return cursor.fail("expected 'graph' or 'program'");
}

/** Names in scope, each defined once. */
function names(cursor: Cursor): { define(name: string, id: ValueId): void; find(name: string): ValueId } {
  const ids = new Map<string, ValueId>();
  return {
    define(name, id) {
      if (ids.has(name)) cursor.fail(`'${name}' is defined twice`);
      ids.set(name, id);
    },
    find: (name) => ids.get(name) ?? cursor.fail(`'${name}' is not defined`),
  };
}

function list<T>(cursor: Cursor, open: string, close: string, item: () => T): T[] {
  cursor.expect(open);
  const items: T[] = [];
  if (cursor.take(close)) return items;
  do items.push(item());
  while (cursor.take(","));
  cursor.expect(close);
  return items;
}

function type(cursor: Cursor): TensorType {
  const short = cursor.word();
  const dtype = dtypeFromShort(short) ?? cursor.fail(`'${short}' is no element type`);
  return { dtype, shape: list(cursor, "[", "]", cursor.whole) };
}

function attrValue(cursor: Cursor): AttrValue {
  const scalar = (): number | string | boolean => {
    const { kind } = cursor.peek();
    if (kind === "number") return cursor.number();
    if (kind === "string") return cursor.string();
    if (cursor.take("true")) return true;
    if (cursor.take("false")) return false;
    return cursor.fail("expected a number, a string, true or false");
  };
  if (cursor.peek().text !== "[" || cursor.peek().kind !== "mark") return scalar();
  return list(cursor, "[", "]", scalar) as AttrValue;
}

const attrs = (cursor: Cursor): Attr[] =>
  cursor.peek().text === "<"
    ? list(cursor, "<", ">", () => {
        const name = cursor.name();
        cursor.expect("=");
        return { name, value: attrValue(cursor) };
      })
    : [];

function source(cursor: Cursor): ConstantSource {
  if (cursor.take("model")) return { kind: "model", name: cursor.string() };
  if (cursor.take("inline")) return { kind: "inline", base64: cursor.string() };
  return cursor.fail("expected 'model' or 'inline'");
}

/** `dim` lines; `specialized` lines, resolved once all values are known. */
function header(cursor: Cursor): {
  dims: { name: string; size: number }[];
  specialized: { name: string; base64: string }[];
} {
  const dims: { name: string; size: number }[] = [];
  const specialized: { name: string; base64: string }[] = [];
  for (;;) {
    if (cursor.take("dim")) {
      const name = cursor.name();
      cursor.expect("=");
      dims.push({ name, size: cursor.whole() });
    } else if (cursor.take("specialized")) {
      const name = cursor.name();
      cursor.expect("=");
      specialized.push({ name, base64: cursor.string() });
    } else return { dims, specialized };
  }
}

const isAbsent = (cursor: Cursor): boolean => cursor.peek().kind === "name" && cursor.take("_");

function graph(cursor: Cursor): Graph {
  const name = cursor.name();
  const head = header(cursor);
  const values: GraphValue[] = [];
  const scope = names(cursor);
  const inputs: ValueId[] = [];
  const add = (make: (id: ValueId) => GraphValue): ValueId => {
    const id = values.length as ValueId;
    const value = make(id);
    scope.define(value.name, id);
    values.push(value);
    return id;
  };
  const typed = (): { name: string } & TensorType => {
    const own = cursor.name();
    cursor.expect(":");
    return { name: own, ...type(cursor) };
  };
  for (;;) {
    if (cursor.take("input")) inputs.push(add((id) => ({ kind: "input", id, ...typed() })));
    else if (cursor.take("const")) {
      add((id) => {
        const head = typed();
        cursor.expect("=");
        return { kind: "constant", id, ...head, source: source(cursor) };
      });
    } else break;
  }
  cursor.expect("{");
  const nodes: GraphNode[] = [];
  while (!cursor.take("}")) {
    cursor.whole();
    cursor.expect(":");
    const results: (({ name: string } & TensorType) | null)[] = [];
    if (!cursor.take("=")) {
      do results.push(isAbsent(cursor) ? null : typed());
      while (cursor.take(","));
      cursor.expect("=");
    }
    const op = cursor.name();
    const ownAttrs = attrs(cursor);
    const operands = list(cursor, "(", ")", () => (isAbsent(cursor) ? null : scope.find(cursor.name())));
    const notes = graphNotes(cursor);
    const outputs = results.map((result) =>
      result === null ? null : add((id) => ({ kind: "result", id, ...result })),
    );
    nodes.push({ op, inputs: operands, outputs, attrs: ownAttrs, ...notes });
  }
  cursor.expect("return");
  const outputs = list(cursor, "(", ")", () => scope.find(cursor.name()));
  end(cursor);
  const specialized = head.specialized.map((entry) => ({ value: scope.find(entry.name), base64: entry.base64 }));
  return { stage: "graph", name, dims: head.dims, values, nodes, inputs, outputs, specialized };
}

type GraphNotes = Pick<GraphNode, "name" | "flops" | "view" | "inPlace" | "scratch" | "opaque" | "impure">;

function graphNotes(cursor: Cursor): GraphNotes {
  const notes: { -readonly [K in keyof GraphNotes]: GraphNotes[K] } = {
    name: "",
    flops: 0,
    view: null,
    inPlace: [],
    scratch: [],
    opaque: false,
    impure: false,
  };
  eachNote(cursor, (word) => {
    switch (word) {
      case "node":
        notes.name = valueOf(cursor, cursor.name);
        return;
      case "flops":
        notes.flops = valueOf(cursor, cursor.number);
        return;
      case "view":
        notes.view = valueOf(cursor, cursor.whole);
        return;
      case "in_place":
        notes.inPlace = valueOf(cursor, () => list(cursor, "[", "]", cursor.whole));
        return;
      case "scratch":
        notes.scratch = valueOf(cursor, () => list(cursor, "[", "]", () => type(cursor)));
        return;
      case "opaque":
        notes.opaque = true;
        return;
      case "impure":
        notes.impure = true;
        return;
      default:
        cursor.fail(`'${word}' is no note of a node`);
    }
  });
  return notes;
}

function eachNote(cursor: Cursor, visit: (word: string) => void): void {
  if (cursor.peek().text === "{" && cursor.peek().kind === "mark") list(cursor, "{", "}", () => visit(cursor.word()));
}

function valueOf<T>(cursor: Cursor, read: () => T): T {
  cursor.expect("=");
  return read();
}

function program(cursor: Cursor): Program {
  const name = cursor.name();
  cursor.expect("for");
  const target = cursor.name();
  const head = header(cursor);
  cursor.expect("take");
  const inputNames = list(cursor, "(", ")", cursor.name);
  const scope = names(cursor);
  cursor.expect("values");
  const values = programValues(cursor, scope);
  cursor.expect("init");
  const init = steps(cursor, scope);
  cursor.expect("steps");
  const main = steps(cursor, scope);
  const moved = cursor.take("copies") ? copies(cursor, scope) : [];
  const made = cursor.take("calls") ? calls(cursor, scope) : [];
  cursor.expect("return");
  const outputs = list(cursor, "(", ")", () => scope.find(cursor.name()));
  end(cursor);
  return {
    stage: "program",
    name,
    target,
    dims: head.dims,
    values,
    init,
    steps: main,
    copies: moved,
    calls: made,
    inputs: inputNames.map(scope.find),
    outputs,
    specialized: head.specialized.map((entry) => ({ value: scope.find(entry.name), base64: entry.base64 })),
  };
}

function programValues(cursor: Cursor, scope: ReturnType<typeof names>): ProgramValue[] {
  const pending: { value: Omit<ProgramValue, "storage">; viewOf?: string; in?: { name: string; offset: number } }[] =
    [];
  cursor.expect("{");
  while (!cursor.take("}")) {
    const word = cursor.word();
    const kind = KINDS.find((known) => known === word) ?? cursor.fail(`'${word}' is no kind of value`);
    const name = cursor.name();
    cursor.expect(":");
    const { dtype, shape } = type(cursor);
    const id = pending.length as ValueId;
    scope.define(name, id);
    const value = { id, name, kind, dtype, shape, bytes: byteSize(dtype, shape) };
    const withSource = cursor.take("=") ? { ...value, source: source(cursor) } : value;
    const entry: (typeof pending)[number] = { value: withSource };
    if (cursor.take("view")) entry.viewOf = cursor.name();
    if (cursor.take("in")) {
      const root = cursor.name();
      cursor.expect("+");
      entry.in = { name: root, offset: cursor.whole() };
    }
    pending.push(entry);
  }
  return pending.map(({ value, viewOf, in: within }) => ({
    ...value,
    ...(viewOf === undefined ? {} : { viewOf: scope.find(viewOf) }),
    storage:
      within === undefined ? { value: value.id, offset: 0 } : { value: scope.find(within.name), offset: within.offset },
  }));
}

function copies(cursor: Cursor, scope: ReturnType<typeof names>): StorageCopy[] {
  const result: StorageCopy[] = [];
  cursor.expect("{");
  while (!cursor.take("}")) {
    const before = cursor.whole();
    cursor.expect(":");
    const value = scope.find(cursor.name());
    cursor.expect("from");
    const from = cursor.name();
    cursor.expect("to");
    result.push({ value, from, to: cursor.name(), before });
  }
  return result;
}

type Called = Pick<KernelStep, "kernel" | "reads" | "writes" | "absentReads" | "absentWrites" | "attrs">;

/** Numbered lines of results, kernel, attributes and operands, with `rest` reading the notes of each. */
function called<T>(cursor: Cursor, scope: ReturnType<typeof names>, rest: (parts: Called) => T): T[] {
  const result: T[] = [];
  cursor.expect("{");
  const operand = (): ValueId | null => (isAbsent(cursor) ? null : scope.find(cursor.name()));
  while (!cursor.take("}")) {
    cursor.whole();
    cursor.expect(":");
    const written: (ValueId | null)[] = [];
    if (!cursor.take("=")) {
      do written.push(operand());
      while (cursor.take(","));
      cursor.expect("=");
    }
    const kernel = cursor.name();
    const ownAttrs = attrs(cursor);
    const read = list(cursor, "(", ")", operand);
    result.push(
      rest({
        kernel,
        reads: present(read),
        writes: present(written),
        absentReads: absent(read),
        absentWrites: absent(written),
        attrs: ownAttrs,
      }),
    );
  }
  return result;
}

const calls = (cursor: Cursor, scope: ReturnType<typeof names>): CallRecord[] =>
  called(cursor, scope, (parts) => {
    let node = "";
    let digest = "";
    eachNote(cursor, (word) => {
      if (word === "node") node = valueOf(cursor, cursor.name);
      else if (word === "digest") digest = valueOf(cursor, cursor.name);
      else cursor.fail(`'${word}' is no note of a call`);
    });
    return { ...parts, node, digest };
  });

const steps = (cursor: Cursor, scope: ReturnType<typeof names>): KernelStep[] =>
  called(cursor, scope, (parts) => {
    let node = "";
    let flops = 0;
    let seconds = 0;
    let mayOverwrite: number[] = [];
    let dispatch: number[] | undefined;
    eachNote(cursor, (word) => {
      if (word === "node") node = valueOf(cursor, cursor.name);
      else if (word === "flops") flops = valueOf(cursor, cursor.number);
      else if (word === "seconds") seconds = valueOf(cursor, cursor.number);
      else if (word === "may_overwrite") mayOverwrite = valueOf(cursor, () => list(cursor, "[", "]", cursor.whole));
      else if (word === "dispatch") dispatch = valueOf(cursor, () => list(cursor, "[", "]", cursor.whole));
      else cursor.fail(`'${word}' is no note of a step`);
    });
    const step: KernelStep = { kind: "kernel", ...parts, node, mayOverwrite, flops, seconds };
    if (dispatch === undefined) return step;
    const [call, index] = dispatch;
    if (call === undefined || index === undefined || dispatch.length !== 2)
      return cursor.fail("dispatch takes a call and an index");
    return { ...step, dispatch: { call, index } };
  });

const present = (ids: readonly (ValueId | null)[]): ValueId[] => ids.filter((id) => id !== null);
const absent = (ids: readonly (ValueId | null)[]): number[] => ids.flatMap((id, i) => (id === null ? [i] : []));

function end(cursor: Cursor): void {
  if (cursor.peek().kind !== "end") cursor.fail("expected the end");
}
