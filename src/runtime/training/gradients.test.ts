import { tensor2d } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { ACTION_FEATURES, FEATURES, STATIC_FEATURES } from "../../solve/mapping/agents/features.ts";
import {
  advance,
  HIDDEN,
  initialParameters,
  networkOn,
  type ParameterName,
  predict,
  represent,
  TRANSITION,
} from "../../solve/mapping/agents/network.ts";
import { ACTIONS } from "../../solve/mapping/agents/actions.ts";
import { prepareAgent, pricePolicy } from "../../solve/mapping/agents/play.ts";
import { proposalSearch } from "../../solve/mapping/agents/regal.ts";
import { prepare } from "../../solve/mapping/instance.ts";
import { seededRandom } from "../../solve/random.ts";
import { actionsOfPlan, batchOf, record, solvedEpisode } from "./episodes.ts";
import { type Batch, gradientsOf, layers, startTraining, tensorsOf } from "./gradients.ts";
import { syntheticGame } from "./synthetic.ts";

beforeAll(startTraining);

const prepared = prepareAgent(prepare(syntheticGame(3)), { seed: 0, budget: 1 });
const episode = solvedEpisode(0, prepared, { anneals: 5, budget: 20 }, 1);

function sample(size: number, seed: number): Batch {
  const random = seededRandom(seed);
  return batchOf(size, () => ({
    episode,
    observer: prepared.observer,
    choice: Math.floor(random() * episode.choices.length),
  }));
}

test("the forward pass on typed arrays is that of TensorFlow.js on 100 positions", () => {
  const network = networkOn(initialParameters(5));
  const random = seededRandom(1);
  // Weights of a trained network's size everywhere, so that no term hides.
  for (const own of Object.values(network.parameters))
    for (let k = 0; k < own.length; k++) own[k]! += 0.02 * (random() - 0.5);
  const rows = 100;
  const batch = sample(rows, 2);
  const actionOf = Array.from({ length: rows }, () => Math.floor(random() * ACTIONS));
  const transitions = new Float32Array(rows * TRANSITION);
  const statics = Float32Array.from({ length: rows * STATIC_FEATURES }, () => 2 * random() - 1);
  const heads = new Float32Array(rows * ACTION_FEATURES);
  for (let r = 0; r < rows; r++) {
    transitions[r * TRANSITION + actionOf[r]!] = 1;
    transitions.set(statics.subarray(r * STATIC_FEATURES, (r + 1) * STATIC_FEATURES), r * TRANSITION + ACTIONS);
    heads.set(batch.observations.subarray(r * FEATURES, r * FEATURES + ACTION_FEATURES), r * ACTION_FEATURES);
  }
  const p = tensorsOf(network.parameters);
  const hiddenT = layers.represent(p, tensor2d(batch.observations, [rows, FEATURES]));
  const policyT = layers.policy(p, hiddenT, tensor2d(heads, [rows, ACTION_FEATURES])).dataSync();
  const nextT = layers.advance(p, hiddenT, tensor2d(transitions, [rows, TRANSITION]));
  const hiddenAll = hiddenT.dataSync();
  const nextAll = nextT.dataSync();
  const valueT = layers.value(p, hiddenT).dataSync();
  const rewardT = layers.reward(p, nextT).dataSync();
  let error = 0;
  const close = (a: number, b: number): void => void (error = Math.max(error, Math.abs(a - b) / (1 + Math.abs(b))));
  const hidden = new Float32Array(HIDDEN);
  const next = new Float32Array(HIDDEN);
  const logits = new Float32Array(ACTIONS);
  let active = 0;
  for (let r = 0; r < rows; r++) {
    const observation = batch.observations.subarray(r * FEATURES, (r + 1) * FEATURES);
    represent(network, observation, hidden);
    hidden.forEach((x, k) => close(x, hiddenAll[r * HIDDEN + k]!));
    predict(network, hidden, observation, logits);
    logits.forEach((x, k) => close(x, policyT[r * ACTIONS + k]!));
    network.bins.forEach((x, k) => close(x, valueT[r * network.bins.length + k]!));
    advance(network, hidden, actionOf[r]!, statics, r * STATIC_FEATURES, next);
    next.forEach((x, k) => close(x, nextAll[r * HIDDEN + k]!));
    network.bins.forEach((x, k) => close(x, rewardT[r * network.bins.length + k]!));
    active += next.reduce((sum, x) => sum + (x > 0 ? 1 : 0), 0);
  }
  expect(active).toBeGreaterThan(0);
  expect(error).toBeLessThan(1e-5);
});

test("gradients are the slopes of the loss", () => {
  const flat = initialParameters(9);
  const network = networkOn(flat);
  const batch = sample(8, 4);
  // One step of dynamics; for layers before them only with its targets off, since gradients through it are halved.
  const one = batch.unroll.slice(0, 1);
  const none = one.map((step) => ({
    transitions: step.transitions,
    policies: step.policies.map(() => 0),
    values: step.values.map(() => 0),
    rewards: step.rewards.map(() => 0),
  }));
  const out = new Float32Array(flat.length);
  const loss = (unroll: Batch["unroll"]): number => gradientsOf(network.parameters, { ...batch, unroll }, out).total;
  const cases: readonly (readonly [ParameterName, Batch["unroll"]])[] = [
    ["torso1", none],
    ["torso2", none],
    ["torso3Bias", none],
    ["skip", one],
    ["policy", one],
    ["valueBias", one],
    ["dynamicsHidden", one],
    ["dynamicsAction", one],
    ["next", one],
    ["reward", one],
  ];
  for (const [name, unroll] of cases) {
    const own = network.parameters[name];
    loss(unroll);
    const from = own.byteOffset / 4;
    const gradient = out.slice(from, from + own.length);
    // Along the gradient, where the slope is largest against rounding.
    const norm = Math.hypot(...gradient);
    expect(norm, name).toBeGreaterThan(0);
    const start = own.slice();
    const at = (step: number): number => {
      for (let k = 0; k < own.length; k++) own[k] = start[k]! + (step * gradient[k]!) / norm;
      return loss(unroll);
    };
    const h = 2e-3;
    const slope = (at(h) - at(-h)) / (2 * h);
    own.set(start);
    expect(Math.abs(slope - norm) / norm, `${name}: ${slope} and ${norm}`).toBeLessThan(0.03);
  }
});

test("rewards of an episode add up to what was still to be saved", () => {
  const again = record(0, prepared, episode.actions, () => undefined);
  expect(again).toEqual(episode);
  for (let a = 0; a < episode.actions.length; a++) {
    const rest = episode.rewards.slice(a).reduce((sum, x) => sum + x, 0);
    expect(rest).toBeCloseTo(episode.toGo[a]!, 4);
  }
});

test("a game's plan names the game's actions", () => {
  for (const seed of [1, 2, 5]) {
    const other = prepareAgent(prepare(syntheticGame(seed)), { seed: 0, budget: 1 });
    const { instance, tables, bound } = other.observer;
    const { plan, seconds } = proposalSearch(pricePolicy, instance, { seed, budget: 20, tables, bound });
    expect(record(0, other, actionsOfPlan(instance, plan!), () => undefined).seconds).toBeCloseTo(seconds, 12);
  }
});
