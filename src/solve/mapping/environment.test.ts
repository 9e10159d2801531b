import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkMapping } from "./check.ts";
import { type Episode, fork, isOver, legalActions, planOfEpisode, reset, step } from "./environment.ts";
import { arbitraryGame, gameInstance } from "./fixture.test-util.ts";
import { allSlowSeconds } from "./instance.ts";
import { simulate } from "./simulate.ts";

/** Plays the first action that is no Drop, but for the values in `dropped`; the sum of rewards. */
function play(episode: Episode, dropped: readonly number[] = []): number {
  let total = 0;
  while (!isOver(episode)) {
    const { instance, state } = episode;
    const value = instance.valueOf[instance.versionOf[state.position]!]!;
    const actions = legalActions(episode);
    const action = dropped.includes(value) ? "D" : (actions.find((candidate) => candidate !== "D") ?? "D");
    total += step(episode, action).reward;
  }
  return total;
}

describe("alias groups of the three-action game", () => {
  // Values 0 and 3 must share one offset; when 3 is made, value 2 lies where 0 was.
  const instance = gameInstance({
    hw: { C: 8, Bs: 1, Bf: 4 },
    sizes: [4, 4, 4, 4],
    outputs: [],
    instr: [
      { c: 0, reads: [], writes: [0] },
      { c: 0, reads: [0], writes: [1] },
      { c: 0, reads: [1], writes: [2] },
      { c: 0, reads: [2], writes: [3] },
      { c: 0, reads: [3], writes: [] },
    ],
  });

  it("a dead end is backed up once, and ends as if the whole group had been dropped", () => {
    const episode = reset(instance, { game: "three-action", aliasGroups: [[0, 3]] });
    const reward = play(episode);
    expect(episode.backups).toBe(1);
    const forced = reset(instance, { game: "three-action" });
    expect(play(forced, [0, 3])).toBeCloseTo(reward, 12);
    expect(planOfEpisode(episode)).toEqual(planOfEpisode(forced));
    expect(simulate(instance, planOfEpisode(episode)).seconds).toBeCloseTo(allSlowSeconds(instance) - reward, 12);
    // Without the group there is no dead end, and more is in fast memory.
    const free = reset(instance, { game: "three-action" });
    expect(play(free)).toBeGreaterThan(reward);
    expect(free.backups).toBe(0);
  });

  it("members end at one offset or in slow memory, after at most one backup a group, whatever is played", () => {
    fc.assert(
      fc.property(arbitraryGame(9), fc.infiniteStream(fc.nat()), fc.nat(), (game, choices, pick) => {
        const own = gameInstance(game);
        const count = game.sizes.length;
        const groups = [[pick % count, (pick + 2) % count].filter((v, k, list) => list.indexOf(v) === k)];
        const episode = reset(own, { game: "three-action", aliasGroups: groups });
        let total = 0;
        while (!isOver(episode)) {
          const actions = legalActions(episode);
          total += step(episode, actions[choices.next().value! % actions.length]!).reward;
        }
        // Versions outside the group may be stuck as well: each is a group of its own.
        expect(episode.backups).toBeLessThanOrEqual(1 + own.versions);
        const plan = planOfEpisode(episode);
        expect(checkMapping(own, plan)).toEqual([]);
        expect(simulate(own, plan).seconds).toBeCloseTo(allSlowSeconds(own) - total, 9);
        const offsets = plan.ranges
          .filter(({ value }) => groups[0]!.includes(own.valueOf[value]!))
          .map(({ offset }) => offset);
        expect(new Set(offsets).size).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });
});

describe("forks", () => {
  it("play on by themselves", () => {
    fc.assert(
      fc.property(arbitraryGame(6), fc.infiniteStream(fc.nat()), (game, choices) => {
        const episode = reset(gameInstance(game));
        const next = (list: readonly unknown[]): number => choices.next().value! % list.length;
        while (!isOver(episode)) {
          const before = planOfEpisode(episode);
          const other = fork(episode);
          play(other);
          expect(planOfEpisode(episode)).toEqual(before);
          const actions = legalActions(episode);
          step(episode, actions[next(actions)]!);
        }
      }),
      { numRuns: 60 },
    );
  });
});
