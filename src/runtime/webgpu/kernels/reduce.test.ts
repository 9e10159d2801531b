import { test } from "vitest";
import type { DType } from "../../../ir/dtype.ts";
import { testBackend } from "./check-kernel.test-util.ts";
import { check, randomShape, randomSource, randomTensor, type Random } from "./random.test-util.ts";

const backend = await testBackend();
if (backend === undefined) console.warn("no Vulkan driver: WGSL kernels are not tested");
const gpuTest = test.skipIf(backend === undefined);

const FLOATS: readonly DType[] = ["float32", "float16", "bfloat16"];
const KINDS = ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"];

const someAxes = (random: Random, rank: number): number[] => {
  const axes = Array.from({ length: rank }, (_, d) => d).filter(() => random(2) === 0);
  return axes.length === 0 && rank > 0 ? [random(rank)] : axes;
};

const keptShape = (shape: readonly number[], axes: readonly number[]): number[] =>
  shape.map((dim, d) => (axes.includes(d) ? 1 : dim));

for (const kind of KINDS)
  gpuTest(`Reduce${kind} of floats`, async () => {
    const random = randomSource(kind.length);
    const range =
      kind === "Prod" ? { low: 0.9, high: 1.1 } : kind === "LogSum" ? { low: 0, high: 2 } : { low: -1, high: 4 };
    const forms: readonly (readonly [number[], number[]])[] = [
      [[7, 64], [1]],
      [[3, 130], [1]],
      [
        [2, 5, 90],
        [0, 2],
      ],
      [[100, 8], [0]],
      [[3, 70, 40], [1]],
      [[100, 33], [1]],
      [[66, 44], [1]],
      [[4500], [0]],
    ];
    for (const dtype of FLOATS)
      // The plan of a reduction is one for all kinds: each kind takes the half of it, the common sum takes all.
      for (const [own, over] of dtype === "float32"
        ? forms.filter((_, i) => kind === "Sum" || i % 2 === KINDS.indexOf(kind) % 2)
        : forms.slice(0, 2).filter((_, i) => kind === "Sum" || i === (dtype === "float16" ? 0 : 1))) {
        const x = randomTensor(random, dtype, own, range);
        await check({
          kernel: `Reduce${kind}`,
          inputs: [x],
          outputs: [{ dtype, shape: keptShape(own, over) }],
          attrs: { axes: over },
        });
      }
    const shape = randomShape(random);
    const axes = someAxes(random, shape.length);
    const x = randomTensor(random, "float32", shape, range);
    await check({
      kernel: `Reduce${kind}`,
      inputs: [x],
      outputs: [{ dtype: "float32", shape: keptShape(shape, axes) }],
      attrs: { axes },
    });
  });

gpuTest("reductions with NaN and infinities", async () => {
  const random = randomSource(3);
  for (const kind of ["Max", "Min", "LogSumExp", "Sum"])
    for (const special of [[NaN], [Infinity], [-Infinity]]) {
      const x = randomTensor(random, "float32", [16, 5], { low: -1, high: 1, special: [...special, 0, 0, 0, 0, 0] });
      await check({
        kernel: `Reduce${kind}`,
        inputs: [x],
        outputs: [{ dtype: "float32", shape: [16, 1] }],
        attrs: { axes: [1] },
      });
    }
});

gpuTest("reductions of a whole long tensor, in segments", async () => {
  const random = randomSource(4);
  for (const [kind, shape, axes] of [
    ["Sum", [200_000], [0]],
    ["Mean", [3, 65536], [1]],
    ["Max", [70_000, 2], [0]],
    ["SumSquare", [2, 100_000, 2], [0, 1]],
    ["Sum", [65537], [0]],
  ] as const) {
    const x = randomTensor(random, "float32", shape, { low: -1, high: 2 });
    await check({
      kernel: `Reduce${kind}`,
      inputs: [x],
      outputs: [{ dtype: "float32", shape: keptShape(shape, axes) }],
      attrs: { axes: [...axes] },
    });
  }
});

gpuTest("reductions of integers", async () => {
  const random = randomSource(5);
  for (const [k, kind] of ["Sum", "Max", "Min", "Prod", "L1", "SumSquare", "Mean"].entries())
    for (const [t, dtype] of (["int8", "uint8", "int32", "uint32", "int64"] as const).entries()) {
      // Of the types that a kind computes alike, one of two.
      if (dtype !== "int32" && dtype !== "int64" && kind !== "Sum" && (k + t) % 2 === 0) continue;
      if (kind === "Mean" && (dtype === "int32" || dtype === "uint32")) continue;
      const x = randomTensor(
        random,
        dtype,
        [5, 9, 3],
        kind === "Prod"
          ? { low: dtype.startsWith("u") ? 0 : -3, high: 4 }
          : kind === "SumSquare"
            ? { low: 0, high: 100 }
            : undefined,
      );
      await check({
        kernel: `Reduce${kind}`,
        inputs: [x],
        outputs: [{ dtype, shape: [5, 1, 3] }],
        attrs: { axes: [1] },
      });
    }
});

gpuTest("ArgMax and ArgMin", async () => {
  const random = randomSource(6);
  for (const kernel of ["ArgMax", "ArgMin"])
    for (const last of [true, false])
      for (const dtype of ["float32", "float16", "int32", "uint8"] as const)
        for (const [shape, axis] of dtype === "float32"
          ? ([
              [[4, 9], 1],
              [[3, 200], 1],
              [[5, 6, 7], 1],
            ] as const)
          : ([[[3, 70], 1]] as const)) {
          if (dtype !== "float32" && last === (kernel === "ArgMin")) continue;
          const special = dtype.startsWith("float") ? [NaN, 1, -1, Infinity, 0, -0] : [1, 2];
          const x = randomTensor(random, dtype, shape, {
            low: 0,
            high: 3,
            special: random(2) === 0 ? special : [1, 2],
          });
          await check({
            kernel,
            inputs: [x],
            outputs: [{ dtype: "int64", shape: keptShape(shape, [axis]) }],
            attrs: { axis, last },
          });
        }
});

gpuTest("Hardmax", async () => {
  const random = randomSource(7);
  for (const dtype of ["float32", "bfloat16"] as const)
    for (const [shape, axes] of [
      [[4, 9], [1]],
      [[3, 5, 6], [1]],
      [
        [2, 5, 20],
        [1, 2],
      ],
    ] as const) {
      const x = randomTensor(random, dtype, shape, { low: 0, high: 3, special: [1, 2, NaN] });
      await check({ kernel: "Hardmax", inputs: [x], outputs: [x], attrs: { axes: [...axes] } });
    }
});

gpuTest("CumSum and CumProd", async () => {
  const random = randomSource(8);
  for (const dtype of ["float32", "float16", "int32", "int64"] as const)
    for (const exclusive of [true, false])
      for (const reverse of [true, false])
        for (const [shape, axis] of dtype === "float32"
          ? ([
              [[4, 9], 1],
              [[3, 5, 6], 1],
              [[2, 600], 1],
            ] as const)
          : ([[[3, 5, 6], 1]] as const)) {
          if (dtype === "float16" ? exclusive || reverse : dtype === "int32" && exclusive !== reverse) continue;
          const x = randomTensor(
            random,
            dtype,
            shape,
            dtype.startsWith("float") ? { low: 0, high: 1 } : { low: -9, high: 9 },
          );
          await check({ kernel: "CumSum", inputs: [x], outputs: [x], attrs: { axis, exclusive, reverse } });
        }
  const x = randomTensor(random, "float32", [5, 30], { low: 0.8, high: 1.2 });
  await check({ kernel: "CumProd", inputs: [x], outputs: [x], attrs: { axis: 1, exclusive: false, reverse: false } });
});

gpuTest("TopK", async () => {
  const random = randomSource(9);
  for (const largest of [true, false])
    for (const dtype of ["float32", "float16", "int32", "uint8"] as const)
      for (const [shape, axis, k] of dtype === "int32"
        ? ([[[3, 40], 1, 7]] as const)
        : ([
            [[4, 9], 1, 3],
            [[3, 50, 2], 1, 50],
            [[2, 700], 1, 5],
            [[800, 3], 0, 2],
          ] as const)) {
        // Types are ordered alike up or down: the narrow ones go one way each.
        if (dtype !== "float32" && dtype !== "int32" && largest === (dtype === "uint8")) continue;
        const special = dtype.startsWith("float") ? [NaN, 1, -1, Infinity, 0, -0] : [1, 2];
        const x = randomTensor(random, dtype, shape, { low: 0, high: 200, special });
        const to = shape.map((dim, d) => (d === axis ? k : dim));
        const outputs = [
          { dtype, shape: to },
          { dtype: "int64", shape: to },
        ] as const;
        await check({ kernel: "TopK", inputs: [x], outputs, attrs: { axis, largest } });
      }
});
