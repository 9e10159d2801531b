import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryGame, solvedGames } from "./fixture.test-util.ts";
import { readGame } from "./game-file.ts";
import { allSlowSeconds, prepare } from "./instance.ts";
import { mapMemory } from "./portfolio.ts";
import { anySplitBound, mapSplit, splitProblem } from "./split.ts";

describe("split residency", () => {
  it("cuts values into slices that make them up, and changes no latency by itself", () => {
    fc.assert(
      fc.property(arbitraryGame(8), fc.integer({ min: 1, max: 5 }), (game, slices) => {
        const whole = readGame(game);
        const { problem, valueOf, offsetOf } = splitProblem(whole, slices);
        whole.values.forEach(({ bytes }, v) => {
          let end = 0;
          valueOf.forEach((value, k) => {
            if (value !== v) return;
            expect(offsetOf[k]).toBe(end);
            end += problem.values[k]!.bytes;
          });
          expect(end).toBe(bytes);
        });
        expect(allSlowSeconds(prepare(problem))).toBeCloseTo(allSlowSeconds(prepare(whole)), 9);
      }),
      { numRuns: 300 },
    );
  });

  it("the bound for any split is below the plans of every slicing, and of none", () => {
    fc.assert(
      fc.property(arbitraryGame(6), fc.integer({ min: 2, max: 4 }), (game, slices) => {
        const problem = readGame(game);
        const { result, anySplitBound: bound } = mapSplit(problem, slices, { budget: 200 });
        expect(bound).toBeLessThanOrEqual(result.seconds * (1 + 1e-9) + 1e-12);
        expect(bound).toBeLessThanOrEqual(mapMemory(problem, { budget: 100 }).seconds * (1 + 1e-9) + 1e-12);
      }),
      { numRuns: 60 },
    );
  });

  it("gains where whole values do not fit", () => {
    // Values of 8 in 7 bytes: whole ones never fit, slices of them do.
    const game = readGame(solvedGames().find(({ name }) => name.startsWith("G3"))!);
    const whole = mapMemory(game).seconds;
    const { result, anySplitBound: bound } = mapSplit(game, 8);
    expect(whole).toBe(32);
    expect(result.seconds).toBeLessThan(whole - 8);
    expect(bound).toBeLessThanOrEqual(result.seconds);
    // The linear relaxation of the unsplit game, which any split can at best reach.
    expect(anySplitBound(game)).toBeGreaterThan(21.4);
    expect(anySplitBound(game)).toBeLessThanOrEqual(21.5 + 1e-6);
  });
});
