/** What all agents are made of: games played by a policy, and a view of the instance that they share. */
import { seededRandom } from "../../random.ts";
import { ascend, newAscent } from "../bound.ts";
import { moveCost } from "../decode.ts";
import { extendedMoves, playExtended } from "../extended.ts";
import type { Instance } from "../instance.ts";
import type { Move } from "../moves.ts";
import { priceTables, type PriceTables } from "../prices.ts";
import { isDone, newState, type PlayState, resetState } from "../state.ts";
import type { MappingPlan } from "../types.ts";
import { actionIndex, ACTIONS } from "./actions.ts";
import { FEATURES, newObserver, observe, type Observer } from "./features.ts";
import { HIDDEN, type Network, predict, represent } from "./network.ts";

export interface AgentParams {
  readonly seed: number;
  /** Games played to their end, or simulations of a search, at most. */
  readonly budget: number;
  /** Prices and bound, where they are known already. */
  readonly tables?: PriceTables;
  readonly bound?: number;
  /** Asked between evaluations. */
  readonly shouldStop?: () => boolean;
  /** Told of every better plan: its latency by the game and the evaluations so far. */
  readonly onBetter?: (seconds: number, evaluations: number) => void;
}

export interface AgentResult {
  /** Undefined where it was stopped before a game ended. */
  readonly plan: MappingPlan | undefined;
  /** Latency as the game books it: the simulator's is no more. */
  readonly seconds: number;
  readonly evaluations: number;
}

/** Plays an instance and gives the best plan it has seen. Deterministic in instance and parameters. */
export interface MappingAgent {
  readonly name: string;
  readonly play: (instance: Instance, params: AgentParams) => AgentResult;
}

/** Iterations of the bound that agents look at where nobody gives them prices. */
export const BOUND_ITERATIONS = 300;

export interface Prepared {
  readonly observer: Observer;
  readonly random: () => number;
  readonly state: PlayState;
  readonly moves: Move[];
}

export function prepareAgent(instance: Instance, params: AgentParams): Prepared {
  let { tables, bound } = params;
  if (tables === undefined || bound === undefined) {
    const ascent = newAscent(instance);
    ascend(ascent, BOUND_ITERATIONS, { rate: 0.08, lastRate: 0.005 });
    tables ??= priceTables(instance, ascent.best, ascent.cuts);
    bound ??= ascent.seconds;
  }
  return {
    observer: newObserver(instance, tables, bound),
    random: seededRandom(params.seed + 17),
    state: newState(instance),
    moves: [],
  };
}

/**
 * Probabilities of the six actions at the next access of a game, into `out`: zero where they are not legal. Called
 * only where there is a choice.
 */
export type Policy = (
  observer: Observer,
  state: PlayState,
  moves: readonly Move[],
  count: number,
  out: Float64Array,
) => void;

/** Turns logits into probabilities of the legal actions. */
export function softmaxLegal(
  logits: ArrayLike<number>,
  moves: readonly Move[],
  count: number,
  out: Float64Array,
): void {
  out.fill(0);
  let top = -Infinity;
  for (let k = 0; k < count; k++) top = Math.max(top, logits[actionIndex(moves[k]!.action)]!);
  let sum = 0;
  for (let k = 0; k < count; k++) {
    const a = actionIndex(moves[k]!.action);
    sum += out[a] = Math.exp(logits[a]! - top);
  }
  for (let a = 0; a < ACTIONS; a++) out[a]! /= sum;
}

/** The network's policy. */
export function networkPolicy(network: Network): Policy {
  const observation = new Float32Array(FEATURES);
  const hidden = new Float32Array(HIDDEN);
  const logits = new Float32Array(ACTIONS);
  return (observer, state, moves, count, out) => {
    observe(observer, state, moves, count, observation);
    represent(network, observation, hidden);
    predict(network, hidden, observation, logits);
    softmaxLegal(logits, moves, count, out);
  };
}

/** Every legal action alike. */
export const uniformPolicy: Policy = (_observer, _state, moves, count, out) => {
  out.fill(0);
  for (let k = 0; k < count; k++) out[actionIndex(moves[k]!.action)] = 1 / count;
};

/** By cost under the prices, as the tree search does without an agent. */
export const pricePolicy: Policy = (observer, state, moves, count, out) => {
  const costs = new Float64Array(ACTIONS);
  for (let k = 0; k < count; k++)
    costs[actionIndex(moves[k]!.action)] =
      -moveCost(state, moves[k]!, observer.tables, "extended") / (0.15 * observer.meanTime);
  softmaxLegal(costs, moves, count, out);
};

/** Legal moves of the next access at which there is a choice; forced ones are played. 0 where the game is over. */
export function toChoice(state: PlayState, moves: Move[]): number {
  while (!isDone(state)) {
    const count = extendedMoves(state, moves);
    if (count > 1) return count;
    playExtended(state, moves[0]!);
  }
  return 0;
}

/** Plays a game from where it is to its end, at each choice the move that `choose` names. */
export function playOut(state: PlayState, moves: Move[], choose: (count: number) => number): void {
  for (let count = toChoice(state, moves); count > 0; count = toChoice(state, moves))
    playExtended(state, moves[choose(count)]!);
}

/** The most probable of the moves; ties to the first. */
export function mostProbable(moves: readonly Move[], count: number, probabilities: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < count; k++)
    if (probabilities[actionIndex(moves[k]!.action)]! > probabilities[actionIndex(moves[best]!.action)]!) best = k;
  return best;
}

/** One game by the most probable moves. */
export function playPolicy(prepared: Prepared, policy: Policy): void {
  const { state, moves, observer } = prepared;
  const probabilities = new Float64Array(ACTIONS);
  resetState(state);
  playOut(state, moves, (count) => {
    policy(observer, state, moves, count, probabilities);
    return mostProbable(moves, count, probabilities);
  });
}
