/**
 * Training of the agents' network: imitation of solved games, then self-play by Gumbel search with reanalysis
 * (Schrittwieser et al., 2020 and 2021; Danihelka et al., 2022), values as returns of whole episodes, dynamics unrolled
 * for 5 steps. Every step draws its own random numbers, so that a run that is cut and resumed ends the same.
 */
import { ACTIONS } from "../../solve/mapping/agents/actions.ts";
import { FEATURE_VERSION } from "../../solve/mapping/agents/features.ts";
import { initialParameters, type Network, networkOn } from "../../solve/mapping/agents/network.ts";
import {
  networkPolicy,
  playPolicy,
  type Policy,
  type Prepared,
  prepareAgent,
  pricePolicy,
} from "../../solve/mapping/agents/play.ts";
import { playTree } from "../../solve/mapping/agents/tree-agents.ts";
import { prepare } from "../../solve/mapping/instance.ts";
import type { MappingProblem } from "../../solve/mapping/types.ts";
import { seededRandom } from "../../solve/random.ts";
import { bytesOf, type Checkpoint, floatsOf, type LogEntry, type StoredEpisode, toBase64 } from "./checkpoint.ts";
import { batchOf, type EpisodeRecord, record, solvedEpisode } from "./episodes.ts";
import { gradientsOf, type Losses, startTraining } from "./gradients.ts";

export interface NamedGame {
  readonly name: string;
  readonly problem: MappingProblem;
}

export interface TrainParams {
  readonly games: readonly NamedGame[];
  /** Games that are only looked at, for the log. */
  readonly validation: readonly NamedGame[];
  readonly seed: number;
  readonly steps: number;
  readonly batch: number;
  /** Effort of the solver that is imitated. */
  readonly effort: { readonly anneals: number; readonly budget: number };
  readonly resume?: Checkpoint;
  readonly onProgress?: (text: string) => void;
  readonly onCheckpoint?: (checkpoint: Checkpoint) => Promise<void>;
  readonly shouldStop?: () => boolean;
}

export interface Trained {
  readonly checkpoint: Checkpoint;
  /** Whether all steps were done. */
  readonly finished: boolean;
}

const IMITATION_SHARE = 0.75;
const RATE = 1e-3;
const LAST_RATE = 2e-5;
const WARM_UP = 30;
const DECAY_MOMENTUM = 0.9;
const DECAY_VARIANCE = 0.999;
const WEIGHT_DECAY = 1e-5;
const MOST_NORM = 5;
const LOG_EVERY = 50;
const CHECKPOINT_EVERY = 250;
/** Steps between games of self-play, the most of them that are kept, and the largest that are played. */
const PLAY_EVERY = 10;
const KEPT = 64;
/** Share of the positions that come from self-play, once there is any. */
const PLAYED_SHARE = 0.3;
const LARGEST_PLAYED = 160;
const SIMULATIONS = 16;

/** Trains for `steps`, or on from a checkpoint, whose seed, steps and batch then count. */
export async function train(params: TrainParams): Promise<Trained> {
  await startTraining();
  const { games, resume, shouldStop = () => false } = params;
  const { seed, steps, batch } = resume ?? params;
  const imitationSteps = resume?.imitationSteps ?? Math.round(steps * IMITATION_SHARE);
  const flat = resume === undefined ? initialParameters(seed) : floatsOf(resume.parameters);
  const momentum = resume === undefined ? new Float32Array(flat.length) : floatsOf(resume.momentum);
  const variance = resume === undefined ? new Float32Array(flat.length) : floatsOf(resume.variance);
  const gradient = new Float32Array(flat.length);
  const network = networkOn(flat);
  const policy = networkPolicy(network);
  const log: LogEntry[] = [...(resume?.log ?? [])];
  let step = resume?.step ?? 0;
  const sums: Losses[] = [];

  const prepared = games.map((game) => prepareAgent(prepare(game.problem), { seed: 0, budget: 1 }));
  const solved: EpisodeRecord[] = [];
  for (let k = 0; k < games.length && !shouldStop(); k++) {
    params.onProgress?.(`solving ${k + 1} of ${games.length} games`);
    const stored = resume?.solved[k];
    solved.push(
      stored === undefined ? solvedEpisode(k, prepared[k]!, params.effort, seed) : replay(prepared[k]!, stored),
    );
    await breathe();
  }
  const played = (resume?.played ?? []).map((stored) => replay(prepared[stored.game]!, stored));
  const validation = params.validation.map((game) => prepareAgent(prepare(game.problem), { seed: 0, budget: 1 }));
  const priceGap = meanGap(validation, pricePolicy);

  const checkpoint = (): Checkpoint => ({
    format: "strata-mapper-checkpoint",
    featureVersion: FEATURE_VERSION,
    seed,
    steps,
    imitationSteps,
    batch,
    games: games.map((game) => game.name),
    step,
    parameters: toBase64(flat),
    momentum: toBase64(momentum),
    variance: toBase64(variance),
    solved: solved.map(({ game, actions }) => ({ game, actions: toBase64(actions) })),
    played: played.map(({ game, actions, policies }) => ({
      game,
      actions: toBase64(actions),
      policies: toBase64(policies),
    })),
    log,
  });
  const usable = solved.filter((episode) => episode.choices.length > 0);
  const small = prepared.flatMap(({ observer }, k) =>
    observer.instance.accesses <= LARGEST_PLAYED && solved[k] !== undefined && solved[k].choices.length > 0 ? [k] : [],
  );

  while (step < steps && !shouldStop() && usable.length > 0) {
    const random = seededRandom(Math.imul(seed + 1, 0x9e3779b1) + step);
    const stage = step < imitationSteps ? "imitation" : "self-play";
    if (stage === "self-play" && step % PLAY_EVERY === 0 && small.length > 0) {
      // Every third time an old game is looked at again with what the network knows now.
      const again = step % (3 * PLAY_EVERY) === 0 ? Math.floor(random() * played.length) : -1;
      const old = played[again];
      const game = old?.game ?? small[Math.floor(random() * small.length)]!;
      const episode = selfPlay(game, prepared[game]!, network, random, old);
      if (old === undefined) {
        played.push(episode);
        if (played.length > KEPT) played.shift();
      } else played[again] = episode;
    }
    const from = (episodes: readonly EpisodeRecord[]) => {
      const episode = episodes[Math.floor(random() * episodes.length)]!;
      return {
        episode,
        observer: prepared[episode.game]!.observer,
        choice: Math.floor(random() * episode.choices.length),
      };
    };
    const sample = batchOf(batch, () => from(played.length > 0 && random() < PLAYED_SHARE ? played : usable));
    const losses = gradientsOf(network.parameters, sample, gradient);
    update(flat, gradient, momentum, variance, step, steps);
    step++;
    sums.push(losses);
    if (step % LOG_EVERY === 0 || step === steps) {
      const mean = (name: keyof Losses): number =>
        Number((sums.reduce((total, one) => total + one[name], 0) / sums.length).toPrecision(4));
      log.push({
        step,
        stage,
        total: mean("total"),
        policy: mean("policy"),
        value: mean("value"),
        reward: mean("reward"),
        unrolled: mean("unrolled"),
        gap: Number(meanGap(validation, policy).toPrecision(4)),
        priceGap: Number(priceGap.toPrecision(4)),
      });
      sums.length = 0;
    }
    const last = log.at(-1);
    params.onProgress?.(
      `${stage}: step ${step} of ${steps}, loss ${losses.total.toFixed(3)}` +
        (last === undefined ? "" : `, gap ${(100 * last.gap).toFixed(2)}% (prices ${(100 * priceGap).toFixed(2)}%)`),
    );
    if (step % CHECKPOINT_EVERY === 0) await params.onCheckpoint?.(checkpoint());
    await breathe();
  }
  return { checkpoint: checkpoint(), finished: step >= steps };
}

/** Lets signals in. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function replay(prepared: Prepared, stored: StoredEpisode): EpisodeRecord {
  const policies = stored.policies === undefined ? undefined : floatsOf(stored.policies);
  let row = 0;
  return record(stored.game, prepared, bytesOf(stored.actions), () =>
    policies === undefined ? undefined : policies.subarray(row * ACTIONS, ++row * ACTIONS),
  );
}

function selfPlay(
  game: number,
  prepared: Prepared,
  network: Network,
  random: () => number,
  old: EpisodeRecord | undefined,
): EpisodeRecord {
  const { instance } = prepared.observer;
  const actions = new Uint8Array(instance.accesses);
  const policies = new Map<number, Float64Array>();
  playTree({
    ...prepared,
    network,
    model: "true",
    simulations: SIMULATIONS,
    random,
    canSearch: () => true,
    onSimulations: () => {},
    always: true,
    ...(old === undefined ? {} : { follow: Array.from(old.choices, (access) => old.actions[access]!) }),
    onDecision: ({ access, action, policy }) => {
      actions[access] = action;
      policies.set(access, policy);
    },
  });
  return record(game, prepared, actions, (access) => policies.get(access));
}

function meanGap(games: readonly Prepared[], policy: Policy): number {
  let sum = 0;
  for (const game of games) {
    playPolicy(game, policy);
    sum += (game.state.latency - game.observer.bound) / game.observer.bound;
  }
  return games.length > 0 ? sum / games.length : 0;
}

/** One step of Adam (Kingma and Ba, 2015) with gradients cut to a norm. */
function update(
  flat: Float32Array,
  gradient: Float32Array,
  momentum: Float32Array,
  variance: Float32Array,
  step: number,
  steps: number,
): void {
  let norm = 0;
  for (let k = 0; k < gradient.length; k++) norm += gradient[k]! * gradient[k]!;
  const scale = Math.min(1, MOST_NORM / (Math.sqrt(norm) + 1e-12));
  const cosine = 0.5 * (1 + Math.cos((Math.PI * step) / steps));
  const rate = Math.min(1, (step + 1) / WARM_UP) * (LAST_RATE + (RATE - LAST_RATE) * cosine);
  const c1 = 1 - DECAY_MOMENTUM ** (step + 1);
  const c2 = 1 - DECAY_VARIANCE ** (step + 1);
  for (let k = 0; k < flat.length; k++) {
    const g = gradient[k]! * scale;
    const m = (momentum[k] = DECAY_MOMENTUM * momentum[k]! + (1 - DECAY_MOMENTUM) * g);
    const v = (variance[k] = DECAY_VARIANCE * variance[k]! + (1 - DECAY_VARIANCE) * g * g);
    flat[k] = flat[k]! - rate * (m / c1 / (Math.sqrt(v / c2) + 1e-8) + WEIGHT_DECAY * flat[k]!);
  }
}
