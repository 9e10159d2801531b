import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leastHeight } from "./brute-force.test-util.ts";
import { faultOfPacking, pack, type PackingBuffer, type PackingParams, type PackingProblem } from "./index.ts";

const box = (lower: number, upper: number, size: number, more: Partial<PackingBuffer> = {}): PackingBuffer => ({
  lower,
  upper,
  size,
  ...more,
});

/** Boxes of a few bytes and moments, dense enough that the bound is not always met. */
const boxes = (most: number, sizes = 4): fc.Arbitrary<PackingBuffer[]> =>
  fc.array(
    fc
      .record({
        lower: fc.integer({ min: 0, max: 5 }),
        time: fc.integer({ min: 1, max: 3 }),
        size: fc.integer({ min: 1, max: sizes }),
      })
      .map(({ lower, time, size }) => box(lower, lower + time, size)),
    { maxLength: most },
  );

/** The result is a packing, at its optimum, which is proven. */
function expectOptimal(problem: PackingProblem, params: PackingParams = {}): void {
  const result = pack(problem, params);
  const least = leastHeight(problem, 40);
  expect(faultOfPacking(problem, result.offsets, result.arenas)).toBeUndefined();
  expect({ height: result.height, lowerBound: result.lowerBound, status: result.status }).toEqual({
    height: least,
    lowerBound: least,
    status: "optimal",
  });
}

describe("brute force", () => {
  it("agrees on plain boxes", () => {
    fc.assert(
      fc.property(boxes(8), fc.integer({ min: 0, max: 9 }), (buffers, seed) => expectOptimal({ buffers }, { seed })),
      { numRuns: 2000, seed: 1 },
    );
  });

  it("agrees with the search alone, and each of its tricks off", () => {
    const tricks = [
      "forced",
      "spans",
      "ceilings",
      "waste",
      "twins",
      "noGoods",
      "weights",
      "locality",
      "lubyRestarts",
      "peel",
      "sums",
      "split",
      "units",
    ] as const;
    fc.assert(
      fc.property(boxes(8), fc.constantFrom(undefined, ...tricks), (buffers, off) =>
        expectOptimal(
          { buffers },
          {
            skyline: false,
            greedyFits: false,
            restarts: false,
            localSearch: false,
            ...(off === undefined ? {} : { [off]: false }),
          },
        ),
      ),
      { numRuns: 1500, seed: 2 },
    );
  });

  it("agrees with alignments and pins", () => {
    const aligned = boxes(6, 5).chain((list) =>
      fc
        .array(
          fc.record({
            alignment: fc.constantFrom(1, 1, 2, 3, 4),
            pin: fc.option(fc.integer({ min: 0, max: 2 }), { freq: 5 }),
          }),
          {
            minLength: list.length,
            maxLength: list.length,
          },
        )
        .map((more) =>
          list.map((buffer, i) => ({
            ...buffer,
            alignment: more[i]!.alignment,
            ...(more[i]!.pin === null ? {} : { offset: more[i]!.pin! * more[i]!.alignment }),
          })),
        ),
    );
    fc.assert(
      fc.property(aligned, (buffers) => {
        fc.pre(leastHeight({ buffers }, 40) < Infinity);
        expectOptimal({ buffers });
      }),
      { numRuns: 1000, seed: 3 },
    );
  });

  it("agrees with one alignment for all", () => {
    fc.assert(
      fc.property(boxes(7, 5), fc.constantFrom(2, 3, 4), (list, alignment) =>
        expectOptimal({ buffers: list.map((buffer) => ({ ...buffer, alignment })) }),
      ),
      { numRuns: 500, seed: 4 },
    );
  });

  it("agrees on whether a capacity suffices", () => {
    fc.assert(
      fc.property(boxes(8), fc.integer({ min: -1, max: 2 }), fc.boolean(), (buffers, more, minimize) => {
        const least = leastHeight({ buffers }, 40);
        const capacity = Math.max(0, least + more);
        const result = pack({ buffers, capacity }, { minimize });
        if (capacity < least) expect(result.status).toBe("infeasible");
        else {
          expect(["optimal", "feasible"]).toContain(result.status);
          expect(faultOfPacking({ buffers, capacity }, result.offsets)).toBeUndefined();
        }
      }),
      { numRuns: 500, seed: 5 },
    );
  });
});
