import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryGame, gameInstance, solvedGames } from "./fixture.test-util.ts";
import { readGame } from "./game-file.ts";
import { fluidOptimum } from "./milp.ts";
import { mapMemory } from "./portfolio.ts";

describe("the fluid optimum by mixed integer programming", () => {
  it("is the stored one of every solved game", async () => {
    for (const game of solvedGames()) {
      const { seconds, proved } = await fluidOptimum(gameInstance(game));
      expect(proved).toBe(true);
      expect(seconds, game.name).toBeCloseTo(game.answers.milpFluidOptimum, 4);
    }
  });

  it("is never below a bound, never above a plan, and nearly always a plan", async () => {
    let optimal = 0;
    const games = fc.sample(arbitraryGame(7), { numRuns: 60, seed: 11 });
    for (const game of games) {
      const { seconds, bound, certificate, refined, instance } = mapMemory(readGame(game), { budget: 1500 });
      const optimum = await fluidOptimum(instance);
      expect(optimum.proved).toBe(true);
      for (const lower of [bound, certificate.seconds, refined?.seconds ?? 0])
        if (lower !== seconds) expect(lower).toBeLessThanOrEqual(optimum.seconds * (1 + 2e-6));
      expect(seconds).toBeGreaterThanOrEqual(optimum.seconds * (1 - 2e-6));
      if (seconds <= optimum.seconds * (1 + 2e-6)) optimal++;
    }
    expect(optimal / games.length).toBeGreaterThanOrEqual(0.98);
  });
});
