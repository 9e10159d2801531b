import { expect, test } from "vitest";
import { decodeWeights } from "../../solve/mapping/agents/weights.ts";
import { type Checkpoint, readCheckpoint } from "./checkpoint.ts";
import { trainingPicture, weightsFiles } from "./results.ts";
import { syntheticGame } from "./synthetic.ts";
import { train, type TrainParams } from "./train.ts";

const game = (seed: number) => ({ name: `random-${seed}`, problem: syntheticGame(seed) });
const params: TrainParams = {
  games: [game(7), game(35), game(79)],
  validation: [game(86)],
  seed: 4,
  steps: 24,
  batch: 4,
  effort: { anneals: 2, budget: 10 },
};

test("a run that is cut and resumed ends as one that is not, and its files are read again", async () => {
  const whole = await train(params);
  expect(whole.finished).toBe(true);
  // Cut within self-play, and within imitation before it.
  let state: Checkpoint | undefined;
  for (const most of [12, 9]) {
    let asked = -3; // solving the games asks as well
    const { checkpoint, finished } = await train({
      ...params,
      seed: state === undefined ? params.seed : 99,
      ...(state === undefined ? {} : { resume: state }),
      shouldStop: () => asked++ >= most,
    });
    expect(finished).toBe(false);
    state = readCheckpoint(JSON.stringify(checkpoint), "it");
  }
  expect(state!.step).toBe(21);
  expect(state!.played.length).toBeGreaterThan(0);
  const rest = await train({ ...params, resume: state! });
  expect(rest.checkpoint.parameters).toBe(whole.checkpoint.parameters);
  expect(rest.checkpoint.played).toEqual(whole.checkpoint.played);
  const { header, bytes } = weightsFiles(whole.checkpoint);
  expect(decodeWeights(header, bytes, "it").parameters.torso1.length).toBeGreaterThan(0);
  expect(trainingPicture(whole.checkpoint.log)).toMatch(/^<svg[\s\S]*<\/svg>\n$/);
});

test("imitation lowers the policy's loss on what it imitates", async () => {
  const { log } = (await train({ ...params, steps: 100, batch: 16 })).checkpoint;
  expect(log[1]!.total).toBeLessThan(0.9 * log[0]!.total);
});

test("what is no checkpoint is refused", () => {
  for (const [text, message] of [
    ["", "it is not JSON"],
    ["null", "it is not a checkpoint"],
    ['{"format":"strata-mapper-checkpoint","featureVersion":0}', "version 0"],
    ['{"format":"strata-mapper-checkpoint","featureVersion":1,"parameters":"AAAA"}', "parameters has 3 bytes"],
  ])
    expect(() => readCheckpoint(text!, "it")).toThrow(message);
});
