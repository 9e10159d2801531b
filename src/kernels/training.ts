/** The optimisers of ai.onnx.preview.training: each updates any number of tensors by one rule. */
import { reader, sizeOf, writer } from "./access.ts";
import type { AttrValue } from "../ir/types.ts";
import type { Kernel, KernelTable } from "./types.ts";

type Attrs = ReadonlyMap<string, AttrValue>;

/** New values of one element, from its old ones: the parameter, its gradient, then the states. */
type Update = (rate: number, step: number, old: readonly number[]) => readonly number[];

/**
 * Operands: R, T, then for n tensors each of X, gradient, state...; results: new X, new state... .
 * Every group holds the n tensors one after the other.
 */
const optimizer =
  (groups: number, rule: (attrs: Attrs) => Update): Kernel =>
  ({ inputs, outputs, attrs }) => {
    const update = rule(attrs);
    const rate = reader(inputs[0]!)(0);
    const step = reader(inputs[1]!)(0);
    const count = (inputs.length - 2) / groups;
    for (let i = 0; i < count; i++) {
      const reads = Array.from({ length: groups }, (_, g) => reader(inputs[2 + g * count + i]!));
      const writes = Array.from({ length: groups - 1 }, (_, g) => outputs[g * count + i]).map((tensor) =>
        tensor ? writer(tensor) : undefined,
      );
      const old = new Array<number>(groups).fill(0);
      for (let e = 0; e < sizeOf(inputs[2 + i]!.shape); e++) {
        for (let g = 0; g < groups; g++) old[g] = reads[g]!(e);
        update(rate, step, old).forEach((value, g) => writes[g]?.(e, value));
      }
    }
  };

const number = (attrs: Attrs, name: string): number => Number(attrs.get(name));

const adagrad = (attrs: Attrs): Update => {
  const [decay, epsilon, norm] = [
    number(attrs, "decayFactor"),
    number(attrs, "epsilon"),
    number(attrs, "normCoefficient"),
  ];
  return (rate, step, [x, g, h]) => {
    const gradient = norm * x! + g!;
    const squares = h! + gradient * gradient;
    return [x! - ((rate / (1 + step * decay)) * gradient) / (Math.sqrt(squares) + epsilon), squares];
  };
};

const adam = (attrs: Attrs): Update => {
  const [alpha, beta, epsilon] = [number(attrs, "alpha"), number(attrs, "beta"), number(attrs, "epsilon")];
  const [norm, post] = [number(attrs, "normCoefficient"), number(attrs, "normCoefficientPost")];
  return (rate, step, [x, g, v, h]) => {
    const gradient = norm * x! + g!;
    const momentum = alpha * v! + (1 - alpha) * gradient;
    const squares = beta * h! + (1 - beta) * gradient * gradient;
    // The moments start at zero: their bias is corrected but in the very first step.
    const adjusted = step > 0 ? (rate * Math.sqrt(1 - beta ** step)) / (1 - alpha ** step) : rate;
    const updated = x! - (adjusted * momentum) / (Math.sqrt(squares) + epsilon);
    return [(1 - post) * updated, momentum, squares];
  };
};

const momentum = (attrs: Attrs): Update => {
  const [alpha, beta, norm] = [number(attrs, "alpha"), number(attrs, "beta"), number(attrs, "normCoefficient")];
  const isNesterov = attrs.get("mode") === "nesterov";
  return (rate, step, [x, g, v]) => {
    const gradient = norm * x! + g!;
    const velocity = alpha * v! + (step > 0 ? beta : 1) * gradient;
    return [x! - rate * (isNesterov ? gradient + alpha * velocity : velocity), velocity];
  };
};

export const trainingKernels: KernelTable = {
  Adagrad: optimizer(3, adagrad),
  Adam: optimizer(4, adam),
  Momentum: optimizer(3, momentum),
};
