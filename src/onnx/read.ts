/**
 * Reading ONNX: bytes -> Model. The model is decoded, converted, and checked as a file (names, order,
 * functions, tensors, limits); what its operators mean is for src/onnx/import.ts to find.
 */
import { invalidOpset, quote } from "../errors.ts";
import { convertFunction, convertGraph, type Reading } from "./convert.ts";
import { decodeModel, decodeTensor, type DecoderName } from "./decode.ts";
import type { RawModel } from "./decoders/types.ts";
import { externalFolder } from "./external.ts";
import { checkFunctions, functionTable } from "./functions.ts";
import { exactInt } from "./int64.ts";
import { DEFAULT_LIMITS, overLimit, type ReadLimits } from "./limits.ts";
import type { Model, ModelFunction, TensorData } from "./model.ts";
import { orderFunctionNodes, orderGraph } from "./names.ts";
import { opsetVersions } from "./opsets.ts";
import { folderOf, readBytes, sha256 } from "./source.ts";
import { tensorData } from "./tensor-data.ts";

export interface ReadOptions {
  /** Raised or lowered limits; the others keep their defaults. */
  readonly limits?: Partial<ReadLimits>;
  /** Folder of external data; the model's own where left out, none for a model given as bytes. */
  readonly externalData?: string;
  /** `protobufjs` where left out. `onnx-proto` must be installed, and knows ONNX only up to 1.10. */
  readonly decoder?: DecoderName;
}

interface Input {
  readonly bytes: Uint8Array;
  readonly file: string | undefined;
  readonly where: string;
  readonly limits: ReadLimits;
}

async function inputOf(input: string | Uint8Array, what: string, options: ReadOptions): Promise<Input> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  if (typeof input === "string")
    return { bytes: await readBytes(input, limits), file: input, where: quote(input), limits };
  if (input.length > limits.fileBytes) throw overLimit(limits, "fileBytes", what);
  return { bytes: input, file: undefined, where: what, limits };
}

/**
 * Reads a model from a path or from bytes. Weight bytes are views on `input`, external ones are not
 * read. Throws InputError: `file-not-found`, `file-unreadable`, `malformed-model`, `limit-exceeded`,
 * `invalid-opset`, `invalid-tensor`, `invalid-node`, `duplicate-name`, `undefined-value`,
 * `graph-cycle`, `function-cycle`, `unsupported-type`, `size-overflow`, `external-data-*`.
 */
export async function readModel(input: string | Uint8Array, options: ReadOptions = {}): Promise<Model> {
  const { bytes, file, where, limits } = await inputOf(input, "the model's bytes", options);
  const raw = await decodeModel(bytes, options.decoder ?? "protobufjs", limits, where);
  const folder = externalFolder(options.externalData ?? (file === undefined ? undefined : folderOf(file)), limits);
  const reading: Reading = { limits, folder, sparse: new Set() };

  const irVersion = exactInt(raw.irVersion ?? 0) ?? 0;
  const opsets = modelOpsets(raw, irVersion, where);
  const graph = orderGraph(convertGraph(raw.graph ?? {}, reading), reading.sparse);
  const functions = functionTable(
    (raw.functions ?? []).map((message) => orderFunction(convertFunction(message, opsets, reading), reading)),
  );
  checkFunctions(functions, graph.nodes, limits, where);

  const producer = [raw.producerName ?? "", raw.producerVersion ?? ""].filter((part) => part !== "").join(" ");
  return { irVersion, producer, opsets, functions, graph, sha256: sha256(bytes), file, byteLength: bytes.length };
}

/** Models of IR 1 and 2 came before operator sets had versions: theirs is 1. */
function modelOpsets(raw: RawModel, irVersion: number, where: string): ReadonlyMap<string, number> {
  if (irVersion < 1) throw invalidOpset("the model has no valid IR version", where);
  const imports = raw.opsetImport ?? [];
  if (imports.length > 0) return opsetVersions(imports, where);
  if (irVersion >= 3) throw invalidOpset("the model imports no operator set", where);
  return new Map([["", 1]]);
}

function orderFunction(body: ModelFunction, { sparse }: Reading): ModelFunction {
  const where = `function '${body.name}'`;
  const nodes = orderFunctionNodes({ nodes: body.nodes, given: body.inputs, outputs: body.outputs, where }, sparse);
  return { ...body, nodes };
}

/** Reads one tensor (a `.pb` file of ONNX's test data) from a path or from bytes. Throws like {@link readModel}. */
export async function readTensor(input: string | Uint8Array, options: ReadOptions = {}): Promise<TensorData> {
  const { bytes, file, where, limits } = await inputOf(input, "the tensor's bytes", options);
  const raw = await decodeTensor(bytes, options.decoder ?? "protobufjs", limits, where);
  return tensorData(
    raw,
    limits,
    externalFolder(options.externalData ?? (file === undefined ? undefined : folderOf(file)), limits),
  );
}
