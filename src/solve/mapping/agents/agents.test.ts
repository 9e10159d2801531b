import * as fc from "fast-check";
import { expect, test } from "vitest";
import { newAscent } from "../bound.ts";
import { checkMapping } from "../check.ts";
import { extendedMoves, playExtended } from "../extended.ts";
import { arbitraryGame, gameInstance, solvedGames } from "../fixture.test-util.ts";
import type { GameFile } from "../game-file.ts";
import { allSlowSeconds } from "../instance.ts";
import { mapMemory } from "../portfolio.ts";
import { priceTables } from "../prices.ts";
import { simulate } from "../simulate.ts";
import { isDone } from "../state.ts";
import { ACTIONS } from "./actions.ts";
import { agentByName, AGENT_NAMES, networkPrior } from "./agents.ts";
import { ACTION_FEATURES, CHEAPEST_FEATURE, FEATURES, FEATURES_PER_ACTION, observe } from "./features.ts";
import { initialParameters, networkOn } from "./network.ts";
import { networkPolicy, prepareAgent, pricePolicy, uniformPolicy } from "./play.ts";

const network = networkOn(initialParameters(7));

test("every agent plays legal plans, the same ones again, within its budget, above the bound", () => {
  fc.assert(
    fc.property(arbitraryGame(6), fc.integer({ min: 1, max: 120 }), (game, budget) => {
      const instance = gameInstance(game);
      const { observer } = prepareAgent(instance, { seed: 0, budget });
      for (const name of AGENT_NAMES) {
        const { tables, bound } = observer;
        const play = () => agentByName(name, network).play(instance, { seed: 3, budget, tables, bound });
        const { plan, seconds, evaluations } = play();
        expect(checkMapping(instance, plan!)).toEqual([]);
        const exact = simulate(instance, plan!).seconds;
        expect(exact).toBeLessThanOrEqual(seconds * (1 + 1e-9));
        expect(exact).toBeGreaterThanOrEqual(observer.bound * (1 - 1e-9));
        // A tree search ends the simulations of the decision that it is at, and the game.
        expect(evaluations).toBeLessThanOrEqual(budget + (name === "regal" ? 0 : 17));
        expect(play()).toEqual({ plan, seconds, evaluations });
      }
    }),
    { numRuns: 20 },
  );
});

test("proposals by prices alone find most of the proven optima", () => {
  let found = 0;
  const games = solvedGames();
  for (const game of games) {
    const instance = gameInstance(game);
    const { plan } = agentByName("regal", network).play(instance, { seed: 1, budget: 300 });
    const { seconds } = simulate(instance, plan!);
    expect(seconds).toBeLessThanOrEqual(allSlowSeconds(instance) * (1 + 1e-9));
    if (seconds <= game.answers.extended * (1 + 1e-9)) found++;
  }
  expect(found).toBeGreaterThanOrEqual(games.length - 2);
});

test("a portfolio with an agent is never worse than the agent, and names it among its methods", () => {
  for (const game of solvedGames().slice(8)) {
    const instance = gameInstance(game);
    const off = { neighbourhood: false, annealing: false, mcts: false, exact: false };
    const { problem } = instance;
    const result = mapMemory(problem, { budget: 200, agent: agentByName("alphazero", network), ...off });
    const own = result.methods.find(({ method }) => method === "alphazero");
    if (result.gap > 1e-9) expect(own).toBeDefined();
    if (own !== undefined) expect(result.seconds).toBeLessThanOrEqual(own.seconds);
    expect(mapMemory(problem, { budget: 200, prior: networkPrior(network, 0) }).seconds).toBeGreaterThanOrEqual(
      result.bound * (1 - 1e-9),
    );
  }
});

/** Observations of all choices of a game played by the first legal move. */
function observationsOf(game: GameFile, scale: number): Float32Array[] {
  const instance = gameInstance(game);
  const { cuts } = newAscent(instance);
  const even = (x: number): Float64Array => new Float64Array(instance.steps).fill(x);
  // Prices that scale as the program does: those of an ascent may take another way where rounding differs.
  const prices = {
    lambda: even(0).map((_, t) => (0.05 * (t % 3)) / scale),
    kappa: cuts.units.map(() => even(0)),
    beta: even(0.25),
    mu: even(0.5),
    nu: even(0.25),
  };
  const tables = priceTables(instance, prices, cuts);
  const { observer, state, moves } = prepareAgent(instance, { seed: 0, budget: 1, tables, bound: 0 });
  const seen: Float32Array[] = [];
  while (!isDone(state)) {
    const count = extendedMoves(state, moves);
    const observation = new Float32Array(FEATURES);
    observe(observer, state, moves, count, observation);
    seen.push(observation);
    playExtended(state, moves[0]!);
  }
  return seen;
}

test("observations have no scale and are finite", () => {
  fc.assert(
    fc.property(arbitraryGame(6), (game) => {
      const scaled: GameFile = {
        ...game,
        hw: { ...game.hw, C: game.hw.C * 1024, Bs: game.hw.Bs * 1024, Bf: game.hw.Bf * 1024 },
        sizes: game.sizes.map((size) => size * 1024),
      };
      const plain = observationsOf(game, 1);
      observationsOf(scaled, 1024).forEach((observation, k) =>
        observation.forEach((x, j) => {
          expect(Number.isFinite(x)).toBe(true);
          // Which of two actions of equal cost is the cheapest is a matter of rounding.
          if (j < ACTION_FEATURES && j % FEATURES_PER_ACTION === CHEAPEST_FEATURE) return;
          expect(Math.abs(x - plain[k]![j]!)).toBeLessThan(1e-3 * (1 + Math.abs(x)));
        }),
      );
    }),
    { numRuns: 25 },
  );
});

test("policies are distributions over the legal actions", () => {
  fc.assert(
    fc.property(arbitraryGame(6), (game) => {
      const { observer, state, moves } = prepareAgent(gameInstance(game), { seed: 0, budget: 1 });
      const out = new Float64Array(ACTIONS);
      while (!isDone(state)) {
        const count = extendedMoves(state, moves);
        for (const policy of [uniformPolicy, pricePolicy, networkPolicy(network)]) {
          policy(observer, state, moves, count, out);
          expect(out.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
          expect(out.filter((p) => p > 0).length).toBeLessThanOrEqual(count);
        }
        playExtended(state, moves[count - 1]!);
      }
    }),
    { numRuns: 20 },
  );
});
