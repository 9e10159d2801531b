/** What every problem must keep before anything is packed. */
import { invalidPacking } from "../../errors.ts";
import { collidingPins } from "./pins.ts";
import type { PackingBuffer, PackingProblem } from "./types.ts";

/** Throws InputError `invalid-packing`: a buffer that makes no sense, fixed buffers that collide, sums above 2^53. */
export function checkProblem({ buffers, arenas = [] }: PackingProblem): void {
  let sum = 0;
  for (let i = 0; i < buffers.length; i++) {
    checkBuffer(buffers[i]!, i);
    sum += buffers[i]!.size + (buffers[i]!.alignment ?? 1) - 1;
    if (!(sum <= Number.MAX_SAFE_INTEGER)) throw invalidPacking(i, "the sizes up to this one add up to more than 2^53");
  }
  arenas.forEach(({ capacity = 0, forbidden = [] }, a) => {
    if (!Number.isSafeInteger(capacity) || capacity < 0) throw invalidPacking(0, `capacity ${capacity} of arena ${a}`);
    for (const [from, to] of forbidden)
      if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from)
        throw invalidPacking(0, `forbidden region [${from}, ${to}) of arena ${a}`);
  });
  for (let i = 0; i < buffers.length; i++) {
    const { inside, arenas: allowed } = buffers[i]!;
    if (allowed !== undefined)
      for (const a of allowed)
        if (!(Number.isInteger(a) && a >= 0 && a < Math.max(1, arenas.length))) throw invalidPacking(i, `arena ${a}`);
    if (allowed?.length === 0) throw invalidPacking(i, "no arena may hold it");
    if (inside === undefined) continue;
    const parent = buffers[inside.buffer];
    if (parent === undefined) throw invalidPacking(i, `it lies inside buffer ${inside.buffer}, which is none`);
    const { distance } = inside;
    if (!Number.isSafeInteger(distance) || distance < 0 || distance + buffers[i]!.size > parent.size)
      throw invalidPacking(i, `at ${distance} it does not lie inside buffer ${inside.buffer} of ${parent.size} bytes`);
    let steps = 0;
    for (let at: number | undefined = i; at !== undefined; at = buffers[at]?.inside?.buffer)
      if (steps++ > buffers.length) throw invalidPacking(i, "it lies inside itself");
  }
  const collision = collidingPins(buffers);
  if (collision === undefined) return;
  const [other, i] = collision;
  const { offset, id } = buffers[other]!;
  throw invalidPacking(i, `fixed at ${buffers[i]!.offset}, it collides with buffer ${id ?? other}, fixed at ${offset}`);
}

function checkBuffer({ lower, upper, size, alignment = 1, offset = 0, gaps = [] }: PackingBuffer, i: number): void {
  if (!Number.isSafeInteger(lower) || !Number.isSafeInteger(upper) || upper < lower)
    throw invalidPacking(i, `lifetime [${lower}, ${upper})`);
  if (!Number.isSafeInteger(size) || size < 0) throw invalidPacking(i, `size ${size}`);
  if (!Number.isSafeInteger(alignment) || alignment < 1) throw invalidPacking(i, `alignment ${alignment}`);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % alignment !== 0 || !Number.isSafeInteger(offset + size))
    throw invalidPacking(i, `fixed offset ${offset}`);
  let last = lower;
  for (const gap of gaps) {
    if (!(gap.lower >= last && gap.upper >= gap.lower && gap.upper <= upper))
      throw invalidPacking(i, `gap [${gap.lower}, ${gap.upper})`);
    last = gap.upper;
    if (gap.window !== undefined && !(gap.window[0] >= 0 && gap.window[0] <= gap.window[1] && gap.window[1] <= size))
      throw invalidPacking(i, `window [${gap.window[0]}, ${gap.window[1]}) of a gap`);
  }
}
