/** MiniMalloc's CSV with an `offset` column; the file's other columns stay as they are, in their order. */
import { malformedPacking, quote } from "../errors.ts";
import type { PackingBuffer } from "../solve/packing/types.ts";
import { printGaps } from "./fields.ts";
import type { ColumnKind, CsvColumn, PackingFile } from "./types.ts";

/** Columns that the buffers need, in MiniMalloc's order, where no file says another. */
export function columnsFor(buffers: readonly PackingBuffer[]): readonly CsvColumn[] {
  const named = (kind: ColumnKind): CsvColumn => ({ name: kind, kind });
  const columns = (["id", "lower", "upper", "size"] as const).map(named);
  if (buffers.some((buffer) => (buffer.alignment ?? 1) !== 1)) columns.push(named("alignment"));
  if (buffers.some((buffer) => buffer.hint !== undefined)) columns.push(named("hint"));
  if (buffers.some((buffer) => (buffer.gaps?.length ?? 0) > 0)) columns.push(named("gaps"));
  if (buffers.some((buffer) => buffer.offset !== undefined)) columns.push(named("offset"));
  return columns;
}

/**
 * The text in pieces of many lines each. With `offsets` (one a buffer) they fill the `offset` column, which
 * is added where the file has none; without, the buffers' own fixed offsets stay.
 */
export function* csvText(file: PackingFile, offsets?: readonly number[]): Generator<string> {
  const { buffers, arenas = [] } = file.problem;
  if (arenas.length > 1 || buffers.some((buffer) => buffer.arenas !== undefined || buffer.inside !== undefined))
    throw malformedPacking("the CSV", "arenas and buffers inside of others have no columns", "write JSON: -o OUT.json");
  const columns =
    offsets === undefined || file.columns.some(({ kind }) => kind === "offset")
      ? file.columns
      : [...file.columns, { name: "offset", kind: "offset" } as const];
  const add = file.inclusiveEnds ? 1 : 0;
  let lines: string[] = [columns.map(({ name }) => field(name)).join(",")];
  for (let i = 0; i < buffers.length; i++) {
    const buffer = buffers[i]!;
    let extras = 0;
    let line = "";
    for (let c = 0; c < columns.length; c++) {
      if (c > 0) line += ",";
      const { kind } = columns[c]!;
      switch (kind) {
        case "id":
          line += buffer.id === undefined ? i : field(buffer.id);
          break;
        case "lower":
          line += buffer.lower;
          break;
        case "upper":
          line += buffer.upper - add;
          break;
        case "size":
          line += buffer.size;
          break;
        case "alignment":
          line += buffer.alignment ?? 1;
          break;
        case "hint":
          line += buffer.hint ?? -1;
          break;
        case "gaps":
          line += printGaps(buffer.gaps ?? [], add);
          break;
        case "offset":
          line += offsets?.[i] ?? buffer.offset ?? "";
          break;
        case "extra":
          line += field(file.extra[i]?.[extras++] ?? "");
          break;
        default:
          kind satisfies never;
      }
    }
    lines.push(line);
    if (lines.length === 4096) {
      yield `${lines.join("\n")}\n`;
      lines = [];
    }
  }
  if (lines.length > 0) yield `${lines.join("\n")}\n`;
}

function field(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text))
    throw malformedPacking(
      "the CSV",
      `${quote(text)} holds control characters, which a CSV can't`,
      "write JSON: -o OUT.json",
    );
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
