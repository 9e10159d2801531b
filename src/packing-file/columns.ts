/** The header line of the CSV: which column means what, under the names that MiniMalloc knows. */
import { malformedPacking, quote } from "../errors.ts";
import type { ColumnKind, CsvColumn } from "./types.ts";

const KINDS: ReadonlyMap<string, ColumnKind> = new Map([
  ["id", "id"],
  ["buffer", "id"],
  ["buffer_id", "id"],
  ["lower", "lower"],
  ["begin", "lower"],
  ["start", "lower"],
  ["upper", "upper"],
  ["end", "upper"],
  ["size", "size"],
  ["alignment", "alignment"],
  ["gaps", "gaps"],
  ["offset", "offset"],
  ["hint", "hint"],
]);

const REQUIRED: readonly ColumnKind[] = ["id", "lower", "upper", "size"];
const MAX_COLUMNS = 256;

export interface Header {
  readonly columns: readonly CsvColumn[];
  /** MiniMalloc's rule: a column named `end` holds the last time alive. */
  readonly inclusiveEnds: boolean;
}

/** Throws InputError `malformed-packing` where a column is missing or given twice. */
export function readHeader(fields: readonly string[], where: string): Header {
  if (fields.length > MAX_COLUMNS)
    throw malformedPacking(where, `${fields.length} columns, at most ${MAX_COLUMNS} are read`);
  const names = fields.map((field) => field.trim());
  if (names.every((name) => name !== "" && Number.isFinite(Number(name))))
    throw malformedPacking(where, "the first line is data: it must name the columns (id,lower,upper,size)");
  const columns = names.map((name): CsvColumn => ({ name, kind: KINDS.get(name.toLowerCase()) ?? "extra" }));
  const seen = new Set<string>();
  for (const { name, kind } of columns) {
    const key = kind === "extra" ? `extra ${name}` : kind;
    if (seen.has(key)) throw malformedPacking(where, `column ${quote(name)} is given twice`);
    seen.add(key);
  }
  const missing = REQUIRED.filter((kind) => !seen.has(kind));
  if (missing.length > 0)
    throw malformedPacking(
      where,
      `column ${missing.map((kind) => quote(kind)).join(", ")} is missing`,
      `the first line names the columns, in any order: id,lower,upper,size and where wanted alignment,gaps,offset,hint; it is ${quote(names.join(","))}`,
    );
  return { columns, inclusiveEnds: columns.some(({ name }) => name.toLowerCase() === "end") };
}
