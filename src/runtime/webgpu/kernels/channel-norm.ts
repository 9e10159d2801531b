/** Norms of channels: batch norm, norms of groups of channels, responses across channels. */
import { sizeOf } from "../../../kernels/access.ts";
import { intAttr } from "../../../kernels/attributes.ts";
import { numberAttr } from "../../../kernels/elementwise.ts";
import { deviation, rowNorm, square } from "./row-norm.ts";
import type { WgslKernel, WgslTable } from "./types.ts";
import { areFloats, elementRead, literal, pointwise, unitRead, unitType } from "./units.ts";

/** attrs: groups, epsilon, per_channel. Serves Instance- and GroupNormalization. */
const groupNorm: WgslKernel = ({ inputs, attrs }) => {
  const [x, scale, bias] = inputs;
  if (!x || !scale || !bias || !areFloats(x, scale, bias)) return undefined;
  const groups = intAttr(attrs, "groups");
  const inner = sizeOf(x.shape.slice(2));
  const perGroup = x.shape[1]! / groups;
  const count = perGroup * inner;
  const perChannel = attrs.get("per_channel") === true;
  return rowNorm({
    label: "GroupNormalization",
    writes: { output: 0 },
    type: x,
    rows: x.shape[0]! * groups,
    count,
    // A unit lies in one channel, so that its scale is one number.
    divisor: perChannel ? inner : count,
    centered: true,
    power: square,
    factor: deviation(count, numberAttr(attrs, "epsilon")),
    body(unit) {
      const type = unitType(unit);
      const channel = perChannel
        ? `(row % ${groups}) * ${perGroup}${perGroup === 1 ? "" : ` + u / ${inner / unit}`}`
        : `row % ${groups}`;
      return {
        reads: [unitRead("x", { input: 0 }, x, unit, { overwrite: true })],
        code: `fn value(row: i32, u: i32) -> ${type} { return unit_x(row * ${count / unit} + u); }`,
        finishReads: [elementRead("scale", { input: 1 }, scale), elementRead("bias", { input: 2 }, bias)],
        finish: `fn finish(row: i32, u: i32, v: ${type}) -> ${type} {
  let channel = ${channel};
  return v * load_scale(channel) + load_bias(channel);
}`,
      };
    },
  });
};

/** attrs: epsilon. Operands: x, scale, bias, mean, variance. Channels are dim 1, or the last. */
function batchNorm(last: boolean): WgslKernel {
  return ({ inputs, attrs }) => {
    const [x, ...parameters] = inputs;
    const names = ["scale", "bias", "mean", "variance"];
    if (!x || parameters.length < 4 || !areFloats(x, ...parameters)) return undefined;
    const channels = last ? x.shape.at(-1)! : (x.shape[1] ?? 1);
    const inner = last ? 1 : sizeOf(x.shape.slice(2));
    const epsilon = literal(numberAttr(attrs, "epsilon"));
    return {
      temporaries: [],
      dispatches: [
        pointwise({
          label: last ? "BatchNormalizationNHWC" : "BatchNormalization",
          writes: { output: 0 },
          type: x,
          divisor: last ? channels : inner,
          body(unit) {
            const reads = names.map((name, i) =>
              last
                ? unitRead(name, { input: i + 1 }, parameters[i]!, unit)
                : elementRead(name, { input: i + 1 }, parameters[i]!),
            );
            const load = last ? "unit" : "load";
            const channel = last ? `u % ${channels / unit}` : `(u / ${inner / unit}) % ${channels}`;
            return {
              reads: [unitRead("x", { input: 0 }, x, unit, { overwrite: true }), ...reads],
              code: `fn compute(u: i32) -> ${unitType(unit)} {
  let c = ${channel};
  let factor = ${load}_scale(c) * inverseSqrt(${load}_variance(c) + ${epsilon});
  return (unit_x(u) - ${load}_mean(c)) * factor + ${load}_bias(c);
}`,
            };
          },
        }),
      ],
    };
  };
}

/** attrs: alpha, beta, bias, size. */
const lrn: WgslKernel = ({ inputs, attrs }) => {
  const [x] = inputs;
  if (!x || !areFloats(x)) return undefined;
  const [alpha, beta, bias] = ["alpha", "beta", "bias"].map((name) => numberAttr(attrs, name)) as [
    number,
    number,
    number,
  ];
  const size = intAttr(attrs, "size");
  const channels = x.shape[1]!;
  const inner = sizeOf(x.shape.slice(2));
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  return {
    temporaries: [],
    dispatches: [
      pointwise({
        label: "LRN",
        writes: { output: 0 },
        type: x,
        divisor: inner,
        body(unit) {
          const plane = inner / unit;
          const type = unitType(unit);
          // The power of a positive base by its logarithm; exact powers by multiplication and roots.
          const power = beta === 0.75 ? "sqrt(base) * sqrt(sqrt(base))" : `pow(base, ${type}(${literal(beta)}))`;
          return {
            reads: [unitRead("x", { input: 0 }, x, unit)],
            code: `fn compute(u: i32) -> ${type} {
  let c = (u / ${plane}) % ${channels};
  var sum = ${type}();
  for (var k = max(0, c - ${before}); k <= min(${channels - 1}, c + ${after}); k++) {
    let v = unit_x(u + (k - c) * ${plane});
    sum += v * v;
  }
  let base = ${literal(bias)} + ${literal(alpha / size)} * sum;
  return unit_x(u) / (${power});
}`,
          };
        },
      }),
    ],
  };
};

export const channelNormKernels: WgslTable = {
  BatchNormalization: batchNorm(false),
  BatchNormalizationNHWC: batchNorm(true),
  GroupNormalization: groupNorm,
  LRN: lrn,
};
