/**
 * What an agent sees of the access that it decides: numbers without a scale, so that programs of any size look
 * alike. Seconds are given in copies of the value or in mean steps, bytes in capacities.
 */
import { immediateCost, moveCost } from "../decode.ts";
import { allSlowSeconds, type Instance, stepTime, UPDATE, WRITE } from "../instance.ts";
import type { Move } from "../moves.ts";
import { holdCost, type PriceTables } from "../prices.ts";
import type { PlayState } from "../state.ts";
import { actionIndex, ACTIONS } from "./actions.ts";

/** Changes with the meaning of any number: weights of another version are refused. */
export const FEATURE_VERSION = 1;

const PER_ACTION = 8;
export const ACTION_FEATURES = ACTIONS * PER_ACTION;
export const STATIC_FEATURES = 24;
/** Steps around the access at which memory is looked at. */
const SAMPLES: readonly number[] = [0, -8, -4, -2, -1, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
const PER_SAMPLE = 4;
const STATE_FEATURES = 8;
/** Action block, static block, samples, state. */
export const FEATURES = ACTION_FEATURES + STATIC_FEATURES + SAMPLES.length * PER_SAMPLE + STATE_FEATURES;
/** Where in an action's block its cost under the prices is, in mean steps: what the price prior is made of. */
export const COST_FEATURE = 5;
/** Where it says that the action is the cheapest. */
export const CHEAPEST_FEATURE = 6;
export const FEATURES_PER_ACTION = PER_ACTION;

/** What does not change while an instance is played. */
export interface Observer {
  readonly instance: Instance;
  readonly tables: PriceTables;
  readonly slowSeconds: number;
  readonly bound: number;
  readonly meanTime: number;
  /** Row of STATIC_FEATURES for each access: what is known of it before it is reached. */
  readonly statics: Float32Array;
  readonly meanLambda: number;
}

const squash = (x: number): number => Math.sign(x) * Math.log1p(Math.min(1e6, Math.abs(x)));

export function newObserver(instance: Instance, tables: PriceTables, bound: number): Observer {
  const slowSeconds = allSlowSeconds(instance);
  const { lambda } = tables.prices;
  let sum = 0;
  for (let t = 0; t < instance.steps; t++) sum += lambda[t]!;
  const meanTime = slowSeconds / instance.steps || 1;
  const statics = new Float32Array(instance.accesses * STATIC_FEATURES);
  const observer = { instance, tables, slowSeconds, bound, meanTime, statics, meanLambda: sum / instance.steps };
  fillStatics(observer);
  return observer;
}

function fillStatics({ instance, tables, meanTime, statics, meanLambda }: Observer): void {
  const { steps, accesses, bandwidth, stepOf, versionOf, bytes, next, previous, kind } = instance;
  const { lambda, beta, mu } = tables.prices;
  const capacity = instance.largestRoom;
  const slowBytes = new Float64Array(steps);
  for (let a = 0; a < accesses; a++) slowBytes[stepOf[a]!]! += instance.slowBytes[a]!;
  // Prefix sums of the time, and of the bandwidth that copies would find, with everything slow.
  const time = new Float64Array(steps + 1);
  const idle = new Float64Array(steps + 1);
  for (let t = 0; t < steps; t++) {
    const own = stepTime(instance, t, slowBytes[t]!, 0);
    time[t + 1] = time[t]! + own;
    idle[t + 1] = idle[t]! + own * bandwidth - slowBytes[t]!;
  }
  const seen = new Int32Array(instance.versions);
  for (let a = 0; a < accesses; a++) {
    const t = stepOf[a]!;
    const version = versionOf[a]!;
    const size = bytes[version]!;
    const copy = size / bandwidth || 1e-300;
    const after = next[a]! < 0 ? steps : stepOf[next[a]!]!;
    const before = previous[a]! < 0 ? 0 : stepOf[previous[a]!]! + 1;
    const uses = instance.first[version + 1]! - instance.first[version]!;
    const memory = instance.base[t]! + slowBytes[t]! / bandwidth;
    const price = (seconds: number): number => (seconds === Infinity ? 9 : Math.max(-9, squash(seconds / copy)));
    let k = a * STATIC_FEATURES;
    const put = (x: number): void => void (statics[k++] = x);
    put(size > capacity ? 2 : size / capacity);
    put(squash(after - t));
    put(squash(t - before));
    put(next[a]! < 0 ? 1 : 0);
    put(previous[a]! < 0 ? 1 : 0);
    put(squash((time[after]! - time[t + 1]!) / copy));
    put(squash((time[t]! - time[before]!) / copy));
    put(squash((idle[after]! - idle[t + 1]!) / size));
    put(squash((idle[t]! - idle[before]!) / size));
    put(squash(uses - 1 - seen[version]!));
    put(kind[a] === WRITE ? 1 : 0);
    put(kind[a] === UPDATE ? 1 : 0);
    put(instance.mustEndSlow[version]!);
    put(instance.produced[version]!);
    put(squash(copy / meanTime));
    put(memory > 0 ? Math.min(4, instance.compute[t]! / memory) / 4 : 1);
    put((instance.slowBytes[a]! - instance.fastSeconds[a]! * bandwidth) / (size || 1));
    put(t / steps);
    put(beta[t]!);
    put(mu[t]!);
    put(price(holdCost(tables, size, version, t, Math.max(t, after - 1))));
    put(meanLambda > 0 ? squash(lambda[t]! / meanLambda) : 0);
    put(price(tables.absent[a]! - Math.min(tables.keepClean[a]!, tables.keepDirty[a]!)));
    put(price(tables.store[a]!));
    seen[version]!++;
  }
}

/** Fills `out`, at least FEATURES long, for the next access of `state` with its first `count` moves. */
export function observe(
  observer: Observer,
  state: PlayState,
  moves: readonly Move[],
  count: number,
  out: Float32Array,
): void {
  const { instance, tables, meanTime, statics, meanLambda, slowSeconds, bound } = observer;
  const { bandwidth, steps } = instance;
  const access = state.position;
  const t = instance.stepOf[access]!;
  const version = instance.versionOf[access]!;
  const size = instance.bytes[version]!;
  const copy = size / bandwidth || 1e-300;
  out.fill(0, 0, FEATURES);
  let least = Infinity;
  let cheapest = 0;
  for (let k = 0; k < count; k++) {
    const cost = moveCost(state, moves[k]!, tables, "extended");
    const at = actionIndex(moves[k]!.action) * PER_ACTION;
    // Until the cheapest is known; in mean steps, so that single precision does.
    out[at + COST_FEATURE] = cost / meanTime;
    if (cost < least) {
      least = cost;
      cheapest = at;
    }
  }
  for (let k = 0; k < count; k++) {
    const move = moves[k]!;
    const at = actionIndex(move.action) * PER_ACTION;
    const cost = least < Infinity ? Math.max(0, out[at + COST_FEATURE]! * meanTime - least) : 0;
    out[at] = 1;
    out[at + 1] = squash(immediateCost(state, move) / copy);
    out[at + 2] = squash(move.stall / copy);
    out[at + 3] = squash(move.storeStall / copy);
    out[at + 4] = Math.min(9, squash(cost / copy));
    out[at + COST_FEATURE] = Math.min(20, cost / (0.15 * meanTime));
    out[at + CHEAPEST_FEATURE] = at === cheapest ? 1 : 0;
    out[at + 7] = squash(move.last - move.from + 1);
  }
  let k = ACTION_FEATURES;
  const row = access * STATIC_FEATURES;
  for (let j = 0; j < STATIC_FEATURES; j++) out[k++] = statics[row + j]!;
  const capacity = instance.largestRoom;
  for (const distance of SAMPLES) {
    const s = t + distance;
    if (s >= 0 && s < steps) {
      const free = state.ceiling[s]! - state.addresses.taken[s]!;
      out[k] = capacity > 0 ? free / capacity : 0;
      out[k + 1] = free >= instance.footprint[version]! ? 1 : 0;
      out[k + 2] = squash((4 * state.idle[s]!) / (size || 1));
      out[k + 3] = meanLambda > 0 ? squash(tables.prices.lambda[s]! / meanLambda) : 0;
    }
    k += PER_SAMPLE;
  }
  const width = slowSeconds - bound;
  out[k] = state.resident[version]! >= 0 ? 1 : 0;
  out[k + 1] = state.dirty[version]!;
  out[k + 2] = state.ready[version]! <= t ? 1 : 0;
  out[k + 3] = width > 0 ? (state.latency - bound) / width : 0;
  out[k + 4] = (instance.accessAt[t + 1]! - access) / 4;
  out[k + 5] = (access - instance.accessAt[t]!) / 4;
  out[k + 6] = squash((state.time[t]! - instance.compute[t]!) / copy);
  out[k + 7] = count / 3;
}
