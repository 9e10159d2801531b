/** The sweep over fixed buffers against comparing each with each. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { invalidPacking } from "../../errors.ts";
import { checkPins } from "./pins.ts";
import { newRanks } from "./ranks.ts";
import type { PackingBuffer } from "./types.ts";

/** Each with each before it, in the order of their lifetimes. */
function comparedByPairs(buffers: readonly PackingBuffer[]): void {
  const pinned = buffers.flatMap((buffer, i) => {
    const { offset, size, lower, upper, gaps = [], inside, arenas } = buffer;
    const plain = offset !== undefined && size > 0 && upper > lower;
    return plain && gaps.length === 0 && inside === undefined && arenas === undefined ? [{ ...buffer, offset, i }] : [];
  });
  pinned.sort((a, b) => a.lower - b.lower || a.i - b.i);
  pinned.forEach((pin, k) => {
    for (const other of pinned.slice(0, k))
      if (other.upper > pin.lower && pin.offset < other.offset + other.size && other.offset < pin.offset + pin.size)
        throw invalidPacking(
          pin.i,
          `fixed at ${pin.offset}, it collides with buffer ${other.id ?? other.i}, fixed at ${other.offset}`,
        );
  });
}

const said = (check: () => void): string => {
  try {
    check();
    return "no collision";
  } catch (error) {
    return JSON.stringify(error);
  }
};

/** Sparse enough that about half of the lists have no collision. */
const buffer = (times: number, bytes: number): fc.Arbitrary<PackingBuffer> =>
  fc
    .record({
      id: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
      lower: fc.nat(times),
      time: fc.nat(4),
      size: fc.nat(4),
      offset: fc.option(fc.nat(bytes), { nil: undefined, freq: 8 }),
      more: fc.constantFrom<Partial<PackingBuffer>>(
        {},
        {},
        {},
        {},
        { arenas: [0] },
        { inside: { buffer: 0, distance: 0 } },
        { gaps: [{ lower: 0, upper: 0 }] },
      ),
    })
    .map(({ id, lower, time, size, offset, more }) => ({
      lower,
      upper: lower + time,
      size,
      ...(id === undefined ? {} : { id }),
      ...(offset === undefined ? {} : { offset }),
      ...more,
    }));

test("the sweep finds the same collision, or none either", () => {
  const seen = new Set<boolean>();
  fc.assert(
    fc.property(
      fc.oneof(fc.array(buffer(20, 40)), fc.array(buffer(60, 200), { minLength: 10, maxLength: 60 })),
      (list) => {
        const wanted = said(() => comparedByPairs(list));
        seen.add(wanted === "no collision");
        expect(said(() => checkPins(list))).toBe(wanted);
      },
    ),
    { numRuns: 3000 },
  );
  expect(seen.size).toBe(2);
});

test("ranks know their neighbours as a sorted list does", () => {
  const step = fc.tuple(fc.boolean(), fc.nat(19));
  fc.assert(
    fc.property(fc.integer({ min: 20, max: 70 }), fc.array(step, { maxLength: 60 }), (count, steps) => {
      const ranks = newRanks(count);
      const plain = new Set<number>();
      for (const [isIn, rank] of steps) {
        if (isIn !== plain.has(rank)) {
          if (isIn) ranks.add(rank);
          else ranks.remove(rank);
        }
        if (isIn) plain.add(rank);
        else plain.delete(rank);
        for (let at = 0; at < 20; at++) {
          expect(ranks.below(at)).toBe(Math.max(-1, ...[...plain].filter((one) => one < at)));
          const above = [...plain].filter((one) => one > at);
          expect(ranks.above(at)).toBe(above.length === 0 ? -1 : Math.min(...above));
        }
      }
    }),
    { numRuns: 200 },
  );
});
