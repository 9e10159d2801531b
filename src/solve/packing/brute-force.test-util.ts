/** The least height by trying every offset of every buffer: for a few buffers of a few bytes. */
import type { PackingBuffer, PackingProblem } from "./types.ts";

/** Infinity where no packing lies at or below `most`. */
export function leastHeight({ buffers, arenas = [{}] }: PackingProblem, most: number): number {
  // Below the bytes alive at one time there is nothing to try.
  const plain = buffers.filter(({ gaps = [], inside }) => gaps.length === 0 && inside === undefined);
  const load = Math.max(
    0,
    ...plain.map(({ lower: at }) =>
      plain.reduce((sum, { lower, upper, size }) => sum + (lower <= at && at < upper ? size : 0), 0),
    ),
  );
  for (let height = Math.ceil(load / arenas.length); height <= most; height++)
    if (fits(buffers, arenas, height)) return height;
  return Infinity;
}

function fits(
  buffers: readonly PackingBuffer[],
  arenas: NonNullable<PackingProblem["arenas"]>,
  height: number,
): boolean {
  const times = Math.max(0, ...buffers.map(({ upper }) => upper));
  // Who takes each byte of each arena at each time; -1: nobody.
  const taken = arenas.map(({ capacity = Infinity, forbidden = [] }) =>
    Array.from({ length: times }, () =>
      Array.from({ length: height }, (_, byte): number =>
        byte >= capacity || forbidden.some(([from, to]) => from <= byte && byte < to) ? -2 : -1,
      ),
    ),
  );
  const rootOf = (i: number): number => (buffers[i]!.inside === undefined ? i : rootOf(buffers[i]!.inside!.buffer));
  const place: [arena: number, offset: number][] = [];
  /** Bytes that buffer i takes: (time, byte) pairs relative to its offset. */
  const cells = buffers.map(({ lower, upper, size, gaps = [] }) => {
    const list: [number, number][] = [];
    for (let time = lower; time < upper; time++)
      for (let byte = 0; byte < size; byte++) {
        const gap = gaps.find((one) => one.lower <= time && time < one.upper);
        const [from, to] = gap === undefined ? [0, size] : (gap.window ?? [0, 0]);
        if (from <= byte && byte < to) list.push([time, byte]);
      }
    return list;
  });
  // Those inside others come after them: their offsets follow.
  const order = buffers.map((_, i) => i).sort((a, b) => Number(rootOf(a) !== a) - Number(rootOf(b) !== b) || a - b);
  const dive = (k: number): boolean => {
    const i = order[k];
    if (i === undefined) return true;
    const { alignment = 1, offset: pin, inside, arenas: allowed = arenas.map((_, a) => a) } = buffers[i]!;
    const parent = inside === undefined ? undefined : place[inside.buffer];
    for (const arena of allowed) {
      for (let offset = 0; offset <= height; offset += alignment) {
        if (pin !== undefined && offset !== pin) continue;
        if (inside !== undefined && (parent![0] !== arena || parent![1] + inside.distance !== offset)) continue;
        const free = cells[i]!.every(([time, byte]) => {
          const who = taken[arena]![time]![offset + byte];
          return who === -1 || (who !== undefined && who >= 0 && rootOf(who) === rootOf(i));
        });
        if (!free) continue;
        const mine = cells[i]!.filter(([time, byte]) => taken[arena]![time]![offset + byte] === -1);
        for (const [time, byte] of mine) taken[arena]![time]![offset + byte] = i;
        place[i] = [arena, offset];
        if (dive(k + 1)) return true;
        for (const [time, byte] of mine) taken[arena]![time]![offset + byte] = -1;
      }
    }
    return false;
  };
  return dive(0);
}
