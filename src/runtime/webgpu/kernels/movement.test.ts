import { expect, test } from "vitest";
import { DTYPES, type DType } from "../../../ir/dtype.ts";
import { bytesOf, makeTensor } from "../../../kernels/access.ts";
import type { Tensor } from "../../../kernels/types.ts";
import { runKernelCase, testBackend, type KernelCase } from "./check-kernel.test-util.ts";
import { randomShape, randomSource, randomTensor, type Random } from "./random.test-util.ts";

const backend = await testBackend();
if (backend === undefined) console.warn("no Vulkan driver: WGSL kernels are not tested");
const gpuTest = test.skipIf(backend === undefined);

const TYPES: readonly DType[] = ["float32", "uint8", "float16", "int64", "int32", "complex128", "int4", "bool"];

/** Random bytes, but no NaN: a float may come back as another one. */
export function randomBytes(random: Random, dtype: DType, shape: readonly number[]): Tensor {
  if (dtype === "float32" || dtype === "bool") return randomTensor(random, dtype, shape);
  const tensor = makeTensor(dtype, shape);
  const bytes = bytesOf(tensor);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random(256);
  const odd = (shape.reduce((a, b) => a * b, 1) * DTYPES[dtype].bits) % 8;
  if (odd > 0) bytes[bytes.length - 1]! &= (1 << odd) - 1;
  return tensor;
}

/** Checks bytes, save the bits past the end. */
async function exact(one: KernelCase): Promise<void> {
  const outcome = await runKernelCase(backend!, one);
  const text = `${one.kernel} ${one.inputs.map((x) => x && `${x.dtype}[${x.shape}]`).join(" ")} ${JSON.stringify(one.attrs)}`;
  expect(outcome.actual, text).toBeDefined();
  outcome.expected.forEach((want, k) => {
    const [a, b] = [bytesOf(want), bytesOf(outcome.actual![k]!)];
    const bits = (want.shape.reduce((p, d) => p * d, 1) * DTYPES[want.dtype].bits) % 8;
    if (bits > 0) {
      a[a.length - 1]! &= (1 << bits) - 1;
      b[b.length - 1]! &= (1 << bits) - 1;
    }
    expect(Buffer.compare(a, b), text).toBe(0);
  });
}

const shuffled = (random: Random, count: number): number[] => {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
};

const cases = (name: string, rounds: number, one: (random: Random, dtype: DType) => KernelCase): void =>
  gpuTest(name, async () => {
    const random = randomSource(name.length);
    for (const dtype of TYPES) for (let round = 0; round < rounds; round++) await exact(one(random, dtype));
  });

cases("Transpose", 3, (random, dtype) => {
  const shape = randomShape(random);
  const perm = shuffled(random, shape.length);
  const x = randomBytes(random, dtype, shape);
  return { kernel: "Transpose", inputs: [x], outputs: [{ dtype, shape: perm.map((d) => shape[d]!) }], attrs: { perm } };
});

gpuTest("Transpose of larger matrices", async () => {
  const random = randomSource(3);
  for (const [shape, perm] of [
    [
      [33, 70],
      [1, 0],
    ],
    [
      [64, 128],
      [1, 0],
    ],
    [
      [3, 50, 41],
      [0, 2, 1],
    ],
    [
      [2, 40, 6, 8],
      [0, 2, 3, 1],
    ],
    [
      [35, 3, 40],
      [2, 1, 0],
    ],
    [
      [35, 3, 40],
      [1, 2, 0],
    ],
  ] as const)
    for (const dtype of ["float32", "int32", "float16"] as const) {
      const x = randomBytes(random, dtype, shape);
      await exact({
        kernel: "Transpose",
        inputs: [x],
        outputs: [{ dtype, shape: perm.map((d) => shape[d]!) }],
        attrs: { perm: [...perm] },
      });
    }
});

cases("ReshapeTranspose", 2, (random, dtype) => {
  const size = 1 + random(3);
  const [n, c, h, w] = [1 + random(2), 1 + random(4), 1 + random(5), 1 + random(5)];
  const x = randomBytes(random, dtype, [n, c * size * size, h, w]);
  const attrs = { view: [n, size, size, c, h, w], perm: [0, 3, 4, 1, 5, 2] };
  return { kernel: "ReshapeTranspose", inputs: [x], outputs: [{ dtype, shape: [n, c, h * size, w * size] }], attrs };
});

cases("Expand", 3, (random, dtype) => {
  const to = randomShape(random);
  const shape = to.map((dim) => (random(2) === 0 ? 1 : dim)).slice(random(to.length + 1));
  return { kernel: "Expand", inputs: [randomBytes(random, dtype, shape)], outputs: [{ dtype, shape: to }] };
});

cases("Slice", 4, (random, dtype) => {
  const shape = randomShape(random);
  const steps = shape.map(() => [1, 1, 1, 2, -1, -3][random(6)]!);
  const starts = shape.map((dim, d) => (steps[d] === 1 && random(2) === 0 ? 0 : random(dim)));
  const counts = shape.map(
    (dim, d) =>
      1 + random(steps[d]! > 0 ? Math.ceil((dim - starts[d]!) / steps[d]!) : Math.ceil((starts[d]! + 1) / -steps[d]!)),
  );
  return {
    kernel: "Slice",
    inputs: [randomBytes(random, dtype, shape)],
    outputs: [{ dtype, shape: counts }],
    attrs: { starts, steps },
  };
});

cases("Tile", 3, (random, dtype) => {
  const shape = randomShape(random, 4);
  const to = shape.map((dim) => dim * (1 + random(3)));
  return { kernel: "Tile", inputs: [randomBytes(random, dtype, shape)], outputs: [{ dtype, shape: to }] };
});

cases("Concat", 4, (random, dtype) => {
  const shape = [...randomShape(random, 3), 4];
  const axis = random(shape.length);
  const count = [2, 3, 9, 17][random(4)]!;
  const inputs = Array.from({ length: count }, () => {
    const length = 1 + random(5);
    return randomBytes(
      random,
      dtype,
      shape.map((dim, d) => (d === axis ? length : dim)),
    );
  });
  const total = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0);
  return {
    kernel: "Concat",
    inputs,
    outputs: [{ dtype, shape: shape.map((dim, d) => (d === axis ? total : dim)) }],
    attrs: { axis },
  };
});

gpuTest("Concat of scalars", async () => {
  const random = randomSource(4);
  const inputs = [[], [], []].map((shape) => randomBytes(random, "int64", shape));
  await exact({ kernel: "Concat", inputs, outputs: [{ dtype: "int64", shape: [3] }], attrs: { axis: 0 } });
});

cases("Split", 3, (random, dtype) => {
  const shape = [...randomShape(random, 2), 8, ...randomShape(random, 2)];
  const axis = shape.length === 1 ? 0 : random(shape.length);
  const sizes: number[] = [];
  for (let left = shape[axis]!; left > 0; left -= sizes.at(-1)!) sizes.push(1 + random(left));
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
  return {
    kernel: "Split",
    inputs: [randomBytes(random, dtype, shape)],
    outputs: sizes.map((size) => ({ dtype, shape: shape.map((dim, d) => (d === axis ? size : dim)) })),
    attrs: { axis, starts },
  };
});

for (const mode of ["constant", "edge", "wrap", "reflect"])
  cases(`Pad ${mode}`, 4, (random, dtype) => {
    const type: DType = dtype === "int4" ? "int8" : dtype;
    const shape = randomShape(random, 4);
    const few = random(2) === 0;
    const pads = shape.map(() => (few && random(2) === 0 ? 0 : [0, 1, 2, 4, 9, -1][random(6)]!));
    const before = pads.map((p, d) => (shape[d] === 1 ? Math.max(0, p) : p));
    const to = shape.map((dim, d) => Math.max(1, dim + before[d]! + (few ? 0 : random(4))));
    const x = randomBytes(random, type, shape);
    const value = mode === "constant" && random(2) === 0 ? [randomBytes(random, type, [])] : [];
    return {
      kernel: "Pad",
      inputs: [x, ...value],
      outputs: [{ dtype: type, shape: to }],
      attrs: { pads: before, mode },
    };
  });

gpuTest("PadValue", async () => {
  const random = randomSource(5);
  for (const dtype of ["float32", "float16", "int32", "uint8"] as const)
    for (const last of [1, 4]) {
      const x = randomBytes(random, dtype, [3, 8]);
      const attrs = { pads: [1, last], mode: "constant", value: 3 };
      await exact({ kernel: "PadValue", inputs: [x], outputs: [{ dtype, shape: [5, 8 + 2 * last] }], attrs });
    }
});

cases("ReverseSequence", 2, (random, dtype) => {
  const shape = [3, 5, 1 + random(8)];
  const batch = random(2);
  const lengths = makeTensor("int64", [shape[batch]!]);
  for (let i = 0; i < shape[batch]!; i++) (lengths.data as BigInt64Array)[i] = BigInt(1 + random(shape[1 - batch]!));
  const x = randomBytes(random, dtype, shape);
  return { kernel: "ReverseSequence", inputs: [x, lengths], outputs: [x], attrs: { batch, time: 1 - batch } };
});

cases("Trilu", 2, (random, dtype) => {
  const x = randomBytes(random, dtype, [2, 1 + random(7), 1 + random(9)]);
  return { kernel: "Trilu", inputs: [x], outputs: [x], attrs: { upper: random(2) === 0, k: random(7) - 3 } };
});
