import * as fc from "fast-check";
import { expect, it } from "vitest";
import { explainInfeasible, pack, type PackingBuffer } from "./index.ts";

const boxes: fc.Arbitrary<PackingBuffer[]> = fc.array(
  fc
    .record({
      lower: fc.integer({ min: 0, max: 8 }),
      time: fc.integer({ min: 1, max: 4 }),
      size: fc.integer({ min: 1, max: 6 }),
      alignment: fc.constantFrom(1, 1, 2, 3),
    })
    .map(({ lower, time, size, alignment }) => ({ lower, upper: lower + time, size, alignment })),
  { minLength: 1, maxLength: 12 },
);

it("names buffers that don't fit, and of which none can be left out", () => {
  let bySearch = 0;
  fc.assert(
    fc.property(boxes, fc.integer({ min: 1, max: 4 }), (buffers, less) => {
      const { height, lowerBound } = pack({ buffers });
      const capacity = height - less;
      const why = explainInfeasible({ buffers, capacity });
      if (capacity < lowerBound) expect(why).toBeDefined();
      if (why === undefined) return;
      if (why.proof === "search") bySearch++;
      const fits = (subset: readonly number[]): string =>
        pack({ buffers: subset.map((i) => buffers[i]!), capacity }, { minimize: false }).status;
      expect(fits(why.buffers)).toBe("infeasible");
      expect(why.irreducible).toBe(true);
      for (const out of why.buffers) expect(fits(why.buffers.filter((i) => i !== out))).not.toBe("infeasible");
    }),
    { numRuns: 300, seed: 1 },
  );
  expect(bySearch).toBeGreaterThan(10);
});

it("finds what is wrong with an instance above its load", () => {
  const buffers = [
    [3, 0, 1],
    [1, 0, 3],
    [1, 1, 4],
    [2, 1, 2],
    [1, 2, 5],
    [1, 2, 3],
    [2, 3, 4],
    [3, 4, 5],
    [1, 9, 12],
  ].map(([size, lower, upper]) => ({ size: size!, lower: lower!, upper: upper! }));
  const why = explainInfeasible({ buffers, capacity: 4 })!;
  expect(why.proof).toBe("search");
  expect(why.buffers).not.toContain(8);
  expect(why.bytes).toBeLessThanOrEqual(4);
});

it("has nothing to say about what fits", () => {
  expect(explainInfeasible({ buffers: [{ lower: 0, upper: 1, size: 4 }], capacity: 4 })).toBeUndefined();
  expect(explainInfeasible({ buffers: [{ lower: 0, upper: 1, size: 4 }] })).toBeUndefined();
});
