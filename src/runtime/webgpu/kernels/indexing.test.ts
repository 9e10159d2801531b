import { test } from "vitest";
import type { DType } from "../../../ir/dtype.ts";
import { tensorOf } from "../../../kernels/access.ts";
import type { Tensor } from "../../../kernels/types.ts";
import { testBackend } from "./check-kernel.test-util.ts";
import { check, randomShape, randomSource, randomTensor, type Random } from "./random.test-util.ts";

const backend = await testBackend();
if (backend === undefined) console.warn("no Vulkan driver: WGSL kernels are not tested");
const gpuTest = test.skipIf(backend === undefined);

const TYPES: readonly DType[] = ["float32", "uint8", "float16", "int64", "int32"];

const indicesOf = (random: Random, shape: readonly number[], size: number, dtype: DType): Tensor =>
  randomTensor(random, dtype, shape, { low: -size, high: size });

gpuTest("Gather", async () => {
  const random = randomSource(1);
  for (const dtype of [...TYPES, "bool"] as const)
    for (let round = 0; round < 4; round++) {
      const shape = [...randomShape(random, 2), 5, ...randomShape(random, 2)];
      const axis = random(shape.length);
      const at = indicesOf(random, randomShape(random, 2), shape[axis]!, round % 2 === 0 ? "int64" : "int32");
      const to = [...shape.slice(0, axis), ...at.shape, ...shape.slice(axis + 1)];
      await check(
        {
          kernel: "Gather",
          inputs: [randomTensor(random, dtype, shape), at],
          outputs: [{ dtype, shape: to }],
          attrs: { axis },
        },
        0,
        1e-30,
      );
    }
});

gpuTest("GatherElements", async () => {
  const random = randomSource(2);
  for (const dtype of TYPES)
    for (let round = 0; round < 3; round++) {
      const shape = [...randomShape(random, 3), 6];
      const axis = random(shape.length);
      const to = shape.map((dim, d) => (d === axis ? 1 + random(9) : 1 + random(dim)));
      const at = indicesOf(random, to, shape[axis]!, round % 2 === 0 ? "int64" : "int32");
      await check(
        {
          kernel: "GatherElements",
          inputs: [randomTensor(random, dtype, shape), at],
          outputs: [{ dtype, shape: to }],
          attrs: { axis },
        },
        0,
        1e-30,
      );
    }
});

/** Random tuples of indices into the first dims of `shape`. */
function tuples(random: Random, shape: readonly number[], lead: readonly number[], depth: number, from = 0): Tensor {
  const count = lead.reduce((a, b) => a * b, 1);
  const values = Array.from(
    { length: count * depth },
    (_, i) => random(2 * shape[from + (i % depth)]!) - shape[from + (i % depth)]!,
  );
  return tensorOf("int64", [...lead, depth], values);
}

gpuTest("GatherND", async () => {
  const random = randomSource(3);
  for (const dtype of TYPES)
    for (let round = 0; round < 4; round++) {
      const shape = [3, 4, 5, 2];
      const batch = random(2);
      const depth = 1 + random(4 - batch);
      const lead = [...shape.slice(0, batch), 1 + random(5)];
      const at = tuples(random, shape, lead, depth, batch);
      const to = [...lead, ...shape.slice(batch + depth)];
      await check(
        {
          kernel: "GatherND",
          inputs: [randomTensor(random, dtype, shape), at],
          outputs: [{ dtype, shape: to }],
          attrs: { batch },
        },
        0,
        1e-30,
      );
    }
});

gpuTest("ScatterElements, duplicates too", async () => {
  const random = randomSource(4);
  for (const dtype of TYPES)
    for (const reduction of ["none", "add", "mul", "max", "min"]) {
      const shape = [4, 6, 5];
      const axis = random(3);
      const own = shape.map((dim, d) => (d === axis ? 7 : 1 + random(dim)));
      const at = indicesOf(random, own, shape[axis]!, random(2) === 0 ? "int64" : "int32");
      const small = dtype === "uint8" ? { low: 0, high: 4 } : { low: -2, high: 3 };
      const x = randomTensor(random, dtype, shape, small);
      await check({
        kernel: "ScatterElements",
        inputs: [x, at, randomTensor(random, dtype, own, small)],
        outputs: [x],
        attrs: { axis, reduction },
      });
    }
});

gpuTest("ScatterND, duplicates too", async () => {
  const random = randomSource(5);
  for (const dtype of TYPES)
    for (const reduction of ["none", "add", "mul", "max", "min"])
      for (const depth of dtype === "float32" ? [1, 2, 3] : [1 + random(3)]) {
        const shape = [4, 3, 5];
        const at = tuples(random, shape, [2, 5], depth);
        const small = dtype === "uint8" ? { low: 0, high: 4 } : { low: -2, high: 3 };
        const x = randomTensor(random, dtype, shape, small);
        await check({
          kernel: "ScatterND",
          inputs: [x, at, randomTensor(random, dtype, [2, 5, ...shape.slice(depth)], small)],
          outputs: [x],
          attrs: { reduction },
        });
      }
});

gpuTest("TensorScatter", async () => {
  const random = randomSource(6);
  for (const dtype of TYPES)
    for (const circular of [true, false]) {
      const x = randomTensor(random, dtype, [2, 3, 8, 4]);
      const update = randomTensor(random, dtype, [2, 3, 3, 4]);
      const positions = tensorOf("int64", [2], [circular ? 7 : 5, 2]);
      for (const inputs of [
        [x, update, positions],
        [x, update],
      ])
        await check({ kernel: "TensorScatter", inputs, outputs: [x], attrs: { axis: 2, circular } }, 0, 1e-30);
    }
});

gpuTest("OneHot", async () => {
  const random = randomSource(7);
  for (const dtype of ["float32", "int64", "uint8", "bool"] as const)
    for (const from of ["int64", "int32", "float32", "uint8"] as const) {
      const indices = randomTensor(random, from, [3, 4], { low: from === "uint8" ? 0 : -9, high: 9 });
      const axis = random(3);
      const shape = [3, 4];
      shape.splice(axis, 0, 6);
      const values = tensorOf(dtype, [2], [0, 1]);
      await check({
        kernel: "OneHot",
        inputs: [indices, values],
        outputs: [{ dtype, shape }],
        attrs: { axis, depth: 6 },
      });
    }
});

gpuTest("Fill, FillBig, Range, EyeLike", async () => {
  for (const dtype of ["float32", "float16", "int64", "int32", "uint8", "bool"] as const) {
    await check({ kernel: "Fill", inputs: [], outputs: [{ dtype, shape: [3, 7] }], attrs: { value: 3 } });
    for (const k of [-1, 0, 2])
      await check({ kernel: "EyeLike", inputs: [], outputs: [{ dtype, shape: [4, 7] }], attrs: { k } });
    if (dtype !== "bool")
      await check({ kernel: "Range", inputs: [], outputs: [{ dtype, shape: [21] }], attrs: { start: 2, delta: 3 } });
  }
  await check({ kernel: "Fill", inputs: [], outputs: [{ dtype: "float32", shape: [5] }], attrs: { value: "-inf" } });
  await check({
    kernel: "Range",
    inputs: [],
    outputs: [{ dtype: "float32", shape: [1001] }],
    attrs: { start: 0.1, delta: -0.3 },
  });
  await check({
    kernel: "Range",
    inputs: [],
    outputs: [{ dtype: "int64", shape: [9] }],
    attrs: { start: 5, delta: -2 },
  });
  await check({
    kernel: "FillBig",
    inputs: [],
    outputs: [{ dtype: "int64", shape: [5] }],
    attrs: { value: "-9007199254740993" },
  });
});
