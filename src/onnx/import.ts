/**
 * Model -> Graph: walks the nodes in order, gives each its meaning by the operator table, inlines
 * functions and the control flow that resolves at compile time, and leaves a graph in which every
 * shape is static and every node is a kernel call (or an opaque step with declared shapes).
 */
import {
  invalidBinding,
  invalidNode,
  limitExceeded,
  quote,
  StrataError,
  unboundDim,
  undefinedValue,
  unknownDomain,
  unknownOperator,
  unsupportedType,
} from "../errors.ts";
import { attrsOf, compactGraph, graphBuilder, type GraphBuilder } from "../ir/build.ts";
import { byteSize } from "../ir/bytes.ts";
import { nearest } from "../ir/nearest.ts";
import type { Diagnostic, Graph, TensorType, ValueId } from "../ir/types.ts";
import { sizeOf, tensorFromBytes } from "../kernels/access.ts";
import type { Tensor } from "../kernels/types.ts";
import { opContext } from "./context.ts";
import { importControlFlow, isControlFlow } from "./control-flow.ts";
import { constantAttribute } from "./constant.ts";
import { inlineSource, knownValues, MAX_KNOWN, type KnownValues } from "./known.ts";
import type { AttributeValue, Model, ModelFunction, ModelGraph, ModelNode, TensorData, ValueInfo } from "./model.ts";
import { knowsDomain, operatorNames, operatorRule } from "./operators/index.ts";
import type { Meaning, OperatorRule } from "./operators/types.ts";
import { emptyScope, resolveAttributes, type Scope } from "./scope.ts";

/** Constants of at most so many bytes stand in the graph itself. */
const INLINE_BYTES = 16;

export interface ImportOptions {
  /** Sizes of symbolic dims, by name. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Whole shapes of inputs, by name; they win over the declared ones. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>;
  /** Values of inputs that decide shapes, by name: used only where something asks for them. */
  readonly bind?: ReadonlyMap<string, Tensor>;
  /** Most nodes after inlining and unrolling. */
  readonly maxNodes?: number;
}

export interface Imported {
  readonly graph: Graph;
  /** Constants that the graph names (`source.kind === "model"`), for the loader. */
  readonly constants: ReadonlyMap<string, TensorData>;
  readonly diagnostics: readonly Diagnostic[];
}

/** What the importer carries along; the parts of it that control-flow.ts needs are functions here. */
export interface Importer {
  readonly builder: GraphBuilder;
  readonly known: KnownValues;
  /** The value that a name stands for in `scope`; InputError where it stands for none. */
  resolve(scope: Scope, name: string, reader: string): ValueId;
  importNodes(scope: Scope, nodes: readonly ModelNode[]): void;
  /** Adds one ONNX node made by the importer itself; returns its first result. */
  emit(
    scope: Scope,
    op: string,
    inputs: readonly ValueId[],
    attributes: Readonly<Record<string, AttributeValue>>,
    name: string,
  ): ValueId;
  inlineConstant(name: string, tensor: Tensor): ValueId;
  declaredType(scope: Scope, info: ValueInfo | undefined): TensorType | undefined;
  bodyScope(outer: Scope, body: ModelGraph, prefix: string): Scope;
}

const MAX_DEPTH = 32;
const MAX_RANK = 64;
const MAX_DIM = 2 ** 31 - 1;
const MAX_WARNINGS = 20;
const DEFAULT_MAX_NODES = 1_000_000;

/**
 * Imports a model with all shapes static.
 * Throws InputError: unbound-dim, invalid-binding, unknown-operator, unknown-domain, invalid-node,
 * unsupported-form, unsupported-type, shape-depends-on-data, control-flow, size-overflow, limit-exceeded.
 */
export function importModel(model: Model, options: ImportOptions = {}): Imported {
  const diagnostics: Diagnostic[] = [];
  const constants = new Map<string, TensorData>();
  const builder = graphBuilder(model.graph.name === "" ? "graph" : model.graph.name);
  const known = knownValues(builder.value, constants);
  const maxNodes = options.maxNodes ?? DEFAULT_MAX_NODES;
  const dims = bindDims(model.graph, options);
  let warnings = 0;

  const warn = (diagnostic: Diagnostic): void => {
    if (++warnings <= MAX_WARNINGS) diagnostics.push(diagnostic);
  };

  const declaredType = (_scope: Scope, info: ValueInfo | undefined): TensorType | undefined => {
    if (info === undefined || info.type !== "tensor" || info.dtype === undefined || info.dims === undefined)
      return undefined;
    const shape = info.dims.map((dim) => (typeof dim === "string" ? dims.get(dim) : dim));
    return shape.every((dim): dim is number => typeof dim === "number" && dim >= 0)
      ? { dtype: info.dtype, shape }
      : undefined;
  };

  const constantOf = (name: string, data: TensorData): ValueId => {
    if (data.source.kind === "strings") throw unsupportedType("string tensor", name);
    // A handful of bytes is part of what the graph says (an epsilon, a factor): passes may look at it.
    if (data.source.kind === "inline" && data.byteLength <= INLINE_BYTES)
      return builder.constant(name, data, inlineSource(tensorFromBytes(data.dtype, data.shape, data.source.bytes())));
    const id = builder.constant(name, { dtype: data.dtype, shape: data.shape }, { kind: "model", name });
    const unique = builder.value(id);
    if (unique.kind === "constant" && unique.name !== name)
      return builder.constant(unique.name, unique, { kind: "model", name: unique.name });
    constants.set(name, data);
    return id;
  };

  const find = (scope: Scope, name: string): ValueId | undefined => {
    for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
      const id = at.values.get(name);
      if (id !== undefined) return id;
      const data = at.initializers.get(name);
      if (data !== undefined) {
        const made = constantOf(uniqueConstant(at.prefix + name), data);
        at.values.set(name, made);
        return made;
      }
    }
    return undefined;
  };

  const usedConstants = new Map<string, number>();
  const uniqueConstant = (name: string): string => {
    const count = usedConstants.get(name) ?? 0;
    usedConstants.set(name, count + 1);
    return count === 0 ? name : uniqueConstant(`${name}#${count}`);
  };

  const resolve = (scope: Scope, name: string, reader: string): ValueId => {
    const id = find(scope, name);
    if (id === undefined) throw undefinedValue(name, reader);
    return id;
  };

  const inlineConstant = (name: string, tensor: Tensor): ValueId =>
    builder.constant(name, tensor, inlineSource(tensor));

  const labelOf = (scope: Scope, node: ModelNode): string =>
    scope.prefix + (node.name === "" ? `${node.op}_${builder.nodeCount()}` : node.name);

  const apply = (
    scope: Scope,
    node: ModelNode,
    rule: OperatorRule,
    attributes: ReadonlyMap<string, AttributeValue>,
  ): void => {
    const label = labelOf(scope, node);
    const operands = node.inputs.map((name) => (name === "" ? null : resolve(scope, name, label)));
    const types = operands.map((id) => (id === null ? null : builder.value(id)));
    const meaning = rule(
      opContext({
        node: label,
        op: node.op,
        version: scope.opsets.get(node.domain) ?? 1,
        inputs: types,
        outputs: node.outputs,
        attributes,
        known: (i) => known.get(operands[i]!),
        declared: (name) => declaredType(scope, scope.declared.get(name)),
      }),
    );
    checkMeaning(meaning, node, label);
    addMeaning(scope, node, label, operands, meaning);
  };

  const addMeaning = (
    scope: Scope,
    node: ModelNode,
    label: string,
    operands: readonly (ValueId | null)[],
    meaning: Meaning,
  ): void => {
    node.outputs.forEach((name, i) => {
      if (name !== "" && i >= meaning.outputs.length)
        throw invalidNode(label, node.op, `has no result ${i} (${quote(name)}) in this form`);
    });
    const wanted = meaning.outputs.map((_, i) => (node.outputs[i] ?? "") !== "");
    const knownHere = meaning.outputs.map((_, i) => meaning.known?.[i]);
    if (wanted.every((is, i) => !is || knownHere[i] !== undefined)) {
      meaning.outputs.forEach((_, i) => {
        const tensor = knownHere[i];
        if (wanted[i] && tensor !== undefined)
          scope.values.set(node.outputs[i]!, inlineConstant(scope.prefix + node.outputs[i]!, tensor));
      });
      return;
    }
    const reads = meaning.reads ?? operands.map((_, i) => i);
    const inputs = reads.map((i) => operands[i] ?? null);
    while (inputs.length > 0 && inputs.at(-1) === null) inputs.pop();
    const before = builder.valueCount();
    const results = builder.node(
      {
        name: label,
        op: meaning.kernel ?? node.op,
        inputs,
        attrs: attrsOf(meaning.attrs ?? {}),
        flops: meaning.flops ?? sizeOf(meaning.outputs[0]?.shape ?? []),
        view: meaning.view ?? null,
        inPlace: (meaning.inPlace ?? []).map((i) => reads.indexOf(i)).filter((i) => i >= 0),
        scratch: meaning.scratch ?? [],
        opaque: meaning.kernel === "opaque",
        impure: meaning.impure ?? false,
      },
      meaning.outputs.map((type, i) => (wanted[i] ? { name: scope.prefix + node.outputs[i]!, type } : null)),
    );
    if (builder.nodeCount() > maxNodes || before > 4 * maxNodes) throw limitExceeded("nodes", maxNodes, "--max-nodes");
    known.made(builder.lastNode());
    results.forEach((id, i) => {
      if (id === null) return;
      scope.values.set(node.outputs[i]!, id);
      compareDeclared(scope, node.outputs[i]!, meaning.outputs[i]!, label);
    });
  };

  const compareDeclared = (scope: Scope, name: string, type: TensorType, label: string): void => {
    const declared = declaredType(scope, scope.declared.get(name));
    if (declared === undefined) return;
    const same =
      declared.dtype === type.dtype &&
      declared.shape.length === type.shape.length &&
      declared.shape.every((dim, d) => dim === type.shape[d]);
    if (same) return;
    warn({
      severity: "warning",
      code: "declared-shape-differs",
      message: `${quote(name)} is declared ${declared.dtype}[${declared.shape.join(",")}] but computes to ${type.dtype}[${type.shape.join(",")}]; the computed type is used`,
      where: label,
    });
  };

  const addOpaque = (scope: Scope, node: ModelNode): void => {
    const label = labelOf(scope, node);
    const types = node.outputs.map((name) => (name === "" ? null : declaredType(scope, scope.declared.get(name))));
    const domain = node.domain;
    if (types.includes(undefined)) {
      if (!knowsDomain(domain)) throw unknownDomain(label, node.op, domain);
      throw unknownOperator(label, node.op, domain, nearest(node.op, operatorNames(domain)));
    }
    warn({
      severity: "warning",
      code: "opaque-operator",
      message: `${domain === "" ? "" : `${domain}::`}${node.op} has no kernel: planned by its declared shapes, not executable`,
      where: label,
    });
    const outputs = types.map((type): TensorType => type ?? { dtype: "uint8", shape: [0] });
    addMeaning(
      scope,
      node,
      label,
      node.inputs.map((name) => (name === "" ? null : resolve(scope, name, label))),
      { outputs, kernel: "opaque" },
    );
  };

  const inlineFunction = (
    scope: Scope,
    node: ModelNode,
    body: ModelFunction,
    attributes: ReadonlyMap<string, AttributeValue>,
  ): void => {
    const label = labelOf(scope, node);
    if (scope.depth >= MAX_DEPTH) throw limitExceeded("function and subgraph depth", MAX_DEPTH, undefined);
    const inner = emptyScope({
      opsets: body.opsets,
      prefix: `${label}/`,
      call: new Map([...body.defaults, ...attributes]),
      depth: scope.depth + 1,
    });
    body.inputs.forEach((name, i) => {
      const given = node.inputs[i] ?? "";
      if (given !== "") inner.values.set(name, resolve(scope, given, label));
    });
    // A formal input that the call leaves out reads as an absent optional operand.
    const absent = new Set(body.inputs.filter((name) => !inner.values.has(name)));
    const nodes =
      absent.size === 0
        ? body.nodes
        : body.nodes.map((n) => ({ ...n, inputs: n.inputs.map((name) => (absent.has(name) ? "" : name)) }));
    importNodes(inner, nodes);
    body.outputs.forEach((name, i) => {
      const wanted = node.outputs[i] ?? "";
      if (wanted !== "") scope.values.set(wanted, resolve(inner, name, label));
    });
  };

  const importNode = (scope: Scope, node: ModelNode): void => {
    const attributes = resolveAttributes(node.attributes, scope);
    if (node.domain === "" && node.op === "Constant") {
      const data = constantAttribute(attributes, labelOf(scope, node));
      const name = node.outputs[0] ?? "";
      if (name !== "") scope.values.set(name, constantOf(uniqueConstant(scope.prefix + name), data));
      return;
    }
    if (isControlFlow(node)) return importControlFlow(importer, scope, node, attributes, labelOf(scope, node));
    const rule = operatorRule(node.domain, node.op);
    const body =
      model.functions.get(`${node.domain}::${node.op}${node.overload === "" ? "" : `::${node.overload}`}`) ??
      model.functions.get(`${node.domain}::${node.op}`);
    if (rule === undefined)
      return body === undefined ? addOpaque(scope, node) : inlineFunction(scope, node, body, attributes);
    try {
      apply(scope, node, rule, attributes);
    } catch (error) {
      // The model's own body can serve where our kernel does not know the form.
      if (!(error instanceof StrataError) || error.code !== "unsupported-form") throw error;
      if (body !== undefined) return inlineFunction(scope, node, body, attributes);
      const declared = node.outputs.every(
        (name) => name === "" || declaredType(scope, scope.declared.get(name)) !== undefined,
      );
      if (knowsDomain(node.domain) && node.domain !== "" && declared) return addOpaque(scope, node);
      throw error;
    }
  };

  const importNodes = (scope: Scope, nodes: readonly ModelNode[]): void => {
    for (const node of nodes) importNode(scope, node);
  };

  const importer: Importer = {
    builder,
    known,
    resolve,
    importNodes,
    inlineConstant,
    declaredType,
    emit(scope, op, inputs, attributes, name) {
      const inner = emptyScope({ opsets: new Map([["", 13]]), prefix: "", depth: scope.depth });
      inputs.forEach((id, i) => inner.values.set(`operand${i}`, id));
      const node: ModelNode = {
        name,
        op,
        domain: "",
        overload: "",
        inputs: inputs.map((_, i) => `operand${i}`),
        outputs: [name],
        attributes: new Map(Object.entries(attributes)),
      };
      importNode(inner, node);
      return resolve(inner, name, name);
    },
    bodyScope(outer, body, prefix) {
      if (outer.depth >= MAX_DEPTH) throw limitExceeded("function and subgraph depth", MAX_DEPTH, undefined);
      return emptyScope({
        opsets: outer.opsets,
        initializers: body.initializers,
        declared: declarations(body),
        outer,
        prefix,
        call: outer.call,
        depth: outer.depth + 1,
      });
    },
  };

  const top = emptyScope({
    opsets: model.opsets,
    initializers: model.graph.initializers,
    declared: declarations(model.graph),
  });
  for (const input of model.graph.inputs) {
    const id = builder.input(input.name, inputType(input, dims, options));
    top.values.set(input.name, id);
    const bound = options.bind?.get(input.name);
    if (bound !== undefined) known.bind(id, checkBound(input.name, builder.value(id), bound));
  }
  importNodes(top, model.graph.nodes);
  const taken = new Set<ValueId>();
  const outputs = model.graph.outputs.map((output) => {
    if (output.type !== "tensor" && output.type !== "unknown") throw unsupportedType(output.type, output.name);
    const id = resolve(top, output.name, "the graph's outputs");
    if (builder.value(id).name === output.name && !taken.has(id)) {
      taken.add(id);
      return id;
    }
    // A value of a function body or a loop, or one that is an output twice: a view gives it the output's name.
    const parts = { name: `${output.name}/output`, op: "Identity", inputs: [id], view: 0 };
    return builder.node(parts, [{ name: output.name, type: builder.value(id) }])[0]!;
  });
  const used = [...dims].map(([name, size]) => ({ name, size })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const graph = compactGraph(builder.finish(outputs, used, known.consulted()));
  if (warnings > MAX_WARNINGS)
    diagnostics.push({
      severity: "remark",
      code: "more-warnings",
      message: `${warnings - MAX_WARNINGS} more warnings of the importer not shown`,
    });
  return { graph, constants, diagnostics };
}

const declarations = (graph: ModelGraph): ReadonlyMap<string, ValueInfo> =>
  new Map([...graph.valueInfo, ...graph.outputs.map((output): [string, ValueInfo] => [output.name, output])]);

function checkMeaning(meaning: Meaning, node: ModelNode, label: string): void {
  for (const type of [...meaning.outputs, ...(meaning.scratch ?? [])]) {
    if (type.shape.length > MAX_RANK) throw limitExceeded("rank", MAX_RANK, undefined);
    for (const dim of type.shape) {
      if (!Number.isSafeInteger(dim) || dim < 0)
        throw invalidNode(label, node.op, `a result would have shape [${type.shape.join(",")}]`);
      if (dim > MAX_DIM) throw limitExceeded("dim", MAX_DIM, undefined);
    }
    byteSize(type.dtype, type.shape, `node ${quote(label)} (${node.op})`);
  }
}

function bindDims(graph: ModelGraph, options: ImportOptions): ReadonlyMap<string, number> {
  const given = options.dims ?? new Map<string, number>();
  const declared = [...graph.inputs, ...graph.outputs, ...graph.valueInfo.values()];
  const names = new Set(
    declared.flatMap(({ dims }) => (dims ?? []).filter((dim): dim is string => typeof dim === "string")),
  );
  for (const [name, size] of given) {
    if (!Number.isSafeInteger(size) || size < 0 || size > MAX_DIM)
      throw invalidBinding(`--dim ${name}=${size}`, `a dim is a whole number from 0 to ${MAX_DIM}`);
    if (!names.has(name)) {
      const near = nearest(name, names);
      const help =
        names.size === 0
          ? "the model has no symbolic dims"
          : `the model has ${[...names].map(quote).join(", ")}${near === undefined ? "" : `; did you mean ${near}?`}`;
      throw invalidBinding(`--dim ${name}=${size}`, `no input has a dim named ${quote(name)}`, help);
    }
  }
  const dims = new Map(given);
  // A whole shape that is given for an input also binds the names in it.
  for (const input of graph.inputs) {
    const shape = options.shapes?.get(input.name);
    if (shape === undefined) continue;
    input.dims?.forEach((dim, d) => {
      const size = shape[d];
      if (typeof dim !== "string" || size === undefined) return;
      const bound = dims.get(dim);
      if (bound !== undefined && bound !== size)
        throw invalidBinding(
          `--shape ${input.name}`,
          `dim ${quote(dim)} would be ${size}, but it is ${bound} elsewhere`,
        );
      dims.set(dim, size);
    });
  }
  for (const name of options.shapes?.keys() ?? []) {
    if (!graph.inputs.some((input) => input.name === name)) {
      throw invalidBinding(
        `--shape ${name}`,
        `the model has no input ${quote(name)}`,
        `its inputs are ${graph.inputs.map((input) => quote(input.name)).join(", ")}`,
      );
    }
  }
  const open = new Set<string>();
  const inputs: string[] = [];
  for (const input of graph.inputs) {
    if (input.type !== "tensor" || options.shapes?.has(input.name)) continue;
    const unbound = (input.dims ?? [null]).filter((dim) => dim === null || (typeof dim === "string" && !dims.has(dim)));
    if (unbound.length === 0) continue;
    inputs.push(`${quote(input.name)} [${input.dims?.map((dim) => dim ?? "?").join(",") ?? "unknown rank"}]`);
    for (const dim of unbound) if (typeof dim === "string") open.add(dim);
  }
  if (inputs.length > 0) throw unboundDim(inputs, [...open]);
  return dims;
}

function inputType(input: ValueInfo, dims: ReadonlyMap<string, number>, options: ImportOptions): TensorType {
  if (input.type !== "tensor" || input.dtype === undefined)
    throw unsupportedType(input.type === "tensor" ? "untyped input" : `${input.type} input`, input.name);
  if (input.dtype === "string") throw unsupportedType("string input", input.name);
  const given = options.shapes?.get(input.name);
  const shape = given ?? (input.dims ?? []).map((dim) => (typeof dim === "string" ? dims.get(dim)! : dim!));
  if (given !== undefined && input.dims !== undefined && input.dims.length !== given.length) {
    throw invalidBinding(
      `--shape ${input.name}`,
      `rank ${given.length} given, the model declares rank ${input.dims.length}`,
    );
  }
  if (shape.length > MAX_RANK) throw limitExceeded("rank", MAX_RANK, undefined);
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0 || dim > MAX_DIM)
      throw invalidBinding(`input ${quote(input.name)}`, `dim ${dim} is not a whole number from 0 to ${MAX_DIM}`);
  }
  byteSize(input.dtype, shape, `input ${quote(input.name)}`);
  return { dtype: input.dtype, shape };
}

function checkBound(name: string, type: TensorType, tensor: Tensor): Tensor {
  const same =
    type.dtype === tensor.dtype &&
    type.shape.length === tensor.shape.length &&
    type.shape.every((dim, d) => dim === tensor.shape[d]);
  if (!same)
    throw invalidBinding(
      `--bind ${name}`,
      `the input is ${type.dtype}[${type.shape.join(",")}], the value ${tensor.dtype}[${tensor.shape.join(",")}]`,
    );
  if (sizeOf(tensor.shape) > MAX_KNOWN)
    throw invalidBinding(`--bind ${name}`, `only inputs of at most ${MAX_KNOWN} elements can be bound`);
  return tensorFromBytes(
    tensor.dtype,
    tensor.shape,
    new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength),
  );
}
