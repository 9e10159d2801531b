/** A packing problem as JSON: the same fields as the CSV, and those that it has no columns for. */
import { z } from "zod";
import { duplicateName, limitExceeded, malformedPacking } from "../errors.ts";
import type { PackingBuffer, PackingProblem } from "../solve/packing/types.ts";
import { collisionFault, faultOf, TOTAL_FAULT } from "./check.ts";
import { columnsFor } from "./csv-writer.ts";
import { collidingPins } from "../solve/packing/pins.ts";
import type { PackingFile, PackingFileLimits } from "./types.ts";

const integer = z.number().int();
const bytes = integer.nonnegative();
const index = integer.nonnegative();

const gap = z.strictObject({ lower: integer, upper: integer, window: z.tuple([bytes, bytes]).optional() });
const buffer = z.strictObject({
  id: z.union([z.string().min(1), integer.transform(String)]).optional(),
  lower: integer,
  upper: integer,
  size: integer,
  alignment: integer.optional(),
  offset: integer.optional(),
  hint: integer.optional(),
  gaps: z.array(gap).optional(),
  arenas: z.array(index).min(1).optional(),
  inside: z.strictObject({ buffer: index, distance: bytes }).optional(),
});
const arena = z.strictObject({
  name: z.string().optional(),
  capacity: bytes.optional(),
  forbidden: z.array(z.tuple([bytes, bytes])).optional(),
});
const problem = z.strictObject({
  capacity: bytes.optional(),
  arenas: z.array(arena).min(1).optional(),
  buffers: z.array(buffer),
});

/** Throws InputError `malformed-packing`, `duplicate-name` or `limit-exceeded`; `file` is for messages. */
export function readPackingJson(text: string, file: string, limits: PackingFileLimits): PackingFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformedPacking(syntaxPlace(text, file, error), `it is not JSON: ${(error as Error).message}`);
  }
  const count = (value as { buffers?: { length?: unknown } } | null)?.buffers?.length;
  if (typeof count === "number" && count > limits.maxBuffers)
    throw limitExceeded("buffers of a packing problem", limits.maxBuffers, undefined, file);
  const parsed = problem.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw malformedPacking(`${place(issue.path)} of ${file}`, issue.message);
  }
  // Absent and undefined are the same to zod, and never undefined in what JSON.parse gives.
  const checked = parsed.data as PackingProblem;
  check(checked, file);
  return {
    problem: checked,
    format: "json",
    columns: columnsFor(checked.buffers),
    inclusiveEnds: false,
    extra: [],
  };
}

function check({ buffers, arenas }: PackingProblem, file: string): void {
  const seen = new Set<string>();
  let total = 0;
  buffers.forEach((one, i) => {
    const where = `buffers[${i}] of ${file}`;
    const fault = faultOf(one) ?? referenceFault(one, i, buffers.length, arenas?.length ?? 1);
    if (fault !== undefined) throw malformedPacking(where, fault);
    const id = one.id ?? String(i);
    if (seen.has(id)) throw duplicateName("buffer", id, where);
    seen.add(id);
    total += one.size + (one.alignment ?? 1) - 1;
    if (total > Number.MAX_SAFE_INTEGER) throw malformedPacking(where, TOTAL_FAULT);
  });
  const collision = collidingPins(buffers);
  if (collision !== undefined) {
    const [first, second] = [...collision].sort((a, b) => a - b) as [number, number];
    throw malformedPacking(`buffers[${second}] of ${file}`, collisionFault(buffers, second, first));
  }
  arenas?.forEach(({ forbidden = [] }, a) => {
    for (const [from, to] of forbidden)
      if (to < from) throw malformedPacking(`arenas[${a}] of ${file}`, `the range [${from}, ${to}) is inverted`);
  });
}

function referenceFault(one: PackingBuffer, i: number, buffers: number, arenas: number): string | undefined {
  const outside = one.arenas?.find((a) => a >= arenas);
  if (outside !== undefined) return `there is no arena ${outside}: there are ${arenas}`;
  if (one.inside !== undefined && (one.inside.buffer >= buffers || one.inside.buffer === i))
    return `it can't lie inside of buffer ${one.inside.buffer}`;
  return undefined;
}

const place = (path: readonly PropertyKey[]): string =>
  path.length === 0
    ? "the top"
    : path.map((key, i) => (typeof key === "number" ? `[${key}]` : `${i > 0 ? "." : ""}${String(key)}`)).join("");

function syntaxPlace(text: string, file: string, error: unknown): string {
  const at = /position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
  if (at === undefined) return file;
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < Number(at); i = text.indexOf("\n", i + 1)) line++;
  return `line ${line} of ${file}`;
}
