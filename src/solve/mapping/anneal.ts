/**
 * Simulated annealing on the biases of a price decode (Kirkpatrick et al., 1983): every candidate is a whole
 * game, so every candidate is a plan. Temperature and biases are in seconds of this instance.
 */
import { seededRandom } from "../random.ts";
import { type Bias, decode, type GameName } from "./decode.ts";
import { allSlowSeconds, type Instance } from "./instance.ts";
import type { Move } from "./moves.ts";
import type { PriceTables } from "./prices.ts";
import { planOf, type PlayState } from "./state.ts";
import type { MappingPlan } from "./types.ts";

export interface AnnealRun {
  readonly game: GameName;
  readonly tables: PriceTables;
  readonly random: () => number;
  bias: Bias;
  seconds: number;
  best: number;
  bestBias: Bias;
  bestPlan: MappingPlan;
  readonly temperature: number;
  readonly amplitude: number;
}

/** Temperature at the start, as a share of what mapping gains, and at the end, as a share of that. */
const HEAT = 0.002;
const COLD = 0.01;

export function newAnneal(
  instance: Instance,
  state: PlayState,
  moves: Move[],
  tables: PriceTables,
  game: GameName,
  seed: number,
): AnnealRun {
  const bias = new Float64Array(2 * instance.accesses);
  decode(state, moves, tables, game, undefined);
  const seconds = state.latency;
  const slow = allSlowSeconds(instance);
  return {
    game,
    tables,
    random: seededRandom(seed),
    bias,
    seconds,
    best: seconds,
    bestBias: bias,
    bestPlan: planOf(state),
    temperature: Math.max(0, slow - Math.min(seconds, slow)) * HEAT + slow * 1e-9,
    amplitude: (slow / instance.steps) * 0.5,
  };
}

/** One candidate at `progress` from 0 to 1 of the schedule; whether it is the best so far. */
export function annealOnce(run: AnnealRun, state: PlayState, moves: Move[], progress: number): boolean {
  const { random, amplitude } = run;
  const temperature = run.temperature * COLD ** progress;
  const candidate = run.bias.slice();
  const changes = 1 + Math.floor(random() * 3);
  for (let k = 0; k < changes; k++) {
    const at = Math.floor(random() * candidate.length);
    candidate[at] = random() < 0.3 ? 0 : (random() - 0.5) * 2 * amplitude * (random() < 0.3 ? 6 : 1);
  }
  decode(state, moves, run.tables, run.game, candidate);
  const seconds = state.latency;
  if (seconds > run.seconds && random() >= Math.exp((run.seconds - seconds) / temperature)) return false;
  run.bias = candidate;
  run.seconds = seconds;
  if (seconds >= run.best - 1e-12 * run.best) return false;
  run.best = seconds;
  run.bestBias = candidate;
  run.bestPlan = planOf(state);
  return true;
}
