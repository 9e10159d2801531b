/**
 * Loss of the agents' network and its gradients, on TensorFlow.js (WebAssembly). Layers bring their own gradients:
 * the registry of TensorFlow.js's is not part of its core package.
 */
import {
  add,
  cast,
  customGrad,
  env,
  grads,
  greater,
  log,
  matMul,
  mul,
  neg,
  relu,
  scalar,
  softmax,
  sub,
  sum,
  type Tensor,
  tensor2d,
  tidy,
  transpose,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { ACTIONS } from "../../solve/mapping/agents/actions.ts";
import { ACTION_FEATURES, FEATURES } from "../../solve/mapping/agents/features.ts";
import {
  BINS,
  type ParameterName,
  PARAMETER_NAMES,
  type Parameters,
  SHAPES,
  TRANSITION,
} from "../../solve/mapping/agents/network.ts";
import { wasmBackend } from "../wasm/backend.ts";

/** Rows are samples. Targets are probabilities times the sample's weight; a row of zeros counts for nothing. */
export interface Batch {
  readonly size: number;
  readonly observations: Float32Array;
  /** 0 where an action is legal, a large negative number where it is not. */
  readonly masks: Float32Array;
  readonly policies: Float32Array;
  readonly values: Float32Array;
  /** What follows, by number of actions played since. */
  readonly unroll: readonly {
    readonly transitions: Float32Array;
    readonly policies: Float32Array;
    readonly values: Float32Array;
    readonly rewards: Float32Array;
  }[];
}

export interface Losses {
  /** What is minimised. */
  readonly total: number;
  readonly policy: number;
  readonly value: number;
  readonly reward: number;
  readonly unrolled: number;
}

type Gradient = (dy: Tensor, saved: Tensor[]) => Tensor[];
/** customGrad with its save function typed as what it is. */
const withGradient = (
  forward: (inputs: Tensor[], save: (tensors: Tensor[]) => void) => Tensor,
  gradient: Gradient,
): ((...inputs: Tensor[]) => Tensor) =>
  customGrad((...args: unknown[]) => ({
    value: forward(args.slice(0, -1) as Tensor[], args.at(-1) as (tensors: Tensor[]) => void),
    gradFunc: (dy: Tensor, saved: Tensor[]) => gradient(dy, saved),
  })) as (...inputs: Tensor[]) => Tensor;

const linear = withGradient(
  ([x, w], save) => {
    save([x!, w!]);
    return matMul(x!, w!);
  },
  // Products of explicit transposes: several times faster there than products that transpose.
  (dy, [x, w]) => [matMul(dy, transpose(w!)), matMul(transpose(x!), dy)],
);
/** The same for inputs that nobody wants the gradient of. */
const linearOf = withGradient(
  ([x, w], save) => {
    save([x!]);
    return matMul(x!, w!);
  },
  (dy, [x]) => [zerosLike(x!), matMul(transpose(x!), dy)],
);
const plus = withGradient(
  ([a, b]) => add(a!, b!),
  (dy) => [dy, dy],
);
/** A row of biases added to every row. */
const plusBias = withGradient(
  ([x, b]) => add(x!, b!),
  (dy) => [dy, sum(dy, 0, true)],
);
const rectified = withGradient(
  ([x], save) => {
    const y = relu(x!);
    save([y]);
    return y;
  },
  (dy, [y]) => [mul(dy, cast(greater(y!, 0), "float32"))],
);
/** Gradients that come back through the dynamics count half, as in MuZero. */
const halved = withGradient(
  ([x]) => add(x!, 0),
  (dy) => [mul(dy, 0.5)],
);
/** Sum of the cross entropies of rows. */
const crossEntropy = withGradient(
  ([logits, target], save) => {
    const p = softmax(logits!);
    save([p, target!]);
    return neg(sum(mul(target!, log(add(p, 1e-9)))));
  },
  (dy, [p, target]) => [mul(dy, sub(mul(p!, sum(target!, 1, true)), target!)), zerosLike(target!)],
);
const times = (x: Tensor, factor: number): Tensor =>
  withGradient(
    ([y]) => mul(y!, scalar(factor)),
    (dy) => [mul(dy, factor)],
  )(x);

type Tensors = Readonly<Record<ParameterName, Tensor>>;

const dense = (x: Tensor, w: Tensor, b: Tensor): Tensor => plusBias(linear(x, w), b);

/** The layers of src/solve/mapping/agents/network.ts, as TensorFlow.js runs them. */
export const layers = {
  represent: (p: Tensors, x: Tensor): Tensor =>
    rectified(
      dense(
        rectified(dense(rectified(plusBias(linearOf(x, p.torso1), p.torso1Bias)), p.torso2, p.torso2Bias)),
        p.torso3,
        p.torso3Bias,
      ),
    ),
  /** `actions` are the first columns of the observation, where there is one. */
  policy: (p: Tensors, hidden: Tensor, actions?: Tensor): Tensor => {
    const logits = dense(hidden, p.policy, p.policyBias);
    return actions === undefined ? logits : plus(logits, linearOf(actions, p.skip));
  },
  value: (p: Tensors, hidden: Tensor): Tensor => dense(hidden, p.value, p.valueBias),
  advance: (p: Tensors, hidden: Tensor, transition: Tensor): Tensor =>
    rectified(
      dense(
        rectified(plus(dense(hidden, p.dynamicsHidden, p.dynamicsBias), linearOf(transition, p.dynamicsAction))),
        p.next,
        p.nextBias,
      ),
    ),
  reward: (p: Tensors, hidden: Tensor): Tensor => dense(hidden, p.reward, p.rewardBias),
};

const VALUE_WEIGHT = 0.25;

/** Starts the backend; before anything else of this file. */
export async function startTraining(): Promise<void> {
  await wasmBackend();
  // What quiets TensorFlow.js's banner also counts tensors, and layers with gradients of their own fail that count.
  env().set("IS_TEST", false);
}

export const tensorsOf = (parameters: Parameters): Tensors =>
  Object.fromEntries(
    PARAMETER_NAMES.map((name) => [name, tensor2d(parameters[name], SHAPES[name] as [number, number])]),
  ) as Tensors;

/** Mean losses of a batch; the gradients, in the order of SHAPES, go to `out`. */
export function gradientsOf(parameters: Parameters, batch: Batch, out: Float32Array): Losses {
  const { size } = batch;
  const rows = (data: Float32Array, columns: number): Tensor => tensor2d(data, [size, columns]);
  const heads = new Float32Array(size * ACTION_FEATURES);
  for (let r = 0; r < size; r++)
    heads.set(batch.observations.subarray(r * FEATURES, r * FEATURES + ACTION_FEATURES), r * ACTION_FEATURES);
  let losses: Losses = { total: 0, policy: 0, value: 0, reward: 0, unrolled: 0 };
  tidy(() => {
    const seen = { total: 0, policy: 0, value: 0, reward: 0, unrolled: 0 };
    const note = (name: keyof Losses, loss: Tensor): Tensor => {
      seen[name] += loss.dataSync()[0]! / size;
      return loss;
    };
    const loss = (...tensors: Tensor[]): Tensor => {
      const p = Object.fromEntries(PARAMETER_NAMES.map((name, k) => [name, tensors[k]!])) as Tensors;
      let hidden = layers.represent(p, rows(batch.observations, FEATURES));
      const logits = layers.policy(p, hidden, rows(heads, ACTION_FEATURES));
      let total = note("policy", crossEntropy(plus(logits, rows(batch.masks, ACTIONS)), rows(batch.policies, ACTIONS)));
      const values = note("value", crossEntropy(layers.value(p, hidden), rows(batch.values, BINS)));
      total = plus(total, times(values, VALUE_WEIGHT));
      for (const step of batch.unroll) {
        hidden = layers.advance(p, halved(hidden), rows(step.transitions, TRANSITION));
        const after = note("unrolled", crossEntropy(layers.policy(p, hidden), rows(step.policies, ACTIONS)));
        const value = crossEntropy(layers.value(p, hidden), rows(step.values, BINS));
        const reward = note("reward", crossEntropy(layers.reward(p, hidden), rows(step.rewards, BINS)));
        const weight = 1 / batch.unroll.length;
        total = plus(total, times(plus(after, times(plus(value, reward), VALUE_WEIGHT)), weight));
      }
      return times(note("total", total), 1 / size);
    };
    const tensors = tensorsOf(parameters);
    let at = 0;
    for (const gradient of grads(loss)(PARAMETER_NAMES.map((name) => tensors[name]))) {
      out.set(gradient.dataSync() as Float32Array, at);
      at += gradient.size;
    }
    losses = seen;
  });
  return losses;
}
