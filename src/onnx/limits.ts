/**
 * What a model file may ask for. The bytes are untrusted, so every resource that they could exhaust
 * has a limit with a name; each can be raised by `--limit NAME=N` for a model that is trusted.
 */
import { limitExceeded, type InputError } from "../errors.ts";

export interface ReadLimits {
  /** Bytes of the model file itself: protobuf's own ceiling. Bigger models keep weights in external data. */
  readonly fileBytes: number;
  /** Messages inside messages. The decoder has a ceiling of its own at 100, so this can only be lowered. */
  readonly depth: number;
  /** Graphs inside graphs (bodies of If, Loop, Scan). */
  readonly subgraphDepth: number;
  /** Functions that call functions. */
  readonly functionDepth: number;
  /** Nodes in all graphs and functions, and again after functions are inlined. */
  readonly nodes: number;
  /** Value declarations: inputs, outputs and value_info of all graphs. */
  readonly values: number;
  /** Tensors: initializers and tensors in attributes. */
  readonly initializers: number;
  /** Inputs of one node, and its outputs. */
  readonly operands: number;
  /** Dims of one tensor. */
  readonly rank: number;
  /** Size of one dim. */
  readonly dim: number;
  /** Bytes of one tensor, planned and not necessarily ever held. */
  readonly tensorBytes: number;
  /** UTF-8 bytes of a name, or of a string in an attribute. */
  readonly nameBytes: number;
  /** Bytes of memory that decoding may take for each byte of the file, on top of 64 MiB. */
  readonly expansion: number;
  /** Different files of external data. */
  readonly externalFiles: number;
}

export const DEFAULT_LIMITS: ReadLimits = {
  fileBytes: 2 ** 31,
  depth: 100,
  subgraphDepth: 16,
  functionDepth: 32,
  nodes: 1_000_000,
  values: 1_000_000,
  initializers: 1_000_000,
  operands: 65_536,
  rank: 64,
  dim: 2 ** 31 - 1,
  tensorBytes: 2 ** 40,
  nameBytes: 65_536,
  expansion: 64,
  externalFiles: 65_536,
};

/** What each limit counts, for messages and for the help of `--limit`. */
export const LIMIT_LABELS: Readonly<Record<keyof ReadLimits, string>> = {
  fileBytes: "bytes of a model file",
  depth: "messages inside messages",
  subgraphDepth: "graphs inside graphs",
  functionDepth: "functions inside functions",
  nodes: "nodes",
  values: "declared values",
  initializers: "initializers and other tensors",
  operands: "inputs or outputs of a node",
  rank: "rank",
  dim: "the size of a dim",
  tensorBytes: "bytes of a tensor",
  nameBytes: "bytes of a name or a string attribute",
  expansion: "bytes of memory for a byte of the file",
  externalFiles: "files of external data",
};

/** The InputError (`limit-exceeded`) of a limit that was hit, naming the flag that raises it. */
export const overLimit = (limits: ReadLimits, name: keyof ReadLimits, where?: string): InputError =>
  limitExceeded(LIMIT_LABELS[name], limits[name], `--limit ${name}=N`, where);
