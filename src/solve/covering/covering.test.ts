/** Choices of intervals against all subsets. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { coverDemands, type CoveringProblem } from "./index.ts";

const problems: fc.Arbitrary<CoveringProblem> = fc.record({
  demand: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 8 }),
  intervals: fc.array(
    fc
      .tuple(fc.nat(7), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 9 }))
      .map(([from, length, size, cost]) => ({ from, to: from + length, size, cost })),
    { maxLength: 10 },
  ),
});

const covers = ({ demand, intervals }: CoveringProblem, chosen: readonly number[]): boolean =>
  demand.every(
    (bytes, t) =>
      chosen.reduce((sum, i) => {
        const { from, to, size } = intervals[i]!;
        return from <= t && t < to ? sum + size : sum;
      }, 0) >= bytes,
  );

function leastCost(problem: CoveringProblem): number {
  let least = Infinity;
  for (let subset = 0; subset < 2 ** problem.intervals.length; subset++) {
    const chosen = problem.intervals.flatMap((_, i) => ((subset >> i) & 1 ? [i] : []));
    if (covers(problem, chosen))
      least = Math.min(
        least,
        chosen.reduce((sum, i) => sum + problem.intervals[i]!.cost, 0),
      );
  }
  return least;
}

test("covers, between the bound and all subsets, and finds nothing only where there is nothing", () => {
  let solved = 0;
  let best = 0;
  fc.assert(
    fc.property(problems, (problem) => {
      const { chosen, cost, lowerBound, shortAt } = coverDemands(problem);
      const least = leastCost(problem);
      if (chosen === undefined) {
        expect(least).toBe(Infinity);
        const all = problem.intervals.filter(({ from, to }) => from <= shortAt! && shortAt! < to);
        expect(all.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(problem.demand[shortAt!]!);
        return;
      }
      expect(covers(problem, chosen)).toBe(true);
      expect(cost).toBeGreaterThanOrEqual(least);
      expect(lowerBound).toBeLessThanOrEqual(least + 1e-9);
      expect(cost).toBeLessThanOrEqual(2 * least);
      solved++;
      if (cost === least) best++;
    }),
    { numRuns: 400, seed: 7 },
  );
  // Nearly all small cases are solved to the optimum.
  expect(best / solved).toBeGreaterThan(0.95);
});

test("a thousand intervals over five hundred times, near the bound", () => {
  let state = 1;
  const pick = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  const intervals = Array.from({ length: 1000 }, () => {
    const from = pick(480);
    const size = 1 + pick(64);
    return { from, to: from + 2 + pick(120), size, cost: size * (1 + pick(3)) };
  });
  const supply = Array.from({ length: 500 }, (_, t) =>
    intervals.reduce((sum, { from, to, size }) => (from <= t && t < to ? sum + size : sum), 0),
  );
  const problem = { demand: supply.map((bytes) => Math.floor(bytes / 3)), intervals };
  const { chosen, cost, lowerBound } = coverDemands(problem);
  expect(covers(problem, chosen!)).toBe(true);
  expect(cost / lowerBound).toBeLessThan(1.15);
});
