import { describe } from "vitest";
import type { DType } from "../../../ir/dtype.ts";
import { deviceTest, expectEqual, random, randomTensor } from "./random-tensor.test-util.ts";

const CASES = Number(process.env["STRATA_WGSL_CASES"] ?? 16);
const DTYPES: readonly DType[] = ["float32", "float16", "float32", "bfloat16"];

interface Dims {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly input: readonly number[];
  readonly output: readonly number[];
}

/** Random windows with pads of any size, the two ends apart. */
function dimsOf(next: () => number, rank: number, most: number): Dims {
  const below = (n: number): number => Math.floor(next() * n);
  const dims = Array.from({ length: rank }, () => {
    const [kernel, stride, dilation, before, after] = [1 + below(4), 1 + below(3), 1 + below(2), below(4), below(3)];
    const reach = (kernel - 1) * dilation + 1;
    const input = Math.max(1, reach - before - after) + below(most);
    return {
      kernel,
      stride,
      dilation,
      before,
      after,
      input,
      output: Math.floor((input + before + after - reach) / stride) + 1,
    };
  });
  return {
    kernel: dims.map((d) => d.kernel),
    strides: dims.map((d) => d.stride),
    dilations: dims.map((d) => d.dilation),
    pads: [...dims.map((d) => d.before), ...dims.map((d) => d.after)],
    input: dims.map((d) => d.input),
    output: dims.map((d) => d.output),
  };
}

const channelsOf = (seed: number): { group: number; depth: number; perGroup: number } =>
  [
    { group: 1, depth: 3, perGroup: 8 },
    { group: 4, depth: 1, perGroup: 1 },
    { group: 2, depth: 4, perGroup: 4 },
    { group: 3, depth: 2, perGroup: 3 },
    { group: 1, depth: 40, perGroup: 6 },
    { group: 8, depth: 1, perGroup: 2 },
  ][seed % 6]!;

describe("convolutions", () => {
  deviceTest("Conv", async () => {
    for (let seed = 1; seed <= CASES; seed++) {
      const next = random(seed);
      const dtype = DTYPES[seed % 4]!;
      const { kernel, input, output, ...window } = dimsOf(next, 1 + (seed % 3), seed % 3 === 0 ? 9 : 5);
      const { group, depth, perGroup } = channelsOf(seed);
      const [batch, filters] = [1 + (seed % 2), group * perGroup];
      await expectEqual({
        kernel: "Conv",
        inputs: [
          randomTensor(seed, dtype, [batch, group * depth, ...input], -1, 1),
          randomTensor(seed + 1, dtype, [filters, depth, ...kernel], -1, 1),
          seed % 3 === 0 ? null : randomTensor(seed + 2, dtype, [filters]),
        ],
        outputs: [{ dtype, shape: [batch, filters, ...output] }],
        attrs: { ...window, group },
      });
    }
  });

  deviceTest("Conv with several positions an invocation", async () => {
    for (const [length, stride] of [
      [9001, 1],
      [6002, 2],
      [1203, 3],
    ] as const) {
      const x = randomTensor(length, "float32", [2, 16, length], -1, 1);
      const w = randomTensor(3, "float32", [64, 8, 5], -1, 1);
      const output = Math.floor((length + 3 - 5) / stride) + 1;
      await expectEqual({
        kernel: "Conv",
        inputs: [x, w, null],
        outputs: [{ dtype: "float32", shape: [2, 64, output] }],
        attrs: { strides: [stride], dilations: [1], pads: [1, 2], group: 2 },
      });
    }
  });

  deviceTest("ConvNHWC in groups", async () => {
    for (let seed = 1; seed <= CASES; seed++) {
      const next = random(seed);
      const dtype = DTYPES[seed % 4]!;
      const { kernel, input, output, ...window } = dimsOf(next, 2, 7);
      const { group, depth, perGroup } = channelsOf(seed);
      if (group === 1 || dtype !== "float32") continue;
      const [batch, filters] = [1 + (seed % 2), group * perGroup];
      await expectEqual({
        kernel: "ConvNHWC",
        inputs: [
          randomTensor(seed, dtype, [batch, ...input, group * depth], -1, 1),
          randomTensor(seed + 1, dtype, [...kernel, depth, filters], -1, 1),
          seed % 3 === 0 ? null : randomTensor(seed + 2, dtype, [filters]),
        ],
        outputs: [{ dtype, shape: [batch, ...output, filters] }],
        attrs: { ...window, group, activation: ["none", "relu", "relu6"][seed % 3]! },
      });
    }
  });

  deviceTest("ConvTranspose", async () => {
    for (let seed = 1; seed <= CASES; seed++) {
      const next = random(seed);
      const below = (n: number): number => Math.floor(next() * n);
      const dtype = DTYPES[seed % 4]!;
      const rank = 1 + (seed % 3);
      const dims = Array.from({ length: rank }, () => {
        const [kernel, stride, dilation, input] = [1 + below(4), 1 + below(3), 1 + below(2), 2 + below(5)];
        const full = stride * (input - 1) + below(stride) + (kernel - 1) * dilation + 1;
        const [before, after] = [below(Math.min(3, full)), 0];
        return { kernel, stride, dilation, input, before, after, output: Math.max(1, full - before - below(2)) };
      });
      const { group, depth, perGroup } = channelsOf(seed);
      const [batch, filters] = [1 + (seed % 2), group * perGroup];
      await expectEqual({
        kernel: "ConvTranspose",
        inputs: [
          randomTensor(seed, dtype, [batch, group * depth, ...dims.map((d) => d.input)], -1, 1),
          randomTensor(seed + 1, dtype, [group * depth, perGroup, ...dims.map((d) => d.kernel)], -1, 1),
          seed % 3 === 0 ? null : randomTensor(seed + 2, dtype, [filters]),
        ],
        outputs: [{ dtype, shape: [batch, filters, ...dims.map((d) => d.output)] }],
        attrs: {
          strides: dims.map((d) => d.stride),
          dilations: dims.map((d) => d.dilation),
          pads: [...dims.map((d) => d.before), ...dims.map((d) => d.after)],
          group,
        },
      });
    }
  });
});
