import { describe, expect, it } from "vitest";
import type { DType } from "../ir/dtype.ts";
import type { AttrValue } from "../ir/types.ts";
import { bigReader, makeTensor, tensorOf, toNumbers } from "./access.ts";
import { activationKernels } from "./activations.ts";
import { clipKernels } from "./clip.ts";
import { dropoutKernels } from "./dropout.ts";
import { fusedElementwiseKernels } from "./fused-elementwise.ts";
import type { Tensor } from "./types.ts";
import { unaryKernels } from "./unary.ts";

const KERNELS = { ...unaryKernels, ...activationKernels, ...clipKernels, ...fusedElementwiseKernels };
type Attrs = Readonly<Record<string, AttrValue>>;

const run = (name: string, inputs: readonly (Tensor | null)[], attrs: Attrs = {}, dtype?: DType): Tensor => {
  const x = inputs[0]!;
  const y = makeTensor(dtype ?? x.dtype, x.shape);
  KERNELS[name]?.({ inputs, outputs: [y], attrs: new Map(Object.entries(attrs)) });
  return y;
};

const apply = (name: string, dtype: DType, values: readonly number[], attrs: Attrs = {}, to = dtype): number[] =>
  toNumbers(run(name, [tensorOf(dtype, [values.length], values)], attrs, to));

const SAMPLE = Array.from({ length: 161 }, (_, i) => (i - 80) / 8);

/** The definitions as the operators' documentation writes them. */
const DEFINITIONS: readonly (readonly [string, Attrs, (x: number) => number])[] = [
  ["Celu", { alpha: 1.5 }, (x) => Math.max(0, x) + Math.min(0, 1.5 * (Math.exp(x / 1.5) - 1))],
  ["Elu", { alpha: 1.5 }, (x) => (x < 0 ? 1.5 * (Math.exp(x) - 1) : x)],
  ["Gelu", { approximate: "tanh" }, (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))],
  ["HardSigmoid", { alpha: 0.3, beta: 0.4 }, (x) => Math.max(0, Math.min(1, 0.3 * x + 0.4))],
  ["HardSwish", {}, (x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))],
  ["LeakyRelu", { alpha: 0.1 }, (x) => (x < 0 ? 0.1 * x : x)],
  ["Mish", {}, (x) => x * Math.tanh(Math.log(1 + Math.exp(x)))],
  ["ParametricSoftplus", { alpha: 2, beta: 0.5 }, (x) => 2 * Math.log(Math.exp(0.5 * x) + 1)],
  ["Relu", {}, (x) => Math.max(0, x)],
  ["ScaledTanh", { alpha: 2, beta: 0.5 }, (x) => 2 * Math.tanh(0.5 * x)],
  ["Selu", { alpha: 1.6, gamma: 1.05 }, (x) => (x <= 0 ? 1.05 * (1.6 * Math.exp(x) - 1.6) : 1.05 * x)],
  ["Shrink", { lambd: 1.5, bias: 0.5 }, (x) => (x < -1.5 ? x + 0.5 : x > 1.5 ? x - 0.5 : 0)],
  ["Sigmoid", {}, (x) => 1 / (1 + Math.exp(-x))],
  ["Softplus", {}, (x) => Math.log(Math.exp(x) + 1)],
  ["Softsign", {}, (x) => x / (1 + Math.abs(x))],
  ["Swish", { alpha: 1.7 }, (x) => x / (1 + Math.exp(-1.7 * x))],
  ["ThresholdedRelu", { alpha: 2 }, (x) => (x > 2 ? x : 0)],
  ["Affine", { alpha: 2, beta: -1 }, (x) => 2 * x - 1],
];

describe("activations", () => {
  it.each(DEFINITIONS)("%s is its definition in every float type", (name, attrs, definition) => {
    for (const [dtype, tolerance] of [
      ["float32", 1e-6],
      ["float64", 1e-13],
      ["float16", 2e-3],
    ] as const) {
      apply(name, dtype, SAMPLE, attrs).forEach((value, i) => {
        const expected = definition(SAMPLE[i]!);
        expect(Math.abs(value - expected), `${name}(${SAMPLE[i]})`).toBeLessThanOrEqual(
          tolerance * Math.max(1, Math.abs(expected)),
        );
      });
    }
  });

  it("neither overflow nor lose NaN and the infinities' limits", () => {
    const x = [Infinity, -Infinity, 1e4, -1e4, NaN];
    expect(apply("Softplus", "float32", x)).toEqual([Infinity, 0, 1e4, 0, NaN]);
    expect(apply("Sigmoid", "float32", x)).toEqual([1, 0, 1, 0, NaN]);
    expect(apply("Relu", "float32", x)).toEqual([Infinity, 0, 1e4, 0, NaN]);
    expect(apply("Relu", "int64", [-(2 ** 40), 3])).toEqual([0, 3]);
    expect(apply("Shrink", "uint8", [1, 9], { lambd: 1.5, bias: 1.5 })).toEqual([0, 7]);
  });

  it("has Gelu exactly, and its gradients as its slope", () => {
    expect(apply("Gelu", "float64", [1, -1, 0], { approximate: "none" })).toEqual([
      expect.closeTo(0.8413447460685429, 14),
      expect.closeTo(-0.15865525393145707, 14),
      0,
    ]);
    const h = 1e-5;
    for (const approximate of ["none", "tanh"]) {
      const plus = apply(
        "Gelu",
        "float64",
        SAMPLE.map((x) => x + h),
        { approximate },
      );
      const minus = apply(
        "Gelu",
        "float64",
        SAMPLE.map((x) => x - h),
        { approximate },
      );
      const ones = tensorOf(
        "float64",
        [SAMPLE.length],
        SAMPLE.map(() => 1),
      );
      const slope = toNumbers(run("GeluGrad", [ones, tensorOf("float64", [SAMPLE.length], SAMPLE)], { approximate }));
      slope.forEach((value, i) => expect(value).toBeCloseTo((plus[i]! - minus[i]!) / (2 * h), 8));
    }
  });

  it("adds the bias before Gelu and its gradient", () => {
    const x = tensorOf("float32", [2, 3], [1, 2, 3, 4, 5, 6]);
    const bias = tensorOf("float32", [3], [-1, -2, -4]);
    const moved = [0, 0, -1, 3, 3, 2];
    for (const approximate of ["none", "tanh"]) {
      expect(toNumbers(run("BiasGelu", [x, bias], { approximate }))).toEqual(
        apply("Gelu", "float32", moved, { approximate }),
      );
      const gradient = tensorOf("float32", [2, 3], [1, 2, 3, 4, 5, 6]);
      const plain = run("GeluGrad", [gradient, tensorOf("float32", [2, 3], moved)], { approximate });
      expect(toNumbers(run("GeluGrad", [gradient, x, bias], { approximate }))).toEqual(toNumbers(plain));
    }
  });

  it("PRelu repeats its slope, SwiGLU gates, the gradients mask", () => {
    const x = tensorOf("float32", [2, 2], [-1, -2, 3, -4]);
    expect(toNumbers(run("PRelu", [x, tensorOf("float32", [2], [0.5, 2])]))).toEqual([-0.5, -4, 3, -8]);
    const integers = tensorOf("int32", [2], [-(2 ** 30), 5]);
    expect(toNumbers(run("PRelu", [integers, tensorOf("int32", [], [3])]))).toEqual([2 ** 30, 5]);
    expect(
      toNumbers(run("SwiGLU", [tensorOf("float64", [1], [2]), tensorOf("float64", [1], [3])], { alpha: 1 })),
    ).toEqual([expect.closeTo(6 / (1 + Math.exp(-2)), 14)]);
    expect(
      toNumbers(run("ReluGrad", [tensorOf("float32", [3], [7, 8, 9]), tensorOf("float32", [3], [-1, 0, 1])])),
    ).toEqual([0, 0, 9]);
    expect(toNumbers(run("SigmoidGrad", [tensorOf("float32", [1], [8]), tensorOf("float32", [1], [0.5])]))).toEqual([
      2,
    ]);
    expect(toNumbers(run("TanhGrad", [tensorOf("float32", [1], [8]), tensorOf("float32", [1], [0.5])]))).toEqual([6]);
  });

  it("ImageScaler adds a bias for each channel", () => {
    const x = tensorOf("float32", [2, 2, 1, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(toNumbers(run("ImageScaler", [x], { scale: 2, bias: [10, 20] }))).toEqual([12, 14, 26, 28, 20, 22, 34, 36]);
  });
});

describe("mathematics", () => {
  it("rounds halves to even", () => {
    const x = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.4, -0.6, 1e20, Infinity, NaN];
    expect(apply("Round", "float64", x)).toEqual([0, 2, 2, -0, -2, -2, 0, -1, 1e20, Infinity, NaN]);
  });

  it("keeps 64-bit integers exact", () => {
    const x: Tensor = { dtype: "int64", shape: [2], data: BigInt64Array.of(-(2n ** 62n) - 1n, 2n ** 62n + 1n) };
    const bigs = (name: string): bigint[] => [0, 1].map(bigReader(run(name, [x])));
    expect(bigs("Abs")).toEqual([2n ** 62n + 1n, 2n ** 62n + 1n]);
    expect(bigs("Neg")).toEqual([2n ** 62n + 1n, -(2n ** 62n) - 1n]);
    expect(bigs("Sign")).toEqual([-1n, 1n]);
    expect(bigs("BitwiseNot")).toEqual([2n ** 62n, -(2n ** 62n) - 2n]);
    expect(apply("Abs", "int8", [-128, -5])).toEqual([-128, 5]);
    expect(apply("BitwiseNot", "uint16", [0, 5])).toEqual([65535, 65530]);
  });

  it("tells infinities and NaN, also of float8", () => {
    const x = [Infinity, -Infinity, NaN, 1];
    expect(apply("IsInf", "float32", x, { positive: true, negative: true }, "bool")).toEqual([1, 1, 0, 0]);
    expect(apply("IsInf", "float16", x, { positive: false, negative: true }, "bool")).toEqual([0, 1, 0, 0]);
    expect(apply("IsNaN", "float8e5m2", x, {}, "bool")).toEqual([0, 0, 1, 0]);
    expect(apply("Not", "bool", [0, 1])).toEqual([1, 0]);
  });

  it("is JavaScript's own elsewhere, rounded to the type", () => {
    for (const [name, f] of [
      ["Exp", Math.exp],
      ["Sqrt", Math.sqrt],
      ["Tanh", Math.tanh],
      ["Atanh", Math.atanh],
      ["Log", Math.log],
    ] as const) {
      const x = SAMPLE.map((v) => v / 11);
      expect(apply(name, "float32", x)).toEqual(x.map((v) => Math.fround(f(Math.fround(v)))));
    }
    expect(apply("Reciprocal", "float32", [4, -0])).toEqual([0.25, -Infinity]);
  });

  it("takes tensors without elements, and scalars", () => {
    expect(apply("Exp", "float32", [])).toEqual([]);
    expect(toNumbers(run("Erf", [tensorOf("float64", [], [1])]))).toEqual([expect.closeTo(0.8427007929497149, 15)]);
  });
});

const scalar = (dtype: DType, value: number): Tensor => tensorOf(dtype, [], [value]);

describe("Clip", () => {
  const x = tensorOf("float32", [5], [-5, 0, 5, NaN, Infinity]);

  it("takes bounds as operands, either left out", () => {
    expect(toNumbers(run("Clip", [x, scalar("float32", -1), scalar("float32", 2)]))).toEqual([-1, 0, 2, NaN, 2]);
    expect(toNumbers(run("Clip", [x, null, scalar("float32", 2)]))).toEqual([-5, 0, 2, NaN, 2]);
    expect(toNumbers(run("Clip", [x, scalar("float32", 2), scalar("float32", 1)]))).toEqual([1, 1, 1, NaN, 1]);
    expect(toNumbers(run("Clip", [x]))).toEqual([-5, 0, 5, NaN, Infinity]);
  });

  it("takes bounds as attributes", () => {
    expect(toNumbers(run("Clip", [x], { min: -1, max: "inf" }))).toEqual([-1, 0, 5, NaN, Infinity]);
  });

  it("is exact on 64-bit integers", () => {
    const big: Tensor = { dtype: "uint64", shape: [2], data: BigUint64Array.of(2n ** 64n - 1n, 3n) };
    const max: Tensor = { dtype: "uint64", shape: [], data: BigUint64Array.of(2n ** 63n + 1n) };
    expect([0, 1].map(bigReader(run("Clip", [big, null, max])))).toEqual([2n ** 63n + 1n, 3n]);
  });
});

describe("Dropout", () => {
  it("copies, and keeps everything in the mask", () => {
    const x = tensorOf("float16", [3], [1, NaN, -0]);
    const [y, mask] = [makeTensor("float16", [3]), makeTensor("bool", [3])];
    dropoutKernels["Dropout"]?.({ inputs: [x], outputs: [y, mask], attrs: new Map() });
    expect(y.data).toEqual(x.data);
    expect(toNumbers(mask)).toEqual([1, 1, 1]);
    const only = makeTensor("float16", [3]);
    dropoutKernels["Dropout"]?.({ inputs: [x], outputs: [null, only], attrs: new Map() });
    expect(toNumbers(only)).toEqual([1, 1, 1]);
  });
});
