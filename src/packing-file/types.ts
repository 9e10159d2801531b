import type { PackingProblem } from "../solve/packing/types.ts";

/** What a column of the CSV means; `extra` columns are carried along unread. */
export type ColumnKind = "id" | "lower" | "upper" | "size" | "alignment" | "gaps" | "offset" | "hint" | "extra";

export interface CsvColumn {
  /** As the file spells it. */
  readonly name: string;
  readonly kind: ColumnKind;
}

/** A packing problem and what its file says beyond it, so that it can be written back as it was. */
export interface PackingFile {
  readonly problem: PackingProblem;
  readonly format: "csv" | "json";
  /** In the file's order; for JSON, the columns that its buffers need. */
  readonly columns: readonly CsvColumn[];
  /** Ends of lifetimes and gaps are the last time alive in the file (a column named `end`); half-open in the problem. */
  readonly inclusiveEnds: boolean;
  /** Fields of the extra columns, a row a buffer; empty where there are none. */
  readonly extra: readonly (readonly string[])[];
}

/** What a reader takes before it gives up: a file is untrusted. */
export interface PackingFileLimits {
  readonly maxBuffers: number;
  readonly maxLineBytes: number;
  readonly maxBytes: number;
}

/** About 1 GB of memory for the largest file. */
export const DEFAULT_LIMITS: PackingFileLimits = {
  maxBuffers: 4_000_000,
  maxLineBytes: 1 << 20,
  maxBytes: 512 * 1024 * 1024,
};
