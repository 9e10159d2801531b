import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkMapping } from "./check.ts";
import { legalActions, planOfEpisode, reset, step, type GameRules } from "./environment.ts";
import { arbitraryGame, gameInstance, solvedGames } from "./fixture.test-util.ts";
import { allFastSeconds, allSlowSeconds, type Instance } from "./instance.ts";
import { simulate } from "./simulate.ts";
import type { MappingPlan } from "./types.ts";

/**
 * Latency by Hall's theorem, with no schedule at all: what copies can't find in idle bandwidth is the largest
 * deficit over unions of disjoint intervals, demand that must fit inside less the idle bytes there.
 */
function deficitSeconds(instance: Instance, plan: MappingPlan): number {
  const { steps, bandwidth } = instance;
  const slow = new Float64Array(steps);
  const fast = new Float64Array(steps);
  plan.fast.forEach((isFast, a) => {
    if (isFast) fast[instance.stepOf[a]!]! += instance.fastSeconds[a]!;
    else slow[instance.stepOf[a]!]! += instance.slowBytes[a]!;
  });
  let total = 0;
  const idle = Array.from({ length: steps }, (_, t) => {
    const time = Math.max(instance.compute[t]!, instance.base[t]! + slow[t]! / bandwidth + fast[t]!);
    total += time;
    return time * bandwidth - slow[t]!;
  });
  const best = [0];
  for (let b = 1; b <= steps; b++) {
    best[b] = best[b - 1]!;
    for (let a = 0; a < b; a++) {
      let excess = 0;
      for (let t = a; t < b; t++) excess -= idle[t]!;
      for (const { value, release, deadline } of plan.copies)
        if (release >= a && deadline <= b) excess += instance.bytes[value]!;
      best[b] = Math.max(best[b]!, best[a]! + excess);
    }
  }
  return total + best[steps]! / bandwidth;
}

const RULES: readonly GameRules[] = [
  { game: "three-action", strict: true },
  { game: "three-action" },
  { game: "three-action", strict: true, staticSupply: true },
  { game: "extended" },
];

describe("the games and the simulator", () => {
  it("plays the stored logs to the stored latencies", () => {
    for (const game of solvedGames()) {
      const instance = gameInstance(game);
      expect(allSlowSeconds(instance)).toBeCloseTo(game.answers.allSlow, 9);
      expect(allFastSeconds(instance)).toBeCloseTo(game.answers.allFastIdeal, 9);
      for (const [rules, log, answer] of [
        [{ game: "extended" }, game.answers.extendedLog, game.answers.extended],
        [{ game: "three-action" }, game.answers.game3actionLog, game.answers.game3actionStall],
      ] as const) {
        const episode = reset(instance, rules);
        for (const action of log) step(episode, action as "D");
        const plan = planOfEpisode(episode);
        expect(checkMapping(instance, plan), game.name).toEqual([]);
        expect(simulate(instance, plan).seconds, `${game.name} ${rules.game}`).toBeCloseTo(answer, 9);
      }
    }
  });

  it("the paper's supply hides a stall that the exact one shows", () => {
    // The first step is all memory: it leaves nothing idle, but takes long enough for a copy.
    const instance = gameInstance({
      hw: { C: 8, Bs: 1, Bf: 4 },
      sizes: [8, 8, 8],
      outputs: [1],
      instr: [
        { c: 0, reads: [0], writes: [1] },
        { c: 0, reads: [2], writes: [] },
      ],
    });
    const exact = reset(instance, { game: "three-action", strict: true });
    const fixed = reset(instance, { game: "three-action", strict: true, staticSupply: true });
    for (const episode of [exact, fixed]) {
      step(episode, "D");
      step(episode, "D");
    }
    expect(legalActions(exact)).toEqual(["D"]);
    expect(legalActions(fixed)).toContain("C");
    // Copied in 8 s of stall, then read in 2 s, where reading it slowly takes 8 s.
    expect(step(fixed, "C").reward).toBeCloseTo(-2, 9);
  });

  it("random play: rewards telescope, plans hold, the schedule is the best possible, nothing ends dead", () => {
    fc.assert(
      fc.property(arbitraryGame(9), fc.constantFrom(...RULES), fc.infiniteStream(fc.nat()), (game, rules, choices) => {
        const instance = gameInstance(game);
        const episode = reset(instance, rules);
        let reward = 0;
        let steps = 0;
        while (legalActions(episode).length > 0) {
          const actions = legalActions(episode);
          reward += step(episode, actions[choices.next().value! % actions.length]!).reward;
          expect(++steps).toBeLessThan(10 + instance.accesses * (1 + episode.backups));
        }
        const plan = planOfEpisode(episode);
        expect(checkMapping(instance, plan)).toEqual([]);
        const { seconds } = simulate(instance, plan);
        expect(seconds).toBeCloseTo(allSlowSeconds(instance) - reward, 9);
        expect(seconds).toBeCloseTo(deficitSeconds(instance, plan), 9);
        // The paper's supply promises more than there is.
        if (rules.staticSupply !== true) expect(seconds).toBeLessThanOrEqual(episode.state.latency + 1e-9);
      }),
      { numRuns: 3000 },
    );
  });
});
