/**
 * Monte-Carlo tree search on the extended game (Coulom, 2006; selection by pUCT, Rosin, 2011) with the true
 * simulator: priors by prices or by an agent, rollouts by a noisy price decode. Deterministic single player: a
 * node's value mixes the best and the mean of what was seen below it.
 */
import { seededRandom } from "../random.ts";
import { decodeOn, moveCost } from "./decode.ts";
import { extendedMoves, playExtended } from "./extended.ts";
import { allSlowSeconds, type Instance } from "./instance.ts";
import type { Move } from "./moves.ts";
import type { PriceTables } from "./prices.ts";
import { isDone, newState, planOf, type PlayState, resetState } from "./state.ts";
import type { MappingPlan } from "./types.ts";

/** Probabilities of the legal moves of the next access, in their order. */
export type Prior = (state: PlayState, moves: readonly Move[], tables: PriceTables) => readonly number[];

export interface MctsParams {
  /** Games played at most. */
  readonly simulations: number;
  readonly seed: number;
  /** Lower bound on the latency: one end of the scale of values. */
  readonly bound: number;
  readonly prior?: Prior;
  readonly shouldStop: () => boolean;
  readonly onEvaluation: () => void;
}

interface Node {
  readonly prior: readonly number[];
  readonly visits: number[];
  readonly sums: number[];
  readonly bests: number[];
  readonly children: (Node | undefined)[];
  total: number;
  best: number;
}

const EXPLORATION = 0.3;
const NOISE = 0.3;

/** Probabilities that fall with the cost of a move under the prices. */
export function pricePrior(scale: number): Prior {
  return (state, moves, tables) => {
    const costs = moves.map((move) => moveCost(state, move, tables, "extended"));
    const least = Math.min(...costs);
    const weights = costs.map((cost) => Math.exp((least - cost) / scale));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  };
}

/** The best plan seen, or undefined where no game ended. */
export function mctsSearch(instance: Instance, tables: PriceTables, params: MctsParams): MappingPlan | undefined {
  const { accesses } = instance;
  const slow = allSlowSeconds(instance);
  const scale = slow / instance.steps || 1;
  const prior = params.prior ?? pricePrior(0.15 * scale);
  const random = seededRandom(params.seed + 7);
  const state = newState(instance);
  const moves: Move[] = [];
  let best = Infinity;
  let plan: MappingPlan | undefined;
  /** Moves committed to, as indices among the legal ones. */
  const prefix: number[] = [];

  const newNode = (count: number): Node => ({
    prior: prior(state, moves.slice(0, count), tables),
    visits: Array.from({ length: count }, () => 0),
    sums: Array.from({ length: count }, () => 0),
    bests: Array.from({ length: count }, () => Infinity),
    children: Array.from({ length: count }, () => undefined),
    total: 0,
    best: Infinity,
  });
  const choose = (node: Node): number => {
    const low = Math.min(params.bound, best);
    const width = Math.max(slow - low, 1e-300);
    let chosen = 0;
    let most = -Infinity;
    for (let k = 0; k < node.prior.length; k++) {
      const seen = node.visits[k]!;
      const value = seen > 0 ? 0.5 * (node.bests[k]! + node.sums[k]! / seen) : node.best < Infinity ? node.best : slow;
      const score = (slow - value) / width + (EXPLORATION * node.prior[k]! * Math.sqrt(node.total + 1)) / (1 + seen);
      if (score > most) {
        most = score;
        chosen = k;
      }
    }
    return chosen;
  };
  const bias = new Float64Array(2 * accesses);
  let root: Node | undefined;
  for (let done = 0; done < params.simulations && !params.shouldStop(); done++) {
    resetState(state);
    for (const k of prefix) {
      extendedMoves(state, moves);
      playExtended(state, moves[k]!);
    }
    // Moves without a choice are not worth a simulation.
    let count = isDone(state) ? 0 : extendedMoves(state, moves);
    while (count === 1) {
      prefix.push(0);
      playExtended(state, moves[0]!);
      count = isDone(state) ? 0 : extendedMoves(state, moves);
    }
    if (count === 0) break;
    root ??= newNode(count);
    const path: { node: Node; move: number }[] = [];
    let node: Node | undefined = root;
    while (node !== undefined && !isDone(state)) {
      const move = choose(node);
      path.push({ node, move });
      playExtended(state, moves[move]!);
      let legal = isDone(state) ? 0 : extendedMoves(state, moves);
      while (legal === 1) {
        playExtended(state, moves[0]!);
        legal = isDone(state) ? 0 : extendedMoves(state, moves);
      }
      const child: Node | undefined = node.children[move];
      if (child === undefined && legal > 0) node.children[move] = newNode(legal);
      node = child;
    }
    if (!isDone(state)) {
      for (let k = state.position; k < accesses; k++) {
        bias[k] = NOISE * scale * (random() - 0.5) * 0.3;
        bias[accesses + k] = NOISE * scale * (random() - 0.5) * 0.3;
      }
      decodeOn(state, moves, tables, "extended", bias);
    }
    params.onEvaluation();
    const value = state.latency;
    if (value < best) {
      best = value;
      plan = planOf(state);
    }
    for (const { node: passed, move } of path) {
      passed.visits[move]!++;
      passed.sums[move]! += value;
      passed.bests[move] = Math.min(passed.bests[move]!, value);
      passed.total++;
      passed.best = Math.min(passed.best, value);
    }
    // Commit to the best move at an even pace, so that the whole game is searched and not its beginning only.
    const share = Math.max(4, Math.floor((params.simulations - done) / Math.max(1, accesses - prefix.length)));
    if (root.total >= share) {
      let move = 0;
      for (let k = 1; k < root.bests.length; k++) if (root.bests[k]! < root.bests[move]!) move = k;
      prefix.push(move);
      root = root.children[move];
    }
  }
  return plan;
}
