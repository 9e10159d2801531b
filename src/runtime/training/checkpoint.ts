/** Training between two runs: everything that the next step depends on, as JSON. */
import { invalidCheckpoint } from "../../errors.ts";
import { FEATURE_VERSION } from "../../solve/mapping/agents/features.ts";
import { parameterCount } from "../../solve/mapping/agents/network.ts";

export interface LogEntry {
  readonly step: number;
  readonly stage: "imitation" | "self-play";
  /** Mean losses since the entry before. */
  readonly total: number;
  readonly policy: number;
  readonly value: number;
  readonly reward: number;
  readonly unrolled: number;
  /** Mean (latency - bound) / bound of one game played by the policy, and by the prices, on games not trained on. */
  readonly gap: number;
  readonly priceGap: number;
}

/** An episode without what can be computed again. */
export interface StoredEpisode {
  readonly game: number;
  /** Base64 of one byte for each access. */
  readonly actions: string;
  /** Base64 of the choices' policies as float32, where they are not the actions. */
  readonly policies?: string;
}

export interface Checkpoint {
  readonly format: "strata-mapper-checkpoint";
  readonly featureVersion: number;
  readonly seed: number;
  readonly steps: number;
  readonly imitationSteps: number;
  readonly batch: number;
  readonly games: readonly string[];
  /** Steps done. */
  readonly step: number;
  readonly parameters: string;
  readonly momentum: string;
  readonly variance: string;
  readonly solved: readonly StoredEpisode[];
  readonly played: readonly StoredEpisode[];
  readonly log: readonly LogEntry[];
}

export const toBase64 = (data: Float32Array | Uint8Array): string =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));
export const floatsOf = (text: string): Float32Array => new Float32Array(bytesOf(text).buffer);

/** Reads a checkpoint. Throws InputError `invalid-checkpoint`. */
export function readCheckpoint(text: string, where: string): Checkpoint {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidCheckpoint(where, "it is not JSON");
  }
  const checkpoint = (value ?? {}) as Partial<Checkpoint>;
  if (checkpoint.format !== "strata-mapper-checkpoint") throw invalidCheckpoint(where, "it is not a checkpoint");
  if (checkpoint.featureVersion !== FEATURE_VERSION)
    throw invalidCheckpoint(
      where,
      `its features have version ${checkpoint.featureVersion}, this is ${FEATURE_VERSION}`,
    );
  for (const name of ["parameters", "momentum", "variance"] as const) {
    const length = typeof checkpoint[name] === "string" ? bytesOf(checkpoint[name]).length : 0;
    if (length !== 4 * parameterCount())
      throw invalidCheckpoint(where, `${name} has ${length} bytes, expected ${4 * parameterCount()}`);
  }
  for (const name of ["seed", "steps", "imitationSteps", "batch", "step"] as const)
    if (!Number.isSafeInteger(checkpoint[name])) throw invalidCheckpoint(where, `${name} is not a whole number`);
  for (const name of ["games", "solved", "played", "log"] as const)
    if (!Array.isArray(checkpoint[name])) throw invalidCheckpoint(where, `${name} is not a list`);
  return checkpoint as Checkpoint;
}
