/**
 * Fixed buffers that collide. Sweeps time with those alive in the order of their addresses: until two collide, only
 * neighbours can. O(n log n).
 */
import { invalidPacking } from "../../errors.ts";
import { newRanks } from "./ranks.ts";
import type { PackingBuffer } from "./types.ts";

interface Pin {
  readonly i: number;
  readonly id: string | undefined;
  readonly offset: number;
  readonly end: number;
  readonly lower: number;
  readonly upper: number;
}

/**
 * Plain fixed buffers must not collide; with gaps, aliases and arenas they may well share an address. Throws InputError
 * `invalid-packing` for the first that does, in the order of their lifetimes.
 */
export function checkPins(buffers: readonly PackingBuffer[]): void {
  const pins = buffers.flatMap(({ id, offset, size, lower, upper, gaps = [], inside, arenas }, i): Pin[] => {
    const plain = gaps.length === 0 && inside === undefined && arenas === undefined;
    if (offset === undefined || size === 0 || upper <= lower || !plain) return [];
    return [{ i, id, offset, end: offset + size, lower, upper }];
  });
  pins.sort((a, b) => a.lower - b.lower || a.i - b.i);
  const byEnd = pins.toSorted((a, b) => a.upper - b.upper);
  const byOffset = pins.toSorted((a, b) => a.offset - b.offset || a.i - b.i);
  const rankOf = new Map(byOffset.map((pin, rank) => [pin, rank]));
  const live = newRanks(pins.length);
  let ended = 0;
  for (const pin of pins) {
    for (; byEnd[ended]!.upper <= pin.lower; ended++) live.remove(rankOf.get(byEnd[ended]!)!);
    const rank = rankOf.get(pin)!;
    const [below, above] = [byOffset[live.below(rank)], byOffset[live.above(rank)]];
    if ((below !== undefined && below.end > pin.offset) || (above !== undefined && above.offset < pin.end))
      throw collision(pin, pins);
    live.add(rank);
  }
}

/** `pins` in the order of their lifetimes. */
function collision(pin: Pin, pins: readonly Pin[]): Error {
  const other = pins.find(
    ({ offset, end, lower, upper }) => lower <= pin.lower && pin.lower < upper && offset < pin.end && pin.offset < end,
  )!;
  const name = other.id ?? other.i;
  return invalidPacking(pin.i, `fixed at ${pin.offset}, it collides with buffer ${name}, fixed at ${other.offset}`);
}
