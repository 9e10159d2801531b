/** Gelu, by the normal distribution function or its approximation by tanh, with or without a bias; Swish. */
import { sizeOf } from "../../../kernels/access.ts";
import { numberAttr } from "../../../kernels/elementwise.ts";
import type { WgslKernel, WgslTable } from "./types.ts";
import { areFloats, literal, pointwise, unitRead, unitType, type UnitSize } from "./units.ts";

/**
 * exp(z^2) erfc(z) for z >= 0 as t times a polynomial in t = 1 / (1 + z / 2): ours, interpolated at the
 * Chebyshev nodes of z <= 9.5; relative error below 4e-7 in float32. Lowest power first.
 */
const SCALED_ERFC = [
  0.2820844054222107, 0.2824126183986664, 0.24282409250736237, 0.20380225777626038, -0.029231097549200058,
  0.2817421853542328, -0.490276038646698, 0.28597965836524963, -0.059338126331567764,
];

/** `fn gelu(x)` over a unit, by erfc, which keeps its digits where x is far below 0. */
function geluByErf(unit: UnitSize): string {
  const type = unitType(unit);
  const horner = [...SCALED_ERFC]
    .reverse()
    .map((c, i) => (i === 0 ? `var p = ${type}(${literal(c)});` : `p = p * t + ${literal(c)};`));
  return `fn gelu(x: ${type}) -> ${type} {
  let z = min(abs(x) * ${literal(Math.SQRT1_2)}, ${type}(13f));
  let t = 1f / (1f + 0.5f * z);
  ${horner.join("\n  ")}
  let tail = p * t * exp(-z * z);
  return 0.5f * x * select(tail, 2f - tail, x > ${type}(0f));
}`;
}

/** x (1 + tanh(u)) / 2 = x / (1 + exp(-2u)), which overflows nowhere once u is clamped. */
function geluByTanh(unit: UnitSize): string {
  const type = unitType(unit);
  return `fn gelu(x: ${type}) -> ${type} {
  let u = ${literal(Math.sqrt(2 / Math.PI))} * (x + 0.044715f * x * x * x);
  return x / (1f + exp(min(-2f * u, ${type}(88f))));
}`;
}

const geluOf = (approximate: unknown): ((unit: UnitSize) => string) =>
  approximate === "tanh" ? geluByTanh : geluByErf;

const gelu: WgslKernel = ({ inputs: [x], attrs }) => {
  if (!x || !areFloats(x)) return undefined;
  const f = geluOf(attrs.get("approximate"));
  return {
    temporaries: [],
    dispatches: [
      pointwise({
        label: "Gelu",
        writes: { output: 0 },
        type: x,
        body: (unit) => ({
          reads: [unitRead("x", { input: 0 }, x, unit, { overwrite: true })],
          code: `${f(unit)}\nfn compute(u: i32) -> ${unitType(unit)} { return gelu(unit_x(u)); }`,
        }),
      }),
    ],
  };
};

/** Operands x, bias (a vector over the last dim). */
const biasGelu: WgslKernel = ({ inputs: [x, bias], outputs: [y], attrs }) => {
  if (!x || !bias || !y || !areFloats(x, bias) || bias.shape.length !== 1 || sizeOf(y.shape) !== sizeOf(x.shape))
    return undefined;
  const width = bias.shape[0]!;
  if (width !== x.shape.at(-1)) return undefined;
  const f = geluOf(attrs.get("approximate"));
  return {
    temporaries: [],
    dispatches: [
      pointwise({
        label: "BiasGelu",
        writes: { output: 0 },
        type: y,
        divisor: width,
        body: (unit) => ({
          reads: [
            unitRead("x", { input: 0 }, x, unit, { overwrite: true }),
            unitRead("bias", { input: 1 }, bias, unit),
          ],
          code: `${f(unit)}
fn compute(u: i32) -> ${unitType(unit)} { return gelu(unit_x(u) + unit_bias(u % ${width / unit})); }`,
        }),
      }),
    ],
  };
};

/** attrs: alpha. x times the logistic function of alpha x; QuickGelu is one. */
const swish: WgslKernel = ({ inputs: [x], attrs }) => {
  if (!x || !areFloats(x)) return undefined;
  const alpha = numberAttr(attrs, "alpha");
  if (!Number.isFinite(alpha)) return undefined;
  return {
    temporaries: [],
    dispatches: [
      pointwise({
        label: "Swish",
        writes: { output: 0 },
        type: x,
        body(unit) {
          const type = unitType(unit);
          return {
            reads: [unitRead("x", { input: 0 }, x, unit, { overwrite: true })],
            code: `fn compute(u: i32) -> ${type} {
  let x = unit_x(u);
  return x / (1f + exp(min(${literal(-alpha)} * x, ${type}(88f))));
}`,
          };
        },
      }),
    ],
  };
};

export const geluKernels: WgslTable = { BiasGelu: biasGelu, Gelu: gelu, Swish: swish };
