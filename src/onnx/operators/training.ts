/** Rules of the optimisers of ai.onnx.preview.training. Gradient is refused by name. */
import { DTYPES } from "../../ir/dtype.ts";
import { elementCount } from "../../ir/bytes.ts";
import type { AttrValue } from "../../ir/types.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

const show = (shape: readonly number[]): string => `[${shape.join(",")}]`;

/** Operands R, T, then `groups` groups of n tensors: parameters, gradients and states of the same shapes. */
function optimizer(n: OpContext, groups: number, attrs: Readonly<Record<string, AttrValue>>): Meaning {
  for (const i of [0, 1])
    if (elementCount(n.input(i).shape) !== 1)
      return n.invalid(`operand ${i} must be one number, got ${show(n.input(i).shape)}`);
  const count = (n.inputs.length - 2) / groups;
  if (!Number.isInteger(count) || count < 1)
    return n.invalid(`${n.inputs.length - 2} tensors do not divide into ${groups} groups`);
  for (let i = 0; i < count; i++) {
    const x = n.input(2 + i);
    if (DTYPES[x.dtype].class !== "float") return n.invalid(`operand ${2 + i} must be a float tensor, got ${x.dtype}`);
    for (let g = 1; g < groups; g++) {
      const other = n.input(2 + g * count + i);
      if (show(other.shape) !== show(x.shape) || other.dtype !== x.dtype)
        return n.invalid(`operand ${2 + g * count + i} is not ${x.dtype}${show(x.shape)}`);
    }
  }
  // Results: the parameters, then each state; there is none for the gradients.
  const results = [0, ...Array.from({ length: groups - 2 }, (_, g) => g + 2)];
  const outputs = results.flatMap((g) => Array.from({ length: count }, (_, i) => n.input(2 + g * count + i)));
  const elements = outputs.slice(0, count).reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return { outputs, attrs, flops: 12 * elements, inPlace: [2] };
}

const adagrad = (n: OpContext): Meaning =>
  optimizer(n, 3, {
    decayFactor: n.float("decay_factor", 0),
    epsilon: n.float("epsilon", 1e-6),
    normCoefficient: n.float("norm_coefficient", 0),
  });

const adam = (n: OpContext): Meaning =>
  optimizer(n, 4, {
    alpha: n.float("alpha", 0.9),
    beta: n.float("beta", 0.999),
    epsilon: n.float("epsilon", 1e-6),
    normCoefficient: n.float("norm_coefficient", 0),
    normCoefficientPost: n.float("norm_coefficient_post", 0),
  });

function momentum(n: OpContext): Meaning {
  const mode = n.string("mode", "");
  if (mode !== "standard" && mode !== "nesterov") return n.invalid(`mode '${mode}' is not standard or nesterov`);
  const required = (name: string): number => n.floatOrUndefined(name) ?? n.invalid(`attribute '${name}' is missing`);
  return optimizer(n, 3, {
    alpha: required("alpha"),
    beta: required("beta"),
    normCoefficient: required("norm_coefficient"),
    mode,
  });
}

/** Domain ai.onnx.preview.training. */
export const trainingOperators: OperatorTable = {
  Adagrad: adagrad,
  Adam: adam,
  Gradient: (n) => n.unsupported("a gradient graph must be made before the model is compiled"),
  Momentum: momentum,
};
