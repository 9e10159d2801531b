import { expect, test } from "vitest";
import type { DType } from "../../../ir/dtype.ts";
import { tensorOf } from "../../../kernels/access.ts";
import { testBackend } from "./check-kernel.test-util.ts";
import { broadcastable, check, randomShape, randomSource, randomTensor, type Range } from "./random.test-util.ts";
import { binaryKernels } from "./binary.ts";

const backend = await testBackend();
if (backend === undefined) console.warn("no Vulkan driver: WGSL kernels are not tested");
const gpuTest = test.skipIf(backend === undefined);

const FLOATS: readonly DType[] = ["float32", "float16", "bfloat16"];
const SMALL: readonly DType[] = ["int8", "uint8", "int16", "uint16"];
const INTS: readonly DType[] = [...SMALL, "int32", "uint32"];
const LONGS: readonly DType[] = ["int64", "uint64"];
const EDGES = [0, -0, Infinity, -Infinity, NaN, 1, -1, 0.5];

const UNARY: Readonly<Record<string, Range>> = {
  Acos: { low: -1, high: 1 },
  Acosh: { low: 1, high: 50, special: [1e6, 0.5, 1.0001] },
  Asin: { low: -1, high: 1, special: [2, 0.001] },
  Asinh: { low: -50, high: 50, special: [1e20, -1e20, 0.01] },
  Atan: { low: -10, high: 10, special: [1e20, -1e20] },
  Atanh: { low: -1, high: 1, special: [1, -1, 2] },
  Ceil: { low: -9, high: 9, special: EDGES },
  Cos: { low: -100, high: 100, special: [5000, 0] },
  Cosh: { low: -20, high: 20, special: [88] },
  Erf: { low: -4, high: 4, special: EDGES },
  Exp: { low: -20, high: 20, special: [-200, 80, -Infinity] },
  Floor: { low: -9, high: 9, special: EDGES },
  IsNaN: { low: -1, high: 1, special: EDGES },
  Log: { low: 0, high: 100, special: [1, 0.999, 1.001, -1, 0, Infinity] },
  Reciprocal: { low: 0.1, high: 100, special: [-3] },
  Round: { low: -9, high: 9, special: [0.5, 1.5, 2.5, -0.5, -1.5, -2.5] },
  Sign: { low: -1, high: 1, special: EDGES },
  Sin: { low: -100, high: 100, special: [5000, 0] },
  Sinh: { low: -20, high: 20, special: [88, 0.01] },
  Sqrt: { low: 0, high: 100, special: [0, -1, Infinity] },
  Tan: { low: -1.4, high: 1.4 },
  Tanh: { low: -10, high: 10, special: EDGES },
  Abs: { low: -5, high: 5, special: EDGES },
  Neg: { low: -5, high: 5, special: EDGES },
  Relu: { low: -5, high: 5, special: EDGES },
  HardSwish: { low: -5, high: 5, special: [NaN] },
  Mish: { low: -30, high: 30, special: [NaN] },
  Sigmoid: { low: -30, high: 30, special: EDGES },
  Softplus: { low: -30, high: 30, special: EDGES },
  Softsign: { low: -30, high: 30, special: [NaN] },
};

for (const [kernel, range] of Object.entries(UNARY)) {
  gpuTest(`${kernel} of floats`, async () => {
    const random = randomSource(kernel.length);
    for (const dtype of FLOATS) {
      for (const shape of dtype === "float32" ? [[64], [5, 13]] : [randomShape(random, 2)]) {
        const x = randomTensor(random, dtype, shape, range);
        await check({ kernel, inputs: [x], outputs: [{ dtype: kernel === "IsNaN" ? "bool" : dtype, shape }] });
      }
    }
  });
}

gpuTest("IsInf", async () => {
  const random = randomSource(5);
  for (const positive of [true, false])
    for (const negative of [true, false])
      for (const dtype of FLOATS) {
        const x = randomTensor(random, dtype, [7, 5], { low: -1, high: 1, special: EDGES });
        await check({
          kernel: "IsInf",
          inputs: [x],
          outputs: [{ dtype: "bool", shape: [7, 5] }],
          attrs: { positive, negative },
        });
      }
});

gpuTest("unary kernels of integers and bool", async () => {
  const random = randomSource(6);
  for (const kernel of ["Abs", "Neg", "Sign", "BitwiseNot"])
    for (const dtype of [...INTS, ...LONGS]) {
      if (kernel === "Neg" && dtype.startsWith("u")) continue;
      const shape = [random(2) === 0 ? 9 : 16];
      // One shape, so that the second case finds its pipeline made.
      const x = randomTensor(random, dtype, shape, { low: 0, high: 1, special: [0, 1, -1, 2 ** 31, -(2 ** 31), 77] });
      await check({ kernel, inputs: [randomTensor(random, dtype, shape)], outputs: [x] });
      if (!dtype.startsWith("u") || kernel !== "Abs") await check({ kernel, inputs: [x], outputs: [x] });
    }
  const x = randomTensor(random, "bool", [11]);
  await check({ kernel: "Not", inputs: [x], outputs: [x] });
});

const ACTIVATIONS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  Affine: { alpha: 1.5, beta: -0.25 },
  Celu: { alpha: 1.3 },
  Elu: { alpha: 0.7 },
  HardSigmoid: { alpha: 0.2, beta: 0.5 },
  LeakyRelu: { alpha: 0.01 },
  ParametricSoftplus: { alpha: 1.2, beta: 0.8 },
  ScaledTanh: { alpha: 1.2, beta: 0.8 },
  Selu: { alpha: 1.67326319217681884765625, gamma: 1.05070102214813232421875 },
  Shrink: { lambd: 0.5, bias: 0.1 },
  Swish: { alpha: 1.1 },
  ThresholdedRelu: { alpha: 1 },
};

gpuTest("activations with attributes", async () => {
  const random = randomSource(7);
  for (const [kernel, attrs] of Object.entries(ACTIVATIONS))
    for (const dtype of FLOATS)
      for (const shape of [dtype === "float32" ? [40] : [3, 7]]) {
        const x = randomTensor(random, dtype, shape, { low: -6, high: 6, special: [NaN, 0, 0.5, -0.5] });
        await check({ kernel, inputs: [x], outputs: [x], attrs });
      }
});

gpuTest("gradients and fused activations", async () => {
  const random = randomSource(8);
  for (const dtype of FLOATS)
    for (const shape of [dtype === "float32" ? [40] : [3, 7]]) {
      const make = (): ReturnType<typeof randomTensor> => randomTensor(random, dtype, shape);
      for (const kernel of ["ReluGrad", "SigmoidGrad", "TanhGrad"])
        await check({ kernel, inputs: [make(), make()], outputs: [make()] });
      await check({ kernel: "SwiGLU", inputs: [make(), make()], outputs: [make()], attrs: { alpha: 1.5 } });
      for (const approximate of ["none", "tanh"]) {
        const bias = randomTensor(random, dtype, shape.slice(-1));
        await check({ kernel: "BiasGelu", inputs: [make(), bias], outputs: [make()], attrs: { approximate } });
        await check({ kernel: "GeluGrad", inputs: [make(), make()], outputs: [make()], attrs: { approximate } });
        await check({ kernel: "GeluGrad", inputs: [make(), make(), bias], outputs: [make()], attrs: { approximate } });
      }
    }
  const image = randomTensor(random, "float32", [2, 3, 4, 5]);
  await check({ kernel: "ImageScaler", inputs: [image], outputs: [image], attrs: { scale: 0.5, bias: [1, 2, 3] } });
});

/** Operands that no kernel divides or shifts by 0 in. */
const secondRange = (kernel: string, dtype: DType): Range | undefined => {
  if (kernel === "BitShift") return { low: 0, high: 40 };
  if (kernel === "Div" || kernel === "Mod")
    return FLOATS.includes(dtype)
      ? { low: 0.3, high: 3, special: [-0.7] }
      : { low: 1, high: 100, special: dtype.startsWith("u") ? [127] : [-1, -7] };
  return undefined;
};

/** Which types the reference defines each kernel on. */
const typesOf = (kernel: string): readonly DType[] => {
  if (["And", "Or", "Xor"].includes(kernel)) return ["bool"];
  if (kernel === "BitShift") return ["uint8", "uint16", "uint32"];
  if (kernel.startsWith("Bitwise")) return [...INTS, ...LONGS];
  if (kernel === "Mean") return FLOATS;
  if (kernel === "Equal") return [...FLOATS, ...INTS, ...LONGS, "bool"];
  return [...FLOATS, ...INTS, ...LONGS];
};

const attrsOf = (kernel: string, dtype: DType, round: number): Readonly<Record<string, string | boolean>> => {
  if (kernel === "Mod") return { fmod: FLOATS.includes(dtype) || round % 2 === 0 };
  return kernel === "BitShift" ? { direction: round % 2 === 0 ? "LEFT" : "RIGHT" } : {};
};

for (const kernel of [...Object.keys(binaryKernels).filter((name) => name !== "Where" && name !== "Pow"), "PRelu"]) {
  gpuTest(`${kernel} with broadcasting`, async () => {
    const random = randomSource(kernel.length + 100);
    const compares = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"].includes(kernel);
    for (const dtype of typesOf(kernel)) {
      // How operands lie is one piece of code for all kernels: half of them broadcast at random.
      const rounds = dtype === "float32" ? (kernel.length % 2 === 0 ? 5 : 3) : 2;
      const first = dtype === "float32" || kernel.length % 2 === 0 ? 0 : 1;
      for (let round = first; round < first + (dtype === "float32" ? rounds : 1); round++) {
        const shape = round === 0 ? [3, 5] : round === 1 ? [2, 3, 8] : randomShape(random, 6);
        const own = round < 2 ? shape : kernel === "PRelu" || round % 2 === 0 ? shape : broadcastable(random, shape);
        const other = round === 0 ? shape : round === 1 ? [1, 8] : broadcastable(random, shape);
        const result = Array.from({ length: Math.max(own.length, other.length) }, (_, d) =>
          Math.max(
            own[d + own.length - Math.max(own.length, other.length)] ?? 1,
            other[d + other.length - Math.max(own.length, other.length)] ?? 1,
          ),
        );
        const special =
          compares || kernel === "Max" || kernel === "Min"
            ? { low: -2, high: 2, special: FLOATS.includes(dtype) ? EDGES : [0, 1] }
            : undefined;
        const range = special && !dtype.startsWith("u") ? special : undefined;
        const a = randomTensor(random, dtype, own, range);
        const b = randomTensor(random, dtype, other, range ?? secondRange(kernel, dtype));
        await check({
          kernel,
          inputs: [a, b],
          outputs: [{ dtype: compares ? "bool" : dtype, shape: result }],
          attrs: attrsOf(kernel, dtype, round),
        });
      }
    }
  });
}

gpuTest("variadic kernels of one to seven operands", async () => {
  const random = randomSource(9);
  for (const kernel of ["Max", "Min", "Sum", "Mean"])
    for (const count of [1, 3, 7]) {
      const shape = [4, 6];
      const inputs = Array.from({ length: count }, (_, i) =>
        randomTensor(random, "float32", i === 0 ? shape : broadcastable(random, shape)),
      );
      await check({ kernel, inputs, outputs: [{ dtype: "float32", shape }] });
    }
});

gpuTest("Pow", async () => {
  const random = randomSource(10);
  for (const dtype of FLOATS)
    for (const exponent of ["float32", "int32", "int64", "uint8"] as const) {
      const a = randomTensor(random, dtype, [6, 9], { low: 0, high: 5, special: [...EDGES, -2, -3] });
      const b = randomTensor(random, exponent, [6, 9], {
        low: exponent === "uint8" ? 0 : -4,
        high: 5,
        special: exponent === "float32" ? [...EDGES, 2, 3, 0.5, -2] : [2, 3, 0],
      });
      await check({ kernel: "Pow", inputs: [a, b], outputs: [a] });
    }
  for (const dtype of ["int32", "uint32"] as const) {
    const a = randomTensor(random, dtype, [8], { low: 1, high: 9 });
    const b = randomTensor(random, dtype, [8], { low: dtype === "int32" ? -2 : 0, high: 12 });
    await check({ kernel: "Pow", inputs: [a, b], outputs: [a] });
  }
});

gpuTest("operand 1 aligned by bShape", async () => {
  const random = randomSource(11);
  const a = randomTensor(random, "float32", [2, 3, 4, 5]);
  await check({
    kernel: "Add",
    inputs: [a, randomTensor(random, "float32", [3])],
    outputs: [a],
    attrs: { bShape: [3, 1, 1] },
  });
});

gpuTest("Where moves any type", async () => {
  const random = randomSource(12);
  for (const dtype of ["float32", "float16", "int64", "uint8", "bool", "float8e4m3fn", "complex64"] as const)
    for (let round = 0; round < 3; round++) {
      const shape = randomShape(random, 4);
      const bytes = (dims: readonly number[]): ReturnType<typeof randomTensor> =>
        dtype === "complex64"
          ? { dtype, shape: dims, data: new Float32Array(2 * dims.reduce((p, d) => p * d, 1)).map(() => random(99)) }
          : randomTensor(random, dtype, dims);
      const condition = randomTensor(random, "bool", round === 0 ? shape : broadcastable(random, shape));
      await check({
        kernel: "Where",
        inputs: [condition, bytes(shape), bytes(broadcastable(random, shape))],
        outputs: [{ dtype, shape }],
      });
    }
});

gpuTest("Clip by operands and attributes", async () => {
  const random = randomSource(13);
  for (const dtype of [...FLOATS, ...INTS, ...LONGS]) {
    const x = randomTensor(random, dtype, [6, 7], { low: dtype.startsWith("u") ? 0 : -50, high: 100 });
    const low = tensorOf(dtype, [], [3]);
    const high = tensorOf(dtype, [], [40]);
    for (const inputs of [
      [x, low, high],
      [x, null, high],
      [x, low],
      [x, high, low],
    ])
      await check({ kernel: "Clip", inputs, outputs: [x] });
  }
  const x = randomTensor(random, "float32", [33], { low: -9, high: 9, special: EDGES });
  await check({ kernel: "Clip", inputs: [x], outputs: [x], attrs: { min: -3.5, max: "inf" } });
});

const CAST: readonly DType[] = [...FLOATS, ...INTS, ...LONGS, "bool"];
for (const from of CAST)
  gpuTest(`Cast from ${from}`, async () => {
    const random = randomSource(14 + from.length);
    for (const to of CAST) {
      if (to === from) continue;
      const special = [
        0,
        1,
        255,
        300,
        16777217,
        33554431,
        2147483647,
        ...(from.startsWith("u") ? [] : [-1, -129, -2147483648]),
      ];
      const extreme = FLOATS.includes(from)
        ? [NaN, Infinity, -Infinity, 1e10, -1e10, 1.9, -1.9, 2.5e18, 5e19, ...special]
        : special;
      for (const shape of [CAST.indexOf(to) % 2 === 0 ? [8, 8] : [13]]) {
        const x = randomTensor(random, from, shape, {
          low: from.startsWith("u") ? 0 : -40000,
          high: 70000,
          special: extreme,
        });
        await check({ kernel: "Cast", inputs: [x], outputs: [{ dtype: to, shape }] }, 1e-7, 0);
      }
      if (!FLOATS.includes(from) && from !== "bool") {
        const shape = CAST.indexOf(to) % 2 === 0 ? [13] : [8, 8];
        const x = randomTensor(random, from, shape);
        await check({ kernel: "Cast", inputs: [x], outputs: [{ dtype: to, shape }] }, 1e-7, 0);
      }
    }
  });

test("a result may share bytes only with operands that lie alike", async () => {
  const { wgslCall } = await import("../register.ts");
  const make = (b: readonly number[]): readonly boolean[] =>
    wgslCall("Add", {
      inputs: [
        { dtype: "float32", shape: [4, 8] },
        { dtype: "float32", shape: b },
      ],
      outputs: [{ dtype: "float32", shape: [4, 8] }],
      attrs: new Map(),
    })!.dispatches[0]!.reads.map((read) => read.overwrite === true);
  expect(make([4, 8])).toEqual([true, true]);
  expect(make([8])).toEqual([true, false]);
  expect(make([4, 1])).toEqual([true, false]);
});

gpuTest("more workgroups than one dimension of a grid has", async () => {
  const random = randomSource(15);
  const count = 65535 * 64 * 4 + 1003;
  const x = randomTensor(random, "bool", [8]);
  const large = {
    dtype: "bool",
    shape: [count],
    data: Uint8Array.from({ length: count }, (_, i) => x.data[i & 7] as number),
  } as const;
  await check({ kernel: "Not", inputs: [large], outputs: [large] });
});
