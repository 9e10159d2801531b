import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { ascend, newAscent } from "./bound.ts";
import { arbitraryGame, gameInstance, solvedGames } from "./fixture.test-util.ts";
import { readGame } from "./game-file.ts";
import { mapMemory } from "./portfolio.ts";
import { subsetSumCapacity } from "./capacity.ts";
import { provenRefinedBound } from "./check-refined.ts";
import { addItem, knapsack, newKnapsack } from "./knapsack.ts";
import { newRefinement, refine, refinedCertificate } from "./refine.ts";

describe("the decomposition bound", () => {
  it("never passes the proven optimum of the stored games, and is no less than the bound it begins at", () => {
    for (const game of solvedGames()) {
      const ascent = newAscent(gameInstance(game));
      ascend(ascent, 600, { rate: 0.08, lastRate: 0.0008 });
      const refinement = newRefinement(ascent)!;
      refine(refinement, 600, { rate: 0.1, lastRate: 0.001 });
      const optimum = game.answers.milpFluidOptimum;
      expect(refinement.seconds, game.name).toBeLessThanOrEqual(optimum * (1 + 1e-7));
      expect(refinement.seconds, game.name).toBeGreaterThanOrEqual(ascent.seconds * (1 - 1e-6));
    }
  });

  it("never passes a plan, at any iterate, and is what one pass over its multipliers proves", () => {
    fc.assert(
      fc.property(arbitraryGame(7), fc.nat(80), fc.integer({ min: 1, max: 120 }), (game, first, k) => {
        const { seconds, instance } = mapMemory(readGame(game), { budget: 120, refine: false });
        const ascent = newAscent(instance);
        ascend(ascent, first, { rate: 0.2, lastRate: 0.02 });
        const refinement = newRefinement(ascent)!;
        refine(refinement, k, { rate: 0.3, lastRate: 0.01 });
        expect(refinement.seconds).toBeLessThanOrEqual(seconds * (1 + 1e-7) + 1e-12);
        const proof = refinedCertificate(refinement);
        const again = provenRefinedBound(instance, proof, subsetSumCapacity(instance));
        expect(Math.abs(again - proof.seconds)).toBeLessThan(1e-9 * (1 + Math.abs(proof.seconds)));
        expect(provenRefinedBound(instance, proof)).toBeLessThanOrEqual(again + 1e-9);
      }),
      { numRuns: 150 },
    );
  });

  it("multipliers that are none prove no more than what is true", () => {
    for (const game of solvedGames()) {
      const instance = gameInstance(game);
      const ascent = newAscent(instance);
      ascend(ascent, 30, { rate: 0.2, lastRate: 0.02 });
      const refinement = newRefinement(ascent)!;
      refine(refinement, 30, { rate: 0.3, lastRate: 0.01 });
      const proof = refinedCertificate(refinement);
      for (const spoiled of [
        { ...proof, lambda: proof.lambda.map(() => -1) },
        { ...proof, beta: proof.beta.map(() => 7) },
        { ...proof, sigma: proof.sigma.map(() => Number.NaN) },
        { ...proof, sigma: proof.sigma.map((x) => 3 - x) },
        { ...proof, rho: proof.rho.map((list) => ({ ...list, prices: [-5, Infinity, 2] })) },
        { ...proof, rho: [{ version: 99, from: 0, prices: [1] }], nu: [] },
      ])
        expect(provenRefinedBound(instance, spoiled)).toBeLessThanOrEqual(game.answers.milpFluidOptimum * (1 + 1e-9));
    }
  });
});

test("the knapsack is exact, or above it where nodes run out", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ size: fc.integer({ min: 1, max: 30 }), profit: fc.integer({ min: 1, max: 30 }) }), {
        maxLength: 12,
      }),
      fc.integer({ min: 0, max: 120 }),
      (items, room) => {
        const work = newKnapsack(12);
        items.forEach(({ size, profit }, k) => addItem(work, k, size, profit));
        let most = 0;
        for (let bits = 0; bits < 1 << items.length; bits++) {
          const chosen = items.filter((_, k) => (bits & (1 << k)) !== 0);
          const size = chosen.reduce((sum, item) => sum + item.size, 0);
          if (size <= room)
            most = Math.max(
              most,
              chosen.reduce((sum, item) => sum + item.profit, 0),
            );
        }
        const found = knapsack(work, room);
        expect(found).toBeGreaterThanOrEqual(most - 1e-9);
        if (work.nodes < 400) expect(found).toBe(most);
      },
    ),
    { numRuns: 300 },
  );
});
