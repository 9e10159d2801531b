import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ascend, newAscent } from "./bound.ts";
import { arbitraryGame, gameInstance, solvedGames } from "./fixture.test-util.ts";
import { readGame } from "./game-file.ts";
import { mapMemory } from "./portfolio.ts";
import { newRefinement, refine } from "./refine.ts";

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

  it("never passes a plan, at any iterate", () => {
    fc.assert(
      fc.property(
        arbitraryGame(7),
        fc.integer({ min: 0, max: 80 }),
        fc.integer({ min: 1, max: 200 }),
        (game, first, k) => {
          const { seconds, instance } = mapMemory(readGame(game), { budget: 150 });
          const ascent = newAscent(instance);
          ascend(ascent, first, { rate: 0.2, lastRate: 0.02 });
          const refinement = newRefinement(ascent)!;
          refine(refinement, k, { rate: 0.3, lastRate: 0.01 });
          expect(refinement.seconds).toBeLessThanOrEqual(seconds * (1 + 1e-7) + 1e-12);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
