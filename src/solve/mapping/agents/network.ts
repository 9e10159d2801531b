/**
 * The agents' network on plain typed arrays: representation, dynamics and prediction as in MuZero (Schrittwieser
 * et al., 2020), values and rewards as categories (51 bins). Small enough that one position at a time is cheap.
 *
 *     hidden = relu(relu(relu(x T1) T2) T3);  policy = hidden P + actions(x) S;  value = hidden V
 *     next = relu(relu(hidden H + (action, statics) A) O);  reward = next R
 */
import { invariant } from "../../../errors.ts";
import { ACTIONS } from "./actions.ts";
import { ACTION_FEATURES, COST_FEATURE, FEATURES, FEATURES_PER_ACTION, STATIC_FEATURES } from "./features.ts";
import { seededRandom } from "../../random.ts";

export const HIDDEN = 64;
export const BINS = 51;
const WIDE = 128;
/** One-hot action, and what is known of the decision that follows. */
export const TRANSITION = ACTIONS + STATIC_FEATURES;

/** Shapes of the parameters, rows first, in the order in which they are stored; one row is a vector of biases. */
export const SHAPES = {
  torso1: [FEATURES, WIDE],
  torso1Bias: [1, WIDE],
  torso2: [WIDE, WIDE],
  torso2Bias: [1, WIDE],
  torso3: [WIDE, HIDDEN],
  torso3Bias: [1, HIDDEN],
  skip: [ACTION_FEATURES, ACTIONS],
  policy: [HIDDEN, ACTIONS],
  policyBias: [1, ACTIONS],
  value: [HIDDEN, BINS],
  valueBias: [1, BINS],
  dynamicsHidden: [HIDDEN, WIDE],
  dynamicsAction: [TRANSITION, WIDE],
  dynamicsBias: [1, WIDE],
  next: [WIDE, HIDDEN],
  nextBias: [1, HIDDEN],
  reward: [HIDDEN, BINS],
  rewardBias: [1, BINS],
} as const satisfies Readonly<Record<string, readonly [rows: number, columns: number]>>;

export type ParameterName = keyof typeof SHAPES;
export const PARAMETER_NAMES = Object.keys(SHAPES) as readonly ParameterName[];

export type Parameters = Readonly<Record<ParameterName, Float32Array>>;

export interface Network {
  readonly parameters: Parameters;
  /** Scratch of one forward pass. */
  readonly wide1: Float32Array;
  readonly wide2: Float32Array;
  readonly bins: Float32Array;
}

export const parameterCount = (): number =>
  PARAMETER_NAMES.reduce((sum, name) => sum + SHAPES[name][0] * SHAPES[name][1], 0);

/** A network on views of `flat`, which holds the parameters in order. */
export function networkOn(flat: Float32Array): Network {
  invariant(flat.length === parameterCount(), `${flat.length} numbers for ${parameterCount()} parameters`);
  let at = 0;
  const parameters = Object.fromEntries(
    PARAMETER_NAMES.map((name) => {
      const length = SHAPES[name][0] * SHAPES[name][1];
      at += length;
      return [name, flat.subarray(at - length, at)];
    }),
  ) as Parameters;
  return {
    parameters,
    wide1: new Float32Array(WIDE),
    wide2: new Float32Array(WIDE),
    bins: new Float32Array(BINS),
  };
}

/** Parameters to start from: those of He et al. (2015), and a policy that is the price prior. */
export function initialParameters(seed: number): Float32Array {
  const flat = new Float32Array(parameterCount());
  const { parameters } = networkOn(flat);
  const random = seededRandom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  for (const name of PARAMETER_NAMES) {
    if (name === "skip" || name.endsWith("Bias")) continue;
    const isHead = name === "policy" || name === "value" || name === "reward";
    const scale = isHead ? 0.01 : Math.sqrt(2 / SHAPES[name][0]);
    const own = parameters[name];
    for (let k = 0; k < own.length; k++) own[k] = scale * normal();
  }
  for (let a = 0; a < ACTIONS; a++) parameters.skip[(a * FEATURES_PER_ACTION + COST_FEATURE) * ACTIONS + a] = -1;
  return flat;
}

/** out = bias + x weights, x from `from` on. */
function dense(
  x: Float32Array,
  from: number,
  weights: Float32Array,
  bias: Float32Array | undefined,
  out: Float32Array,
  rows: number,
  columns: number,
): void {
  if (bias !== undefined) for (let j = 0; j < columns; j++) out[j] = bias[j]!;
  let i = 0;
  // Two rows at a time; rectified inputs are often zero.
  for (; i + 1 < rows; i += 2) {
    const a = x[from + i]!;
    const b = x[from + i + 1]!;
    if (a === 0 && b === 0) continue;
    const row = i * columns;
    const below = row + columns;
    for (let j = 0; j < columns; j++) out[j] = out[j]! + a * weights[row + j]! + b * weights[below + j]!;
  }
  if (i < rows) {
    const a = x[from + i]!;
    if (a !== 0) for (let j = 0; j < columns; j++) out[j] = out[j]! + a * weights[i * columns + j]!;
  }
}

function rectify(x: Float32Array, length: number): void {
  for (let k = 0; k < length; k++) if (x[k]! < 0) x[k] = 0;
}

/** Hidden state of an observation. */
export function represent(network: Network, observation: Float32Array, hidden: Float32Array): void {
  const { parameters: p, wide1, wide2 } = network;
  dense(observation, 0, p.torso1, p.torso1Bias, wide1, FEATURES, WIDE);
  rectify(wide1, WIDE);
  dense(wide1, 0, p.torso2, p.torso2Bias, wide2, WIDE, WIDE);
  rectify(wide2, WIDE);
  dense(wide2, 0, p.torso3, p.torso3Bias, hidden, WIDE, HIDDEN);
  rectify(hidden, HIDDEN);
}

/** Logits of the actions, and what is still to be saved as a share of all that can be; from an observation the costs of its actions count too. */
export function predict(
  network: Network,
  hidden: Float32Array,
  observation: Float32Array | undefined,
  logits: Float32Array,
): number {
  const { parameters: p, bins } = network;
  dense(hidden, 0, p.policy, p.policyBias, logits, HIDDEN, ACTIONS);
  if (observation !== undefined) dense(observation, 0, p.skip, undefined, logits, ACTION_FEATURES, ACTIONS);
  dense(hidden, 0, p.value, p.valueBias, bins, HIDDEN, BINS);
  return valueOf(bins);
}

/** Hidden state after an action, and its reward. `statics` is the row of the decision that follows at `row`. */
export function advance(
  network: Network,
  hidden: Float32Array,
  action: number,
  statics: Float32Array,
  row: number,
  next: Float32Array,
): number {
  const { parameters: p, wide1, bins } = network;
  dense(hidden, 0, p.dynamicsHidden, p.dynamicsBias, wide1, HIDDEN, WIDE);
  const at = action * WIDE;
  for (let j = 0; j < WIDE; j++) wide1[j]! += p.dynamicsAction[at + j]!;
  if (row >= 0) dense(statics, row, p.dynamicsAction.subarray(ACTIONS * WIDE), undefined, wide1, STATIC_FEATURES, WIDE);
  rectify(wide1, WIDE);
  dense(wide1, 0, p.next, p.nextBias, next, WIDE, HIDDEN);
  rectify(next, HIDDEN);
  dense(next, 0, p.reward, p.rewardBias, bins, HIDDEN, BINS);
  return rewardOf(bins);
}

function meanBin(logits: Float32Array): number {
  let top = -Infinity;
  for (let k = 0; k < BINS; k++) if (logits[k]! > top) top = logits[k]!;
  let sum = 0;
  let total = 0;
  for (let k = 0; k < BINS; k++) {
    const weight = Math.exp(logits[k]! - top);
    sum += weight;
    total += weight * k;
  }
  return total / sum / (BINS - 1);
}

/** Values are shares in [0, 1]; rewards lie in [-1, 1] and are mostly small: bins are even in their root. */
const valueOf = (logits: Float32Array): number => meanBin(logits);
const rewardOf = (logits: Float32Array): number => {
  const x = 2 * meanBin(logits) - 1;
  return Math.sign(x) * x * x;
};

/** Position of a value, and of a reward, among the bins: what a training target is made of. */
export const valueBin = (value: number): number => Math.min(1, Math.max(0, value)) * (BINS - 1);
export const rewardBin = (reward: number): number =>
  ((Math.sign(reward) * Math.sqrt(Math.min(1, Math.abs(reward))) + 1) / 2) * (BINS - 1);
