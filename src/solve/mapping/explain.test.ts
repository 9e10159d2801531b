import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundAtCapacity, capacityCurve, explainMapping } from "./explain.ts";
import { arbitraryGame, solvedGames } from "./fixture.test-util.ts";
import { readGame } from "./game-file.ts";
import { mapMemory } from "./portfolio.ts";
import { simulate } from "./simulate.ts";

const solved = (name: string): ReturnType<typeof readGame> =>
  readGame(solvedGames().find((game) => game.name.startsWith(name))!);

const explained = (problem: ReturnType<typeof readGame>): ReturnType<typeof explainMapping> => {
  const { instance, plan, certificate } = mapMemory(problem, { budget: 2000 });
  return explainMapping(instance, plan, certificate);
};

describe("explanations", () => {
  it("says of each dropped access what kept it out", () => {
    // Seven bytes of fast memory, values of eight.
    expect(explained(solved("G3")).drops.map(({ reason }) => reason)).toEqual(Array(4).fill("too-large"));
    // All steps take their arithmetic.
    const bound = explained(solved("G10"));
    expect(bound.drops.every(({ reason, savedSeconds }) => reason === "nothing-saved" && savedSeconds === 0)).toBe(
      true,
    );
    expect(bound.secondsPerByte).toBeLessThan(1e-3);
    // Values of 1, 6, 5 and 5 compete for 10 bytes: the one of 6 loses to the two of 5.
    const knapsack = explained(solved("G11")).drops.filter(({ value }) => value === 1);
    expect(knapsack.length).toBe(2);
    for (const { reason, residencyPrice } of knapsack) {
      expect(["space", "close-call"]).toContain(reason);
      expect(residencyPrice).toBeGreaterThan(0);
    }
    expect(explained(solved("G11")).secondsPerByte).toBeGreaterThan(0);
  });

  it("covers every slow access once, and its saving is what the simulator says", () => {
    fc.assert(
      fc.property(arbitraryGame(8), (game) => {
        const { instance, plan, certificate } = mapMemory(readGame(game), { budget: 200 });
        const { drops, secondsPerByte } = explainMapping(instance, plan, certificate);
        expect(drops.map(({ access }) => access)).toEqual(plan.fast.flatMap((fast, a) => (fast ? [] : [a])));
        expect(secondsPerByte).toBeGreaterThanOrEqual(0);
        const without = { fast: plan.fast, ranges: plan.ranges, copies: [] };
        const { seconds } = simulate(instance, without);
        for (const { access, savedSeconds, residencyPrice, copyPrice } of drops) {
          const flipped = { ...without, fast: plan.fast.map((fast, a) => fast || a === access) };
          expect(seconds - simulate(instance, flipped).seconds).toBeCloseTo(savedSeconds, 9);
          expect(residencyPrice).toBeGreaterThanOrEqual(0);
          expect(copyPrice).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("latency falls with capacity, and the multipliers of one capacity bound the others", () => {
    for (const game of fc.sample(arbitraryGame(12), { numRuns: 10, seed: 4 })) {
      const problem = readGame(game);
      const curve = capacityCurve(problem, [0, 4, 8, 16, 32], { budget: 300 });
      const { certificate } = mapMemory(
        { ...problem, hardware: { ...problem.hardware, fastBytes: 8 } },
        { budget: 300 },
      );
      curve.forEach(({ fastBytes, seconds, bound }, k) => {
        expect(bound).toBeLessThanOrEqual(seconds);
        expect(boundAtCapacity(problem, certificate, fastBytes)).toBeLessThanOrEqual(seconds * (1 + 1e-9));
        if (k > 0) expect(seconds).toBeLessThanOrEqual(curve[k - 1]!.seconds);
      });
    }
  });
});
