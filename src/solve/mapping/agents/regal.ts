/**
 * The network as a proposal distribution, as in REGAL (Paliwal et al., 2020): one forward pass per decision of one
 * game. What it would rather do than the prices becomes the first biases of the annealer's decoder, and where it
 * is unsure is where the annealer changes them. The search itself needs no network.
 */
import { decode, moveCost } from "../decode.ts";
import type { Instance } from "../instance.ts";
import type { Move } from "../moves.ts";
import { planOf, resetState } from "../state.ts";
import { actionIndex, ACTIONS } from "./actions.ts";
import {
  type AgentParams,
  type AgentResult,
  type MappingAgent,
  mostProbable,
  playOut,
  type Policy,
  prepareAgent,
} from "./play.ts";

/** Temperature at the start, as a share of what mapping gains, and at the end, as a share of that. */
const HEAT = 0.002;
const COLD = 0.01;
/** Least weight of a decision among the proposals: those that look certain are tried as well. */
const CERTAIN = 0.03;
/** Most that the policy may shift a decision, in mean steps. */
const MOST_SHIFT = 2;

/** Which bias a move takes: 0 for leaving fast memory, 1 for copying, -1 for none. */
const groupOf = (move: Move): number =>
  move.action === "D" || move.action === "R" ? 0 : move.action === "K" || move.action === "N" ? -1 : 1;

/** Anneals from the proposals of a policy. */
export function proposalSearch(policy: Policy, instance: Instance, params: AgentParams): AgentResult {
  const prepared = prepareAgent(instance, params);
  const { state, moves, observer, random } = prepared;
  const { tables, slowSeconds, meanTime } = observer;
  const { accesses } = instance;
  let best = Infinity;
  let plan: AgentResult["plan"];
  let evaluations = 0;
  const offer = (): void => {
    evaluations++;
    if (state.latency >= best - 1e-12 * best) return;
    best = state.latency;
    plan = planOf(state);
    params.onBetter?.(best, evaluations);
  };

  // The game of the policy: biases that make the decoder agree with it, and how unsure it is.
  let bias = new Float64Array(2 * accesses);
  const slots: number[] = [];
  const weights: number[] = [];
  const probabilities = new Float64Array(ACTIONS);
  resetState(state);
  playOut(state, moves, (count) => {
    policy(observer, state, moves, count, probabilities);
    const cost = [Infinity, Infinity, Infinity];
    const wanted = [Infinity, Infinity, Infinity];
    for (let k = 0; k < count; k++) {
      const group = groupOf(moves[k]!) + 1;
      const p = probabilities[actionIndex(moves[k]!.action)]!;
      cost[group] = Math.min(cost[group]!, moveCost(state, moves[k]!, tables, "extended"));
      wanted[group] = Math.min(wanted[group]!, -0.15 * meanTime * Math.log(Math.max(p, 1e-9)));
    }
    const least = Math.min(...cost);
    const base = cost[0]! < Infinity ? 0 : 1;
    const unsure = CERTAIN + 1 - Math.max(...probabilities);
    for (const group of [1, 2]) {
      if (cost[group] === Infinity || least === Infinity) continue;
      slots.push((group - 1) * accesses + state.position);
      weights.push((weights.at(-1) ?? 0) + unsure);
      if (group === base || cost[base] === Infinity) continue;
      const shift = wanted[group]! - wanted[base]! - (cost[group]! - cost[base]!);
      bias[slots.at(-1)!] = Math.max(-MOST_SHIFT, Math.min(MOST_SHIFT, shift / meanTime)) * meanTime;
    }
    return mostProbable(moves, count, probabilities);
  });
  offer();
  const total = weights.at(-1) ?? 0;
  if (slots.length === 0) return { plan, seconds: best, evaluations };
  const propose = (): number => {
    const at = random() * total;
    let low = 0;
    let high = weights.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (weights[middle]! > at) high = middle;
      else low = middle + 1;
    }
    return slots[low]!;
  };

  const stop = params.shouldStop ?? (() => false);
  if (evaluations >= params.budget || stop()) return { plan, seconds: best, evaluations };
  decode(state, moves, tables, "extended", bias);
  let current = state.latency;
  offer();
  const heat = Math.max(0, slowSeconds - Math.min(best, slowSeconds)) * HEAT + slowSeconds * 1e-9;
  const amplitude = meanTime * 0.5;
  const start = evaluations;
  while (evaluations < params.budget && !stop()) {
    const temperature = heat * COLD ** ((evaluations - start) / (params.budget - start));
    const candidate = bias.slice();
    const changes = 1 + Math.floor(random() * 3);
    for (let k = 0; k < changes; k++)
      candidate[propose()] = random() < 0.3 ? 0 : (random() - 0.5) * 2 * amplitude * (random() < 0.3 ? 6 : 1);
    decode(state, moves, tables, "extended", candidate);
    const seconds = state.latency;
    offer();
    if (seconds > current && random() >= Math.exp((current - seconds) / temperature)) continue;
    bias = candidate;
    current = seconds;
  }
  return { plan, seconds: best, evaluations };
}

export const proposalAgent = (name: string, policy: Policy): MappingAgent => ({
  name,
  play: (instance, params) => proposalSearch(policy, instance, params),
});
