import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ascend, certificate, newAscent } from "./bound.ts";
import { subsetSumCapacity } from "./capacity.ts";
import { provenBound } from "./check-bound.ts";
import { arbitraryGame, gameInstance, solvedGames } from "./fixture.test-util.ts";

describe("the Lagrangian bound", () => {
  it("never passes the proven optimum of the stored games, and reaches the stored bound", () => {
    for (const game of solvedGames()) {
      const instance = gameInstance(game);
      const ascent = newAscent(instance);
      ascend(ascent, 4000, { rate: 0.08, lastRate: 0.0008 });
      const optimum = game.answers.milpFluidOptimum;
      expect(ascent.seconds, game.name).toBeLessThanOrEqual(optimum * (1 + 1e-6));
      expect(ascent.seconds, game.name).toBeGreaterThan(game.answers.lagrangianTight - 2e-3 * optimum);
    }
  });

  it("is what one pass over its multipliers proves, at any iterate", () => {
    fc.assert(
      fc.property(arbitraryGame(12), fc.integer({ min: 1, max: 60 }), (game, iterations) => {
        const instance = gameInstance(game);
        const ascent = newAscent(instance);
        ascend(ascent, iterations, { rate: 0.2, lastRate: 0.02 });
        const proof = certificate(ascent);
        const again = provenBound(instance, proof, subsetSumCapacity(instance));
        expect(Math.abs(again - proof.seconds)).toBeLessThan(1e-9 * (1 + Math.abs(proof.seconds)));
        expect(provenBound(instance, proof)).toBeLessThanOrEqual(again + 1e-12);
      }),
      { numRuns: 500 },
    );
  });
});
