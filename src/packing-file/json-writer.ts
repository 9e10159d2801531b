/** Packing problems as JSON text. */
import type { PackingFile } from "./types.ts";

/**
 * The problem with its solution as JSON in pieces of one buffer a line; offsets as in `csvText`. `chosen`: the
 * arena of each buffer, which becomes the only one that may hold it.
 */
export function* jsonText(
  file: PackingFile,
  offsets?: readonly number[],
  chosen?: readonly number[],
): Generator<string> {
  const { capacity, arenas, buffers } = file.problem;
  const head = { ...(capacity === undefined ? {} : { capacity }), ...(arenas === undefined ? {} : { arenas }) };
  const opened = JSON.stringify(head).slice(0, -1);
  yield `${opened}${opened === "{" ? "" : ","}"buffers":[`;
  let piece = "";
  for (let i = 0; i < buffers.length; i++) {
    const one = buffers[i]!;
    const { id, ...rest } = one;
    const offset = offsets?.[i] ?? one.offset;
    const arena = chosen?.[i];
    const whole = {
      id: id ?? String(i),
      ...rest,
      ...(offset === undefined ? {} : { offset }),
      ...(arena === undefined ? {} : { arenas: [arena] }),
    };
    piece += `${i > 0 ? "," : ""}\n${JSON.stringify(whole)}`;
    if (piece.length > 1 << 16) {
      yield piece;
      piece = "";
    }
  }
  yield `${piece}\n]}\n`;
}
