import { describe } from "vitest";
import { deviceTest, expectEqual, FLOATS, randomTensor, share } from "./random-tensor.test-util.ts";

/** Rows from one element to more than a workgroup reads at once. */
const ROWS: readonly (readonly number[])[] = [
  [1, 1],
  [3, 5],
  [2, 3, 16],
  [7, 31],
  [600, 12],
  [5, 384],
  [2, 768],
  [3, 1023],
  [2, 9000],
  [1030, 65],
];

describe("LayerNormalization", () => {
  for (const dtype of FLOATS)
    deviceTest(dtype, async () => {
      for (const [seed, shape] of share(dtype, [...ROWS.entries()])) {
        const x = randomTensor(seed + 1, dtype, shape, -3, 5);
        const last = [shape.at(-1)!];
        const [scale, bias] = [randomTensor(seed + 2, dtype, last), randomTensor(seed + 3, dtype, last)];
        const attrs = { axis: shape.length - 1, epsilon: 1e-5 };
        await expectEqual({ kernel: "LayerNormalization", inputs: [x, scale, bias], outputs: [x, null, null], attrs });
        if (seed % 4 === 0)
          await expectEqual({ kernel: "LayerNormalization", inputs: [x, scale, null], outputs: [x], attrs });
        await expectEqual({ kernel: "RMSNormalization", inputs: [x, scale], outputs: [x, null], attrs });
      }
    });

  deviceTest("statistics, leading axes, broadcast scales", async () => {
    const x = randomTensor(1, "float32", [2, 3, 4, 5], -1, 4);
    const statistics = (axis: number) => ({
      dtype: "float32" as const,
      shape: x.shape.map((dim, d) => (d < axis ? dim : 1)),
    });
    for (const axis of [0, 1, 2, 3])
      for (const [i, shape] of [x.shape.slice(axis), [5], [1, 1], [4, 1], [2, 1, 1, 5]].entries()) {
        const [scale, bias] = [randomTensor(axis + 5, "float32", shape), randomTensor(axis + 9, "float32", shape)];
        const attrs = { axis, epsilon: 1e-3 };
        const outputs = i === 0 ? [x, statistics(axis), statistics(axis)] : [x];
        if ((axis + i) % 2 === 0 || i === 0)
          await expectEqual({ kernel: "LayerNormalization", inputs: [x, scale, bias], outputs, attrs });
        if ((axis + i) % 2 === 1 || i === 0)
          await expectEqual({ kernel: "RMSNormalization", inputs: [x, scale], outputs: outputs.slice(0, 2), attrs });
      }
  });

  deviceTest("mixed types", async () => {
    const x = randomTensor(1, "float16", [6, 40]);
    const scale = randomTensor(2, "float32", [40]);
    await expectEqual({
      kernel: "LayerNormalization",
      inputs: [x, scale, scale],
      outputs: [x],
      attrs: { axis: 1, epsilon: 1e-5 },
    });
  });

  deviceTest("a few very long rows", async () => {
    const x = randomTensor(4, "float32", [2, 70_000], 9, 11);
    const scale = randomTensor(5, "float32", [70_000]);
    const attrs = { axis: 1, epsilon: 1e-5 };
    await expectEqual({ kernel: "LayerNormalization", inputs: [x, scale, null], outputs: [x], attrs });
    await expectEqual({ kernel: "RMSNormalization", inputs: [x, scale], outputs: [x], attrs });
  });
});

describe("fused forms", () => {
  for (const dtype of FLOATS)
    deviceTest(`SkipLayerNormalization ${dtype}`, async () => {
      const shapes = [
        [2, 3, 8],
        [1, 5, 33],
        [3, 2, 768],
      ] as const;
      for (const [seed, shape] of shapes.entries())
        for (const [s, skipShape] of [shape, [1, shape[1], shape[2]], [shape[1], shape[2]]].entries()) {
          if (dtype !== "float32" && (s + seed) % 3 !== 0) continue;
          const tensor = (k: number, own: readonly number[]) => randomTensor(seed * 10 + k, dtype, own);
          const [x, skip] = [tensor(1, shape), tensor(2, skipShape)];
          const [gamma, beta, bias] = [3, 4, 5].map((k) => tensor(k, [shape[2]])) as [typeof x, typeof x, typeof x];
          const forms = [
            [false, [x, skip, gamma, beta, bias]],
            [false, [x, skip, gamma, null, null]],
            [true, [x, skip, gamma, bias]],
          ] as const;
          const results = [[x, null, null, x], [x], [null, null, null, x]];
          // Every pair of a form and a kind of results over the shapes; all results of the first.
          for (const [f, [rms, inputs]] of forms.entries())
            for (const outputs of s === 0 && seed < 2 ? results : [results[(f + s + seed) % 3]!])
              await expectEqual({ kernel: "SkipLayerNormalization", inputs, outputs, attrs: { epsilon: 1e-12, rms } });
        }
    });

  for (const dtype of FLOATS)
    deviceTest(`EmbedLayerNormalization ${dtype}`, async () => {
      const [batch, length, rows] = [3, 6, 11];
      for (const hidden of dtype === "float32" ? [8, 7, 130] : dtype === "float16" ? [7, 8] : [130]) {
        const table = (seed: number, count: number) => randomTensor(seed, dtype, [count, hidden]);
        const vector = (seed: number) => randomTensor(seed, dtype, [hidden]);
        for (const index of hidden === 8 ? (["int32", "int64"] as const) : (["int64"] as const)) {
          const ids = randomTensor(1, index, [batch, length], 0, rows);
          const segments = randomTensor(2, index, [batch, length], 0, 2);
          const mask = randomTensor(3, index, [batch, length], 0, 2);
          const places = randomTensor(4, index, [batch, length], 0, 9);
          const y = { dtype, shape: [batch, length, hidden] };
          const rest = [table(5, rows), table(6, 9)];
          const outputs = [y, { dtype: "int32" as const, shape: [batch] }, y];
          for (const inputs of [
            [ids, segments, ...rest, table(7, 2), vector(8), vector(9), mask, null],
            [ids, null, ...rest, null, vector(8), vector(9), null, places],
            [ids, null, ...rest, table(7, 2), vector(8), vector(9), mask, randomTensor(4, index, [1, length], 0, 9)],
          ])
            await expectEqual({ kernel: "EmbedLayerNormalization", inputs, outputs, attrs: { epsilon: 1e-12 } });
        }
      }
    });
});

describe("norms of channels", () => {
  const SHAPES = [
    [1, 4, 3, 4],
    [2, 6, 5, 5],
    [3, 8, 7],
    [2, 4, 2, 3, 4],
    [1, 12, 1, 1],
    [2, 4, 40, 64],
  ] as const;
  for (const dtype of FLOATS)
    deviceTest(`BatchNormalization, GroupNormalization, LRN ${dtype}`, async () => {
      for (const [seed, shape] of share(dtype, [...SHAPES.entries()])) {
        const x = randomTensor(seed, dtype, shape, -1, 3);
        for (const last of [false, true]) {
          const channels = last ? shape.at(-1)! : shape[1];
          const parameters = [1, 2, 3, 4].map((k) => randomTensor(seed + k, dtype, [channels], k === 4 ? 0.1 : -1, 2));
          await expectEqual({
            kernel: last ? "BatchNormalizationNHWC" : "BatchNormalization",
            inputs: [x, ...parameters],
            outputs: [x],
            attrs: { epsilon: 1e-5 },
          });
        }
        for (const groups of [1, 2, shape[1]])
          for (const perChannel of seed === 1 ? [true, false] : [(seed + groups) % 3 !== 0]) {
            const [scale, bias] = [1, 2].map((k) => randomTensor(seed + k, dtype, [perChannel ? shape[1] : groups]));
            const attrs = { groups, per_channel: perChannel, epsilon: 1e-5 };
            await expectEqual({ kernel: "GroupNormalization", inputs: [x, scale!, bias!], outputs: [x], attrs });
          }
        const windows = [
          [3, 0.75],
          [4, 0.5],
          [9, 0.75],
        ] as const;
        for (const [size, beta] of seed === 1 ? windows : [windows[seed % 3]!])
          await expectEqual({ kernel: "LRN", inputs: [x], outputs: [x], attrs: { alpha: 0.5, beta, bias: 1.5, size } });
      }
    });

  for (const dtype of FLOATS)
    deviceTest(`LpNormalization, MeanVarianceNormalization ${dtype}`, async () => {
      const shapes = [[7], [4, 6], [2, 3, 5, 4], [3, 130, 2], [2, 3, 1, 4, 5, 2]] as const;
      for (const [seed, shape] of share(dtype, [...shapes.entries()])) {
        const x = randomTensor(seed, dtype, shape, -1, 3);
        for (let axis = 0; axis < shape.length; axis++) {
          for (const p of dtype === "float32" ? [1, 2] : [1 + (axis % 2)])
            await expectEqual({ kernel: "LpNormalization", inputs: [x], outputs: [x], attrs: { axis, p } });
          const axes = shape.map((_, d) => d).filter((d) => (d + axis) % 3 !== 1 || d === axis);
          await expectEqual({ kernel: "MeanVarianceNormalization", inputs: [x], outputs: [x], attrs: { axes } });
        }
      }
      const zeros = randomTensor(1, dtype, [2, 8], 0, 0);
      await expectEqual({ kernel: "LpNormalization", inputs: [zeros], outputs: [zeros], attrs: { axis: 1, p: 2 } });
    });
});
