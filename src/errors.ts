/**
 * The error catalogue. Three kinds of bad news that are never confused: bad input, no plan, our bug.
 * Every error is made by a function of this file, in alphabetical order, and has a stable code.
 */

export interface ErrorParts {
  /** Stable, kebab-case. */
  readonly code: string;
  /** What happened, with numbers. */
  readonly message: string;
  /** Node, operator, file, flag. */
  readonly where?: string | undefined;
  /** More lines: what is live, bounds. */
  readonly details?: readonly string[] | undefined;
  /** What the user can do. */
  readonly help?: string | undefined;
  readonly cause?: unknown;
}

// Names come from untrusted models: C0/C1 controls could drive a terminal or forge log lines.
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

const printable = (text: string): string =>
  text.replace(CONTROL, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

/** Shortens a name that a model chose before it goes into a message. */
export const quote = (name: string): string => {
  const short = name.length > 120 ? `${name.slice(0, 117)}...` : name;
  return `'${printable(short).replaceAll("\n", "\\n")}'`;
};

export class StrataError extends Error {
  readonly code: string;
  readonly where: string | undefined;
  readonly details: readonly string[];
  readonly help: string | undefined;

  constructor(parts: ErrorParts) {
    super(printable(parts.message), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = new.target.name;
    this.code = parts.code;
    this.where = parts.where === undefined ? undefined : printable(parts.where);
    this.details = (parts.details ?? []).map(printable);
    this.help = parts.help === undefined ? undefined : printable(parts.help);
  }

  /** The same facts for tools. */
  toJSON(): {
    kind: string;
    code: string;
    message: string;
    where: string | null;
    details: readonly string[];
    help: string | null;
  } {
    return {
      kind: this.name,
      code: this.code,
      message: this.message,
      where: this.where ?? null,
      details: this.details,
      help: this.help ?? null,
    };
  }

  /** The same facts for people. */
  format(): string {
    const lines = [`error[${this.code}]: ${this.message}`];
    if (this.where !== undefined) lines.push(`  at   ${this.where}`);
    for (const detail of this.details) lines.push(`  note ${detail}`);
    if (this.help !== undefined) lines.push(`  help ${this.help}`);
    return lines.join("\n");
  }
}

/** The model, the plan or a flag is bad. Exit code 2. */
export class InputError extends StrataError {}
/** No plan exists, or none was found within the budget. Exit code 1. */
export class InfeasibleError extends StrataError {}
/** A bug in Strata. Exit code 3. */
export class InternalError extends StrataError {}

/** An error of another thread, from its `toJSON`. */
export function revived({ kind, where, help, ...parts }: ReturnType<StrataError["toJSON"]>): StrataError {
  const all = { ...parts, where: where ?? undefined, help: help ?? undefined };
  if (kind === "InputError") return new InputError(all);
  return kind === "InfeasibleError" ? new InfeasibleError(all) : new InternalError(all);
}

/** Throws InternalError where `condition` is false. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw broken(message);
}

// ---- the catalogue, in alphabetical order ----

/** Data that a kernel can't take: an index out of range, a division by zero. */
export const badData = (kernel: string, message: string): InputError =>
  new InputError({ code: "bad-data", message, where: `kernel ${kernel}` });

/** An input given to a run that is not what the plan wants. */
export const badInput = (name: string, message: string): InputError =>
  new InputError({ code: "bad-input", message, where: `input ${quote(name)}` });

export const broken = (message: string, cause?: unknown): InternalError =>
  new InternalError({
    code: "internal",
    message,
    help: "this is a bug in Strata: please report it with the model and the command",
    cause,
  });

/** No plan was found that fits a memory. */
export const capacityExceeded = (facts: {
  readonly memory: string;
  readonly needed: number;
  readonly capacity: number;
  readonly lowerBound: number;
  readonly step: number;
  readonly node: string;
  readonly live: readonly { readonly name: string; readonly bytes: number }[];
  /** That step's own operands, results and scratch are what does not fit. */
  readonly oneStep?: boolean;
  /** Buffers that can't fit together; steps [from, to). Irreducible: without any one of them they could. */
  readonly conflict?: {
    readonly buffers: readonly { readonly name: string; readonly bytes: number }[];
    readonly from: number;
    readonly to: number;
    readonly irreducible: boolean;
  };
}): InfeasibleError =>
  new InfeasibleError({
    code: "capacity-exceeded",
    message: `${facts.memory} needs ${facts.needed} bytes at step ${facts.step}, its capacity is ${facts.capacity}`,
    where: facts.node === "" ? undefined : `node ${quote(facts.node)}`,
    details: [
      `${facts.live.length} buffers are live; largest: ${facts.live
        .slice(0, 5)
        .map(({ name, bytes }) => `${quote(name)} ${bytes}`)
        .join(", ")}`,
      facts.oneStep === true
        ? `they are the operands, results and scratch of that one step: moving or recomputing others can't help`
        : `the lower bound of any plan of this order is ${facts.lowerBound} bytes`,
      ...(facts.conflict === undefined ? [] : [conflictNote(facts.conflict)]),
    ],
    help:
      facts.lowerBound > facts.capacity
        ? `raise --capacity ${facts.memory}=BYTES to at least ${facts.lowerBound}, or make the batch or the sequence smaller`
        : `a better packing may fit: raise --budget, or --capacity ${facts.memory}=BYTES`,
  });

const conflictNote = ({
  buffers,
  from,
  to,
  irreducible,
}: NonNullable<Parameters<typeof capacityExceeded>[0]["conflict"]>): string => {
  const steps = to - from === 1 ? `step ${from}` : `steps ${from} to ${to - 1}`;
  const names = buffers.slice(0, 8).map(({ name, bytes }) => `${quote(name)} ${bytes}`);
  const more = buffers.length > names.length ? `, and ${buffers.length - names.length} more` : "";
  return `these ${buffers.length} can't fit together at ${steps}${irreducible ? ", and without any one of them could" : ""}: ${names.join(", ")}${more}`;
};

/** If, Loop or Scan that does not resolve at compile time. */
export const controlFlow = (node: string, op: string, message: string): InputError =>
  new InputError({
    code: "control-flow",
    message,
    where: `node ${quote(node)} (${op})`,
    help: "Strata plans static graphs: bind the input that decides it with --bind NAME=VALUES, or export the model without it",
  });

/** The optional decoder package is not installed. */
export const decoderMissing = (name: string, cause: unknown): InputError =>
  new InputError({
    code: "decoder-missing",
    message: `the decoder ${quote(name)} is not installed`,
    help: `install it (npm install ${name}), or leave the choice of decoder to Strata`,
    cause,
  });

/** The GPU went away: the driver reset it, it was unplugged, or the device was closed while in use. */
export const deviceLost = (reason: string, message: string, cause?: unknown): InfeasibleError =>
  new InfeasibleError({
    code: "device-lost",
    message: `the GPU device was lost (${reason === "" ? "unknown" : reason}): ${message}`,
    help: "run again; if it happens again, the step before may take longer than the driver allows: try a smaller batch",
    cause,
  });

/** The GPU has not the memory for a buffer; `bytes` is undefined where the driver does not say which. */
export const deviceOutOfMemory = (what: string, bytes: number | undefined, message?: string): InfeasibleError =>
  new InfeasibleError({
    code: "device-out-of-memory",
    message: bytes === undefined ? `${what} is out of memory` : `the GPU can't give ${bytes} bytes for ${what}`,
    details: message === undefined || message === "" ? [] : [message],
    help: "compile for a smaller --capacity or a smaller batch, close what else uses the GPU, or run with --backend wasm",
  });

/** Two definitions of one name, where ONNX wants each name defined once. */
export const duplicateName = (what: string, name: string, where?: string): InputError =>
  new InputError({ code: "duplicate-name", message: `${what} ${quote(name)} is defined more than once`, where });

/** The external_data entries of a tensor make no sense. */
export const externalDataInvalid = (tensor: string, message: string): InputError =>
  new InputError({
    code: "external-data-invalid",
    message,
    where: `tensor ${quote(tensor)}`,
    help: "an external tensor says location, and may say offset, length and checksum",
  });

/** The file with a tensor's bytes is not there, or no folder was given to look in. */
export const externalDataMissing = (
  tensor: string,
  location: string,
  folder: string | undefined,
  cause?: unknown,
): InputError =>
  new InputError({
    code: "external-data-missing",
    message:
      folder === undefined
        ? `external data ${quote(location)} has no folder to be read from`
        : `external data ${quote(location)} is not in ${quote(folder)}`,
    where: `tensor ${quote(tensor)}`,
    help: "give the folder of the weight files with --external-data DIR",
    cause,
  });

/** The location of external data leads, or could lead, out of the folder it must be in. */
export const externalDataOutside = (tensor: string, location: string, message: string): InputError =>
  new InputError({
    code: "external-data-outside",
    message: `external data ${quote(location)} ${message}`,
    where: `tensor ${quote(tensor)}`,
    help: "only regular files inside the model's folder are read: copy the file there, or give its own folder with --external-data DIR",
  });

/** The external file ends before the tensor's bytes do. */
export const externalDataRange = (
  tensor: string,
  location: string,
  offset: number,
  length: number,
  size: number,
): InputError =>
  new InputError({
    code: "external-data-range",
    message: `bytes ${offset} to ${offset + length} of ${quote(location)} are wanted, but it has ${size}`,
    where: `tensor ${quote(tensor)}`,
    help: "the weight file is cut short, or belongs to another model",
  });

/** A file that the user named is not there. */
export const fileNotFound = (file: string, cause?: unknown): InputError =>
  new InputError({ code: "file-not-found", message: `there is no file ${quote(file)}`, cause });

/** A file that the user named can't be read. */
export const fileUnreadable = (file: string, message: string, cause?: unknown): InputError =>
  new InputError({ code: "file-unreadable", message: `${quote(file)} ${message}`, cause });

/** Model functions that call each other in a circle. */
export const functionCycle = (names: readonly string[]): InputError =>
  new InputError({
    code: "function-cycle",
    message: `function ${quote(names[0] ?? "")} calls itself`,
    details: [`through ${names.map(quote).join(" -> ")}`],
  });

/** The GPU refused a command of ours. */
export const gpuValidation = (message: string, cause?: unknown): InternalError =>
  new InternalError({
    code: "gpu-validation",
    message: `WebGPU reports: ${message}`,
    help: "this is a bug in Strata: please report it with the model, the command and the GPU's name",
    cause,
  });

/** Nodes that wait for each other. */
export const graphCycle = (nodes: readonly string[], graph: string): InputError =>
  new InputError({
    code: "graph-cycle",
    message: `${nodes.length} node(s) wait for each other: ${nodes.slice(0, 8).map(quote).join(" -> ")}${nodes.length > 8 ? " -> ..." : ""}`,
    where: graph,
  });

/** A --dim, --shape or --bind that does not fit the model. */
export const invalidBinding = (what: string, message: string, help?: string): InputError =>
  new InputError({ code: "invalid-binding", message, where: what, help });

/** A command-line value that does not parse. */
export const invalidFlag = (flag: string, value: string, message: string): InputError =>
  new InputError({ code: "invalid-flag", message: `${quote(value)}: ${message}`, where: flag });

/** A checkpoint of a training that can't go on from it. */
export const invalidCheckpoint = (where: string, message: string): InputError =>
  new InputError({ code: "invalid-checkpoint", message, where, help: "start over without --resume" });

/** A mapping game that makes no sense. */
export const invalidGame = (where: string, message: string): InputError =>
  new InputError({
    code: "invalid-game",
    message,
    where,
    help: 'a game is {"hw": {"C", "Bs", "Bf"}, "sizes": [bytes], "outputs": [value], "instr": [{"c", "reads", "writes"}]}',
  });

/** Weights of an agent that this version can't use. */
export const invalidWeights = (where: string, message: string): InputError =>
  new InputError({ code: "invalid-weights", message, where, help: "strata train-mapper makes a new set" });

/** A node breaks the rules of its operator (rank, dtype, attribute, operand count). */
export const invalidNode = (node: string, op: string, message: string): InputError =>
  new InputError({ code: "invalid-node", message, where: `node ${quote(node)} (${op})` });

/** The operator set imports, or the IR version, are missing or contradict themselves. */
export const invalidOpset = (message: string, where: string): InputError =>
  new InputError({ code: "invalid-opset", message, where });

/** An option of a model generator that it does not have, or a value that does not fit. */
export const invalidOption = (name: string, value: string, help: string): InputError =>
  new InputError({ code: "invalid-option", message: `option ${quote(name)} can't be ${quote(value)}`, help });

/** A packing problem with a buffer that makes no sense. */
export const invalidPacking = (buffer: number, message: string): InputError =>
  new InputError({ code: "invalid-packing", message, where: `buffer ${buffer}` });

/** A tensor whose dims, type and data don't fit each other. */
export const invalidTensor = (tensor: string, message: string): InputError =>
  new InputError({ code: "invalid-tensor", message, where: `tensor ${quote(tensor)}` });

/** A --pin that can't be honoured. */
export const invalidPin = (name: string, message: string): InputError =>
  new InputError({ code: "invalid-pin", message, where: `--pin ${quote(name)}` });

/** A plan file that is not one. */
export const invalidPlan = (path: string, message: string): InputError =>
  new InputError({
    code: "invalid-plan",
    message,
    where: path === "" ? "the plan" : path,
    help: "strata schema prints what a plan looks like; compile the model again",
  });

/** A target description that does not hold together. */
export const invalidTarget = (where: string, message: string): InputError =>
  new InputError({ code: "invalid-target", message, where });

/** A limit on untrusted input was hit; `flag` raises it where there is one. */
export const limitExceeded = (limit: string, value: number, flag: string | undefined, where?: string): InputError =>
  new InputError({
    code: "limit-exceeded",
    message: `the limit on ${limit} is ${value}`,
    where,
    help: flag === undefined ? undefined : `if the model is to be trusted, raise it with ${flag}`,
  });

/** A conformance case whose files are not as ONNX's backend tests have them. */
export const malformedCase = (path: string, message: string): InputError =>
  new InputError({ code: "malformed-case", message, where: quote(path) });

/** Bytes that are no ONNX model; `offset` is where reading stopped, where that is known. */
export const malformedModel = (
  message: string,
  where: string,
  offset?: number,
  help?: string,
  cause?: unknown,
): InputError =>
  new InputError({
    code: "malformed-model",
    message: offset === undefined ? message : `${message}, at byte ${offset}`,
    where,
    help,
    cause,
  });

/** A file that is no packing problem; `where` says which line (CSV) or which field (JSON). */
export const malformedPacking = (where: string, message: string, help?: string): InputError =>
  new InputError({ code: "malformed-packing", message, where, help });

/** Textual IR that does not parse. */
export const malformedText = (line: number, message: string): InputError =>
  new InputError({ code: "malformed-text", message, where: `line ${line}` });

/** A GPU target whose kernels the caller did not bring along. */
export const missingDispatches = (target: string): InputError =>
  new InputError({
    code: "missing-dispatches",
    message: `target ${quote(target)} runs GPU dispatches, and none were given`,
    help: "call compile(), which traces the kernels, or give compileModel() the result of dispatchesFor(target)",
  });

/** A step that no kernel of this backend computes. */
export const missingKernel = (kernel: string, node: string): InputError =>
  new InputError({
    code: "missing-kernel",
    message:
      kernel === "opaque" ? "this step is opaque: it can be planned, not run" : `there is no kernel ${quote(kernel)}`,
    where: `node ${quote(node)}`,
    help: "the plan is valid for planning; to run it, express the operator in standard ones",
  });

/** The model file is not the one that a plan was made from. */
export const modelMismatch = (file: string, wanted: string, got: string): InputError =>
  new InputError({
    code: "model-mismatch",
    message: `the plan was made from a model with sha256 ${wanted.slice(0, 12)}..., this one has ${got.slice(0, 12)}...`,
    where: quote(file),
    help: "give the right file with --model, or compile again",
  });

/** There is no GPU that can be used. */
export const noAdapter = (message: string, help: string, cause?: unknown): InputError =>
  new InputError({ code: "no-adapter", message, help, cause });

/** A target without a second memory that values could be mapped to. */
export const noFastMemory = (target: string, message: string): InputError =>
  new InputError({
    code: "no-fast-memory",
    message: `there is no fast memory to map to: ${message}`,
    where: `target ${quote(target)}`,
    help: "leave map-memory out, or choose a target with a fast memory, such as tpu-v4i (strata targets)",
  });

/** Something of a mapped plan asked of one that maps nothing. */
export const notMapped = (target: string, what: string): InputError =>
  new InputError({
    code: "not-mapped",
    message: `the plan maps nothing to a fast memory, which is what ${what}`,
    where: `plan for ${quote(target)}`,
    help: "compile it with --pass map-memory, for a target with a fast memory (strata targets)",
  });

/** The runtime could not get the memory that a plan needs. */
export const outOfMemory = (what: string, bytes: number): InfeasibleError =>
  new InfeasibleError({
    code: "out-of-memory",
    message: `${what} can't give ${bytes} bytes`,
    help: "compile for a smaller --capacity, a smaller batch, or run on another backend",
  });

/** A plan that the verifier rejects: it must not be executed. */
export const planRejected = (violations: readonly { readonly code: string; readonly message: string }[]): InputError =>
  new InputError({
    code: "plan-rejected",
    message: `the plan breaks ${violations.length} rule(s); nothing was executed`,
    details: violations.slice(0, 10).map((violation) => `${violation.code}: ${violation.message}`),
    help: "compile the model again; strata verify lists every rule that it breaks",
  });

/** A plan of another version of the format. */
export const planVersion = (version: string): InputError =>
  new InputError({
    code: "plan-version",
    message: `the plan is of version ${quote(version)}, this Strata reads version 1`,
    help: "compile the model again",
  });

/**
 * An optional package that a backend needs is not installed, or does not load. `commands`: what installs
 * it; `notes`: why what is installed does not load.
 */
export const providerMissing = (
  name: string,
  what: string,
  commands: readonly string[],
  notes: readonly string[] = [],
  cause?: unknown,
): InputError =>
  new InputError({
    code: "provider-missing",
    message: `${what} needs the package ${quote(name)}, which is not installed or does not load`,
    details: notes,
    help: `install it: ${commands.join("\n         or: ")}`,
    cause,
  });

/** A picture as PNG without what renders it. */
export const rendererMissing = (cause: unknown): InputError =>
  new InputError({
    code: "renderer-missing",
    message: "PNG needs @resvg/resvg-js, which is not installed or does not load",
    help: "npm install @resvg/resvg-js, or write .svg",
    cause,
  });

/** A shape depends on data that is known only at run time. */
export const shapeDependsOnData = (node: string, op: string, message: string): InputError =>
  new InputError({
    code: "shape-depends-on-data",
    message,
    where: `node ${quote(node)} (${op})`,
    help: "bind the input that decides it with --bind NAME=VALUES, or export the model with a static shape",
  });

export const sizeOverflow = (where: string, shape: readonly number[]): InputError =>
  new InputError({
    code: "size-overflow",
    message: `the size of shape [${shape.join(",")}] passes 2^53 - 1 bytes`,
    where,
  });

/** The GPU kernels of this version are not those that a plan was made for. */
export const traceMismatch = (message: string): InputError =>
  new InputError({
    code: "trace-mismatch",
    message,
    help: "compile the model again with this version of Strata",
  });

/** Symbolic dims of inputs that no --dim binds. */
export const unboundDim = (inputs: readonly string[], dims: readonly string[]): InputError =>
  new InputError({
    code: "unbound-dim",
    message:
      dims.length > 0
        ? `${dims.length} dim(s) have no size: ${dims.map(quote).join(", ")}`
        : "some input dims have neither a size nor a name",
    details: inputs.map((input) => `input ${input}`),
    help:
      dims.length > 0
        ? `bind each one: ${dims.map((dim) => `--dim ${dim}=N`).join(" ")}`
        : "give the whole shape: --shape NAME=D0,D1,...",
  });

/** A name that is read but that no input, initializer or node defines. */
export const undefinedValue = (name: string, reader: string): InputError =>
  new InputError({
    code: "undefined-value",
    message: `${quote(name)} is read but nothing defines it`,
    where: quote(reader),
  });

/** A backend that is not there. */
export const unknownBackend = (name: string, known: readonly string[]): InputError =>
  new InputError({
    code: "unknown-backend",
    message: `there is no backend ${quote(name)}`,
    help: `choose one of ${known.join(", ")}`,
  });

/** A domain that Strata knows no operator of, on a node without declared shapes. */
export const unknownDomain = (node: string, op: string, domain: string): InputError =>
  new InputError({
    code: "unknown-domain",
    message: `no operator of domain ${quote(domain)} is known, and the node's results have no declared static shapes`,
    where: `node ${quote(node)} (${domain}::${op})`,
    help: "declare the shapes in value_info to have it planned as an opaque step, or give the model a function body for it",
  });

/** A model that no generator makes. */
export const unknownModel = (name: string, known: readonly string[], near: string | undefined): InputError =>
  new InputError({
    code: "unknown-model",
    message: `there is no generator ${quote(name)}`,
    help: near === undefined ? `choose one of ${known.join(", ")}` : `did you mean ${near}?`,
  });

/** An operator that Strata does not know, on a node without declared shapes. */
export const unknownOperator = (node: string, op: string, domain: string, near: string | undefined): InputError =>
  new InputError({
    code: "unknown-operator",
    message: `operator ${quote(op)} is not known, and the node's results have no declared static shapes`,
    where: `node ${quote(node)} (${domain === "" ? "ai.onnx" : domain}::${op})`,
    help:
      near === undefined
        ? "declare the shapes in value_info to have it planned as an opaque step"
        : `did you mean ${near}?`,
  });

/** A pass that is not there. */
export const unknownPass = (name: string, known: readonly string[], near: string | undefined): InputError =>
  new InputError({
    code: "unknown-pass",
    message: `there is no pass ${quote(name)}`,
    help: near === undefined ? `choose one of ${known.join(", ")}` : `did you mean ${near}?`,
  });

/** A target that is not built in. */
export const unknownTarget = (name: string, known: readonly string[], near: string | undefined): InputError =>
  new InputError({
    code: "unknown-target",
    message: `there is no target ${quote(name)}`,
    help: near === undefined ? `choose one of ${known.join(", ")}, or a JSON file` : `did you mean ${near}?`,
  });

/** A value type that has no memory to plan: sequences, optionals, maps, sparse tensors. */
export const unsupportedType = (what: string, name: string): InputError =>
  new InputError({
    code: "unsupported-type",
    message: `${what} ${quote(name)}: only dense tensors can be planned`,
    where: quote(name),
  });

/** The operator is known, but not in this form (a dtype, an attribute): refused, never guessed. */
export const unsupportedForm = (node: string, op: string, message: string): InputError =>
  new InputError({ code: "unsupported-form", message, where: `node ${quote(node)} (${op})` });

/** An output file that can't be written; nothing is left behind. */
export const unwritable = (path: string, message: string): InputError =>
  new InputError({ code: "unwritable", message: `can't write ${quote(path)}: ${message}`, where: quote(path) });

/** The model's constant is not what the plan was made for. */
export const weightMismatch = (name: string, wanted: number, got: number): InputError =>
  new InputError({
    code: "weight-mismatch",
    message: `constant ${quote(name)} has ${got} bytes, the plan wants ${wanted}`,
    help: "the plan was compiled from another model file: compile again",
  });

/** A weight whose bytes the model does not hold. */
export const weightsMissing = (name: string): InputError =>
  new InputError({
    code: "weights-missing",
    message: `the model holds no bytes for constant ${quote(name)}`,
    help: "planning needs no weights, running does: give a model with its weights",
  });

/** A thread that died, or could not start. */
export const workerFailed = (message: string, cause?: unknown): InternalError =>
  new InternalError({
    code: "worker-failed",
    message: `a worker thread failed: ${message}`,
    help: "memory may be short: fewer --workers need less, and give the same answer",
    cause,
  });

/** A plan asked to run on a backend that its steps were not made for. */
export const wrongBackend = (backend: string, target: string, executor: string): InputError =>
  new InputError({
    code: "wrong-backend",
    message: `the plan is for target ${quote(target)} (${executor}); backend ${backend} can't run it`,
    help: "leave --backend out, or compile the model for another --target",
  });

/** An instruction whose operands can't all be in a fast memory that it must read from. */
export const workingSetTooLarge = (
  instruction: number,
  needed: number,
  capacity: number,
  facts?: { readonly node: string; readonly memory: string; readonly operands: readonly string[] },
): InfeasibleError =>
  new InfeasibleError({
    code: "working-set-too-large",
    message: `instruction ${instruction} needs ${needed} bytes of ${facts?.memory ?? "fast memory"} at once, there are ${capacity}`,
    where: facts === undefined ? `instruction ${instruction}` : `node ${quote(facts.node)}`,
    details: facts === undefined ? [] : [`largest of what it reads and writes: ${facts.operands.join(", ")}`],
    help: "raise the fast memory's capacity, or make the batch or the sequence smaller",
  });

/** A pass asked to run on a stage that it does not fit. */
export const wrongStage = (pass: string, wanted: string, got: string): InputError =>
  new InputError({
    code: "wrong-stage",
    message: `pass ${quote(pass)} works on a ${wanted}, this is a ${got}`,
    help: "strata passes lists the stages",
  });
