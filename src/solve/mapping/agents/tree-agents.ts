/**
 * Agents that search at every decision: `alphazero` on the true game, `muzero` on the learned dynamics. Forced moves
 * and those about which the policy has no doubt are played without search.
 */
import { extendedMoves, playExtended } from "../extended.ts";
import { FEATURES, observe, type Observer, STATIC_FEATURES } from "./features.ts";
import type { Instance } from "../instance.ts";
import type { Move } from "../moves.ts";
import { cloneState, planOf, type PlayState, resetState } from "../state.ts";
import { actionIndex, ACTIONS, moveOf } from "./actions.ts";
import { type Expand, improvedPolicy, newNode, searchAt } from "./gumbel.ts";
import { advance, HIDDEN, type Network, predict, represent } from "./network.ts";
import { type AgentParams, type AgentResult, type MappingAgent, prepareAgent, toChoice } from "./play.ts";

/** Simulations at a decision. */
export const SIMULATIONS = 16;
const FEWEST = 4;
/** A decision is searched where the most probable action has no more than this. */
const SURE = 0.98;

export interface Decision {
  readonly observation: Float32Array;
  readonly legal: readonly number[];
  /** Policy that the search found, by action. */
  readonly policy: Float64Array;
  readonly action: number;
  readonly access: number;
  readonly latency: number;
}

export interface TreeGame {
  readonly observer: Observer;
  readonly state: PlayState;
  readonly moves: Move[];
  readonly network: Network;
  readonly model: "true" | "learned";
  readonly simulations: number;
  readonly random: (() => number) | undefined;
  /** Asked at every decision: once false, the game is played on by the policy alone. */
  readonly canSearch: () => boolean;
  readonly onSimulations: (count: number) => void;
  /** Actions to play whatever the search says: where an old game is looked at again. */
  readonly follow?: readonly number[];
  readonly onDecision?: (decision: Decision) => void;
  /** Also decisions without doubt: for training. */
  readonly always?: boolean;
}

const legalOf = (moves: readonly Move[], count: number): number[] =>
  moves.slice(0, count).map((move) => actionIndex(move.action));

/** A share of what can be saved. */
const share = ({ slowSeconds, bound }: Observer, seconds: number): number =>
  slowSeconds > bound ? seconds / (slowSeconds - bound) : 0;

/** Plays one game to its end. */
export function playTree(game: TreeGame): void {
  const { observer, state, moves, network, random, follow } = game;
  const observation = new Float32Array(FEATURES);
  const hidden = new Float32Array(HIDDEN);
  const logits = new Float32Array(ACTIONS);
  const policy = new Float64Array(ACTIONS);
  const expand = game.model === "true" ? expandTrue(game) : undefined;
  const dream = game.model === "learned" ? expandLearned(game) : undefined;
  resetState(state);
  let turn = 0;
  for (let count = toChoice(state, moves); count > 0; count = toChoice(state, moves)) {
    observe(observer, state, moves, count, observation);
    represent(network, observation, hidden);
    const value = predict(network, hidden, observation, logits);
    const legal = legalOf(moves, count);
    const top = Math.max(...legal.map((a) => logits[a]!));
    const doubt = 1 / legal.reduce((sum, a) => sum + Math.exp(logits[a]! - top), 0);
    let action = legal.reduce((best, a) => (logits[a]! > logits[best]! ? a : best));
    policy.fill(0);
    policy[action] = 1;
    if ((doubt <= SURE || game.always === true) && game.canSearch()) {
      if (expand !== undefined) {
        const root = newNode<PlayState>(cloneState(state), legal, logits, value, 0);
        action = searchAt(root, game.simulations, expand, random);
        improvedPolicy(root, policy);
      } else {
        const root = newNode<Dream>({ hidden: hidden.slice(), access: state.position }, legal, logits, value, 0);
        action = searchAt(root, game.simulations, dream!, random);
        improvedPolicy(root, policy);
      }
      game.onSimulations(game.simulations);
    }
    const planned = follow?.[turn];
    if (planned !== undefined && legal.includes(planned)) action = planned;
    turn++;
    // The search has filled the moves with those of other positions.
    const again = extendedMoves(state, moves);
    game.onDecision?.({
      observation: observation.slice(),
      legal,
      policy: policy.slice(),
      action,
      access: state.position,
      latency: state.latency,
    });
    playExtended(state, moves[moveOf(moves, again, action)]!);
  }
}

function expandTrue({ observer, network }: TreeGame): Expand<PlayState> {
  const moves: Move[] = [];
  const observation = new Float32Array(FEATURES);
  const hidden = new Float32Array(HIDDEN);
  const logits = new Float32Array(ACTIONS);
  return (node, action) => {
    const state = cloneState(node.at!);
    const before = state.latency;
    playExtended(state, moves[moveOf(moves, extendedMoves(state, moves), action)]!);
    const count = toChoice(state, moves);
    const reward = share(observer, before - state.latency);
    if (count === 0) return newNode<PlayState>(undefined, [], logits.fill(0), 0, reward);
    observe(observer, state, moves, count, observation);
    represent(network, observation, hidden);
    const value = predict(network, hidden, observation, logits);
    return newNode<PlayState>(state, legalOf(moves, count), logits, value, reward);
  };
}

interface Dream {
  readonly hidden: Float32Array;
  readonly access: number;
}

/** What may be legal is known of an access without the game: a write can't be copied, a first read not kept. */
function expandLearned({ observer, network }: TreeGame): Expand<Dream> {
  const { statics, instance } = observer;
  const logits = new Float32Array(ACTIONS);
  const anywhere = Array.from({ length: ACTIONS }, (_, a) => a);
  return (node, action) => {
    const { hidden, access } = node.at!;
    const next = new Float32Array(HIDDEN);
    const following = access + 1;
    const done = following >= instance.accesses;
    const reward = advance(network, hidden, action, statics, done ? -1 : following * STATIC_FEATURES, next);
    if (done) return newNode<Dream>(undefined, [], logits.fill(0), 0, reward);
    const value = predict(network, next, undefined, logits);
    return newNode<Dream>({ hidden: next, access: following }, anywhere, logits, value, reward);
  };
}

function playAgent(
  network: Network,
  model: TreeGame["model"],
  most: number,
  instance: Instance,
  params: AgentParams,
): AgentResult {
  const prepared = prepareAgent(instance, params);
  const { state } = prepared;
  // About every second access is a choice: the budget should last for a game.
  const simulations = Math.max(FEWEST, Math.min(most, Math.floor(params.budget / (0.5 * instance.accesses + 1))));
  let evaluations = 0;
  let best = Infinity;
  let plan: AgentResult["plan"];
  const canGoOn = (): boolean => evaluations < params.budget && !(params.shouldStop?.() ?? false);
  // The first game without noise, the others with it; the best of them counts.
  for (let games = 0; games === 0 || canGoOn(); games++) {
    const before = evaluations;
    playTree({
      ...prepared,
      network,
      model,
      simulations,
      random: games === 0 ? undefined : prepared.random,
      canSearch: canGoOn,
      onSimulations: (count) => (evaluations += count),
    });
    evaluations++;
    if (state.latency < best) {
      best = state.latency;
      plan = planOf(state);
      params.onBetter?.(best, evaluations);
    }
    // Without a decision in doubt, the next game would be the same one.
    if (evaluations === before + 1) break;
  }
  return { plan, seconds: best, evaluations };
}

const treeAgent = (name: string, model: TreeGame["model"], network: Network, most = SIMULATIONS): MappingAgent => ({
  name,
  play: (instance, params) => playAgent(network, model, most, instance, params),
});

/** Gumbel search on the true game with the network's policy and value. */
export const alphazero = (network: Network, simulations?: number): MappingAgent =>
  treeAgent("alphazero", "true", network, simulations);

/** Gumbel search in the learned dynamics: the game itself is played only along the chosen moves. */
export const muzero = (network: Network, simulations?: number): MappingAgent =>
  treeAgent("muzero", "learned", network, simulations);
