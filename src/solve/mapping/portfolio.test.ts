import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { subsetSumCapacity } from "./capacity.ts";
import { provenBound } from "./check-bound.ts";
import { checkMapping } from "./check.ts";
import { type Episode, fork, type GameRules, isOver, legalActions, planOfEpisode, reset, step } from "./environment.ts";
import { arbitraryGame, gameInstance, solvedGames } from "./fixture.test-util.ts";
import { type GameFile, readGame } from "./game-file.ts";
import type { Instance } from "./instance.ts";
import { mapMemory, type MapParams } from "./portfolio.ts";
import { simulate } from "./simulate.ts";

/** Least latency over all plays of a game. */
function exhaustive(instance: Instance, rules: GameRules): number {
  let best = Infinity;
  const visit = (episode: Episode): void => {
    if (isOver(episode)) {
      best = Math.min(best, simulate(instance, planOfEpisode(episode)).seconds);
      return;
    }
    for (const action of legalActions(episode)) {
      const next = fork(episode);
      step(next, action);
      // A dead end is backed up into plays that are visited anyway.
      if (next.backups === 0) visit(next);
    }
  };
  visit(reset(instance, rules));
  return best;
}

const bestPlay = (instance: Instance): number =>
  Math.min(exhaustive(instance, { game: "extended" }), exhaustive(instance, { game: "three-action" }));

const scaled = (game: GameFile, change: (game: GameFile) => GameFile): number =>
  mapMemory(readGame(change(game))).seconds;

describe("the portfolio", () => {
  it("finds and proves the optimum of every stored game", () => {
    for (const game of solvedGames()) {
      const { seconds, bound, proof } = mapMemory(readGame(game));
      expect(seconds, game.name).toBeCloseTo(game.answers.milpFluidOptimum, 5);
      expect(bound, game.name).toBeCloseTo(seconds, 6);
      expect(["exhaustive", "lagrangian"]).toContain(proof);
    }
  });

  it("is never worse than any play of either game, and its bounds never pass the best play", () => {
    fc.assert(
      fc.property(arbitraryGame(4), (game) => {
        const result = mapMemory(readGame(game));
        const best = bestPlay(result.instance);
        expect(result.seconds).toBeLessThanOrEqual(best * (1 + 1e-9));
        expect(result.certificate.seconds).toBeLessThanOrEqual(best * (1 + 1e-7) + 1e-12);
        expect(result.refined?.seconds ?? 0).toBeLessThanOrEqual(best * (1 + 1e-7) + 1e-12);
        expect(result.bound).toBeLessThanOrEqual(result.seconds);
      }),
      { numRuns: 300 },
    );
  });

  it("gives the same plan twice, and a certificate that checks", () => {
    for (const game of fc.sample(arbitraryGame(30), { numRuns: 10, seed: 3 })) {
      const once = mapMemory(readGame(game), { budget: 500 });
      const twice = mapMemory(readGame(game), { budget: 500 });
      expect(twice).toEqual(once);
      const proven = provenBound(once.instance, once.certificate, subsetSumCapacity(once.instance));
      expect(Math.abs(proven - once.certificate.seconds)).toBeLessThan(1e-9 * (1 + proven));
      expect(proven).toBeLessThanOrEqual(once.seconds * (1 + 1e-9));
    }
  });

  it("every technique alone gives a plan that holds, and the whole is no worse", () => {
    const techniques = ["greedy", "msa", "price", "neighbourhood", "annealing", "mcts", "exact"] as const;
    const none: MapParams = Object.fromEntries(techniques.map((name) => [name, false]));
    for (const game of fc.sample(arbitraryGame(25), { numRuns: 12, seed: 5 })) {
      const whole = mapMemory(readGame(game), { budget: 600 });
      expect(checkMapping(whole.instance, whole.plan)).toEqual([]);
      for (const name of ["greedy", "msa"] as const)
        expect(whole.seconds).toBeLessThanOrEqual(mapMemory(readGame(game), { ...none, [name]: true }).seconds);
      for (const name of techniques) {
        const { instance, plan, seconds, allSlowSeconds } = mapMemory(readGame(game), {
          ...none,
          [name]: true,
          budget: 200,
        });
        expect(checkMapping(instance, plan)).toEqual([]);
        expect(simulate(instance, plan).seconds).toBe(seconds);
        expect(seconds).toBeLessThanOrEqual(allSlowSeconds);
      }
    }
  });

  it("obeys the scaling laws", () => {
    fc.assert(
      fc.property(arbitraryGame(4), fc.integer({ min: 2, max: 5 }), (game, k) => {
        const own = mapMemory(readGame(game)).seconds;
        const close = (seconds: number, wanted: number): void =>
          expect(Math.abs(seconds - wanted)).toBeLessThanOrEqual(1e-9 * (1 + wanted));
        const { hw, sizes, instr } = game;
        close(
          scaled(game, (g) => ({
            ...g,
            hw: { ...hw, C: hw.C * k, Bs: hw.Bs * k, Bf: hw.Bf * k },
            sizes: sizes.map((size) => size * k),
          })),
          own,
        );
        close(
          scaled(game, (g) => ({
            ...g,
            hw: { ...hw, C: hw.C * k },
            sizes: sizes.map((size) => size * k),
            instr: instr.map((i) => ({ ...i, c: i.c * k })),
          })),
          own * k,
        );
        const last = sizes.length - 1;
        const flip = (v: number): number => last - v;
        close(
          scaled(game, (g) => ({
            ...g,
            sizes: [...sizes].reverse(),
            outputs: g.outputs.map(flip),
            instr: instr.map((i) => ({ ...i, reads: i.reads.map(flip), writes: i.writes.map(flip) })),
          })),
          own,
        );
        close(
          scaled(game, (g) => ({ ...g, sizes: [...sizes, 5] })),
          own,
        );
        const slow = mapMemory(readGame(game)).allSlowSeconds;
        close(
          scaled(game, (g) => ({ ...g, hw: { ...hw, C: 0 } })),
          slow,
        );
        close(
          scaled(game, (g) => ({ ...g, hw: { ...hw, Bf: hw.Bs } })),
          slow,
        );
        expect(scaled(game, (g) => ({ ...g, hw: { ...hw, C: hw.C + k } }))).toBeLessThanOrEqual(own * (1 + 1e-9));
      }),
      { numRuns: 60 },
    );
  });

  it("stops when it is told to, with a plan", () => {
    const [game] = fc.sample(arbitraryGame(40), { numRuns: 1, seed: 9 });
    let asked = 0;
    const { seconds, allSlowSeconds } = mapMemory(readGame(game!), { shouldStop: () => ++asked > 3 });
    expect(seconds).toBeLessThanOrEqual(allSlowSeconds);
    expect(asked).toBeLessThan(200);
  });

  it("refuses an instruction that fits in no fast memory it must run from", () => {
    const problem = readGame({
      hw: { C: 8, Bs: 1, Bf: 4, slowDirect: false },
      sizes: [6, 6],
      outputs: [1],
      instr: [{ c: 1, reads: [0], writes: [1] }],
    });
    expect(() => mapMemory(problem)).toThrow(expect.objectContaining({ code: "working-set-too-large" }));
  });

  it("maps to a fast memory that is the only one kernels reach", () => {
    fc.assert(
      fc.property(arbitraryGame(6), fc.boolean(), (game, roomy) => {
        const needs = game.instr.map(({ reads, writes }) =>
          [...new Set([...reads, ...writes])].reduce((sum, v) => sum + game.sizes[v]!, 0),
        );
        const C = Math.max(...needs) + (roomy ? 6 : 0);
        const { instance, plan, seconds, allSlowSeconds } = mapMemory(
          readGame({ ...game, hw: { ...game.hw, C, slowDirect: false } }),
          { budget: 200 },
        );
        expect(checkMapping(instance, plan)).toEqual([]);
        expect(seconds).toBeLessThanOrEqual(allSlowSeconds);
      }),
      { numRuns: 100 },
    );
  });
});

describe("hostile games", () => {
  const good = solvedGames()[3]!;
  it.each([
    ["no object", []],
    ["no hw", { ...good, hw: undefined }],
    ["negative capacity", { ...good, hw: { ...good.hw, C: -1 } }],
    ["fractional bytes", { ...good, sizes: [1.5, 2, 6, 2] }],
    ["huge bytes", { ...good, sizes: [2 ** 60, 2, 6, 2] }],
    ["zero bandwidth", { ...good, hw: { ...good.hw, Bs: 0 } }],
    ["bandwidth as text", { ...good, hw: { ...good.hw, Bf: "4" } }],
    ["subnormal bandwidth", { ...good, hw: { ...good.hw, Bs: 5e-324 } }],
    ["negative seconds", { ...good, instr: [{ c: -1, reads: [0], writes: [1] }] }],
    ["NaN as null", { ...good, instr: [{ c: null, reads: [0], writes: [1] }].map((i) => ({ ...i, c: Number.NaN })) }],
    ["unknown value", { ...good, instr: [{ c: 1, reads: [9], writes: [] }] }],
    ["value of a prototype", { ...good, instr: [{ c: 1, reads: ["constructor"], writes: [] }] }],
    ["unknown output", { ...good, outputs: [4] }],
    ["written twice", { ...good, instr: [{ c: 1, reads: [], writes: [1, 1] }] }],
    [
      "infinite seconds",
      {
        ...good,
        instr: [
          { c: 1e308, reads: [0], writes: [1] },
          { c: 1e308, reads: [0], writes: [] },
        ],
      },
    ],
    ["alignment 0", { ...good, hw: { ...good.hw, align: 0 } }],
  ])("%s is refused by name", (_, json) => {
    expect(() => readGame(json)).toThrow(expect.objectContaining({ code: "invalid-game" }));
  });

  it("takes what is odd but sound", () => {
    const odd = [
      { hw: { C: 4, Bs: 1, Bf: 4 }, sizes: [], outputs: [], instr: [] },
      { hw: { C: 4, Bs: 1, Bf: 4 }, sizes: [0, 0], outputs: [1], instr: [{ c: 0, reads: [0, 0], writes: [1] }] },
      { hw: { C: 4, Bs: 1, Bf: 4 }, sizes: [3], outputs: [0], instr: [{ c: 1, reads: [0, 0], writes: [] }] },
      { hw: { C: 4, Bs: 4, Bf: 1 }, sizes: [3, 3], outputs: [1], instr: [{ c: 0, reads: [0], writes: [1] }] },
      {
        hw: { C: 9, Bs: 1, Bf: 4, align: 4 },
        sizes: [3, 3],
        outputs: [],
        instr: [
          { c: 9, reads: [], writes: [0] },
          { c: 0, reads: [0], writes: [0, 1] },
        ],
      },
    ];
    for (const json of odd) {
      const { seconds, bound, allSlowSeconds, gap } = mapMemory(readGame(json), { budget: 100 });
      expect(seconds).toBeLessThanOrEqual(allSlowSeconds);
      expect(bound).toBeLessThanOrEqual(seconds);
      expect(gap).toBeGreaterThanOrEqual(0);
    }
  });

  it("a value written before it is read again is two contents", () => {
    const instance = gameInstance({
      hw: { C: 4, Bs: 1, Bf: 4 },
      sizes: [2],
      outputs: [0],
      instr: [
        { c: 1, reads: [0], writes: [] },
        { c: 1, reads: [], writes: [0] },
        { c: 1, reads: [0], writes: [0] },
      ],
    });
    expect([...instance.produced]).toEqual([0, 1]);
    expect([...instance.mustEndSlow]).toEqual([0, 1]);
  });
});
