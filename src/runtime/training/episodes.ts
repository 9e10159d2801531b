/** Games as training data: what was seen, done and saved at every access. */
import { extendedMoves, playExtended } from "../../solve/mapping/extended.ts";
import type { Instance } from "../../solve/mapping/instance.ts";
import { WRITE } from "../../solve/mapping/instance.ts";
import { mapMemory } from "../../solve/mapping/portfolio.ts";
import { isDone, resetState } from "../../solve/mapping/state.ts";
import type { MappingPlan } from "../../solve/mapping/types.ts";
import { actionIndex, ACTIONS, moveOf } from "../../solve/mapping/agents/actions.ts";
import { FEATURES, observe, type Observer, STATIC_FEATURES } from "../../solve/mapping/agents/features.ts";
import { type Policy, type Prepared, pricePolicy } from "../../solve/mapping/agents/play.ts";
import { proposalSearch } from "../../solve/mapping/agents/regal.ts";
import { rewardBin, TRANSITION, valueBin, BINS } from "../../solve/mapping/agents/network.ts";
import type { Batch } from "./gradients.ts";

export interface EpisodeRecord {
  /** Which game of the training set. */
  readonly game: number;
  /** By access: action, and what it saved as a share of all that can be. */
  readonly actions: Uint8Array;
  readonly rewards: Float32Array;
  /** By access: what was still to be saved before it. */
  readonly toGo: Float32Array;
  /** Accesses with a choice, and for each its observation, mask and policy. */
  readonly choices: Int32Array;
  readonly observations: Float32Array;
  readonly masks: Float32Array;
  readonly policies: Float32Array;
  readonly seconds: number;
}

const ILLEGAL = -1e9;

/** Plays `actions` (by access; forced ones may be anything) and writes down what is seen. */
export function record(
  game: number,
  { observer, state, moves }: Prepared,
  actions: ArrayLike<number>,
  policyOf: (access: number) => ArrayLike<number> | undefined,
): EpisodeRecord {
  const { instance, slowSeconds, bound } = observer;
  const width = slowSeconds > bound ? slowSeconds - bound : 1;
  const played = new Uint8Array(instance.accesses);
  const latency = new Float64Array(instance.accesses + 1);
  const choices: number[] = [];
  const observations: Float32Array[] = [];
  const masks: number[] = [];
  const policies: number[] = [];
  resetState(state);
  latency[0] = state.latency;
  while (!isDone(state)) {
    const access = state.position;
    const count = extendedMoves(state, moves);
    let k = count > 1 ? moveOf(moves, count, actions[access]!) : 0;
    if (k < 0) k = moveOf(moves, count, 2) < 0 ? count - 1 : moveOf(moves, count, 2);
    const action = actionIndex(moves[k]!.action);
    if (count > 1) {
      choices.push(access);
      const observation = new Float32Array(FEATURES);
      observe(observer, state, moves, count, observation);
      observations.push(observation);
      const policy = policyOf(access);
      for (let a = 0; a < ACTIONS; a++) {
        masks.push(moveOf(moves, count, a) < 0 ? ILLEGAL : 0);
        policies.push(policy === undefined ? (a === action ? 1 : 0) : policy[a]!);
      }
    }
    played[access] = action;
    playExtended(state, moves[k]!);
    latency[access + 1] = state.latency;
  }
  const final = latency[instance.accesses]!;
  const flat = new Float32Array(observations.length * FEATURES);
  observations.forEach((observation, k) => flat.set(observation, k * FEATURES));
  return {
    game,
    actions: played,
    rewards: Float32Array.from(played, (_, a) => (latency[a]! - latency[a + 1]!) / width),
    toGo: Float32Array.from(played, (_, a) => (latency[a]! - final) / width),
    choices: Int32Array.from(choices),
    observations: flat,
    masks: Float32Array.from(masks),
    policies: Float32Array.from(policies),
    seconds: final,
  };
}

/** Actions of the extended game that come nearest to a plan. */
export function actionsOfPlan(instance: Instance, plan: MappingPlan): Uint8Array {
  const ranges = new Map<number, { from: number; to: number }[]>();
  for (const { value, from, to } of plan.ranges) ranges.set(value, [...(ranges.get(value) ?? []), { from, to }]);
  const stays = (version: number, t: number, u: number): boolean =>
    (ranges.get(version) ?? []).some(({ from, to }) => from <= t && to > u);
  return Uint8Array.from({ length: instance.accesses }, (_, a) => {
    if (plan.fast[a] !== true) return 2;
    const version = instance.versionOf[a]!;
    const t = instance.stepOf[a]!;
    const next = instance.next[a]!;
    const before = instance.previous[a]!;
    const kept = next >= 0 && plan.fast[next] === true && stays(version, t, instance.stepOf[next]!);
    if (instance.kind[a] === WRITE) return kept ? 0 : 5;
    const resident = before >= 0 && plan.fast[before] === true && stays(version, instance.stepOf[before]!, t);
    if (resident) return kept ? 0 : 1;
    return kept ? 4 : 3;
  });
}

/** Wants what a plan does, as far as the game allows it; else what the prices want. */
function follow(actions: Uint8Array): Policy {
  return (observer, state, moves, count, out) => {
    pricePolicy(observer, state, moves, count, out);
    const wanted = actions[state.position]!;
    if (moveOf(moves, count, wanted) < 0) return;
    for (let a = 0; a < ACTIONS; a++) out[a]! *= 0.1;
    out[wanted]! += 0.9;
  };
}

/**
 * The best game of some: annealed from the prices, and annealed from the game that comes nearest to the
 * portfolio's plan, which need not be a game itself.
 */
export function solvedEpisode(
  game: number,
  prepared: Prepared,
  effort: { readonly anneals: number; readonly budget: number },
  seed: number,
): EpisodeRecord {
  const { tables, bound, instance } = prepared.observer;
  const { plan } = mapMemory(instance.problem, { budget: effort.budget, seed, exact: false, mcts: false });
  const params = { seed, budget: effort.anneals, tables, bound };
  const records = [pricePolicy, follow(actionsOfPlan(instance, plan))].map((policy) => {
    const found = proposalSearch(policy, instance, params);
    return record(game, prepared, actionsOfPlan(instance, found.plan!), () => undefined);
  });
  return records.reduce((best, other) => (other.seconds < best.seconds ? other : best));
}

/** Steps that the dynamics are unrolled for. */
export const UNROLL = 5;

function twoHot(out: Float32Array, row: number, bin: number): void {
  const low = Math.min(BINS - 2, Math.floor(bin));
  out[row * BINS + low] = 1 - (bin - low);
  out[row * BINS + low + 1] = bin - low;
}

/** A batch of positions with a choice: `pick` gives an episode, its observer, and one of its choices. */
export function batchOf(
  size: number,
  pick: () => { readonly episode: EpisodeRecord; readonly observer: Observer; readonly choice: number },
): Batch {
  const batch: Batch = {
    size,
    observations: new Float32Array(size * FEATURES),
    masks: new Float32Array(size * ACTIONS),
    policies: new Float32Array(size * ACTIONS),
    values: new Float32Array(size * BINS),
    unroll: Array.from({ length: UNROLL }, () => ({
      transitions: new Float32Array(size * TRANSITION),
      policies: new Float32Array(size * ACTIONS),
      values: new Float32Array(size * BINS),
      rewards: new Float32Array(size * BINS),
    })),
  };
  for (let row = 0; row < size; row++) {
    const { episode, observer, choice } = pick();
    batch.observations.set(episode.observations.subarray(choice * FEATURES, (choice + 1) * FEATURES), row * FEATURES);
    batch.masks.set(episode.masks.subarray(choice * ACTIONS, (choice + 1) * ACTIONS), row * ACTIONS);
    batch.policies.set(episode.policies.subarray(choice * ACTIONS, (choice + 1) * ACTIONS), row * ACTIONS);
    const access = episode.choices[choice]!;
    twoHot(batch.values, row, valueBin(episode.toGo[access]!));
    let following = choice + 1;
    for (let k = 0; k < UNROLL; k++) {
      const at = access + k + 1;
      // The last action has a reward, and no decision after it.
      if (at > episode.actions.length) break;
      const step = batch.unroll[k]!;
      const transition = row * TRANSITION;
      step.transitions[transition + episode.actions[at - 1]!] = 1;
      twoHot(step.rewards, row, rewardBin(episode.rewards[at - 1]!));
      if (at === episode.actions.length) break;
      step.transitions.set(
        observer.statics.subarray(at * STATIC_FEATURES, (at + 1) * STATIC_FEATURES),
        transition + ACTIONS,
      );
      twoHot(step.values, row, valueBin(episode.toGo[at]!));
      // Of a forced move the dynamics learn that it is the only one.
      if (episode.choices[following] === at) {
        step.policies.set(episode.policies.subarray(following * ACTIONS, (following + 1) * ACTIONS), row * ACTIONS);
        following++;
      } else step.policies[row * ACTIONS + episode.actions[at]!] = 1;
    }
  }
  return batch;
}
