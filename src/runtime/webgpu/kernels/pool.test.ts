import { describe } from "vitest";
import type { DType } from "../../../ir/dtype.ts";
import type { AttrValue } from "../../../ir/types.ts";
import { tensorOf } from "../../../kernels/access.ts";
import { deviceTest, expectEqual, random, randomTensor, share } from "./random-tensor.test-util.ts";

interface PoolCase {
  readonly attrs: Record<string, AttrValue>;
  readonly input: readonly number[];
  readonly output: readonly number[];
}

/** Random windows in which every position has a tap inside. */
function poolCase(next: () => number, rank: number): PoolCase {
  const below = (n: number): number => Math.floor(next() * n);
  const dims = Array.from({ length: rank }, () => {
    const [kernel, stride, dilation] = [1 + below(3), 1 + below(3), 1 + below(2)];
    const reach = (kernel - 1) * dilation + 1;
    // The first and last taps of a window must not all be in the padding.
    const [before, after] = [below(kernel), below(kernel)].map((pad) => (dilation === 1 ? pad : 0)) as [number, number];
    const input = reach + below(9);
    const output = Math.floor((input + before + after - reach) / stride) + 1;
    return { kernel, stride, dilation, before, after, input, output };
  });
  return {
    attrs: {
      kernel_shape: dims.map((d) => d.kernel),
      strides: dims.map((d) => d.stride),
      pads: [...dims.map((d) => d.before), ...dims.map((d) => d.after)],
      dilations: dims.map((d) => d.dilation),
    },
    input: dims.map((d) => d.input),
    output: dims.map((d) => d.output),
  };
}

const CASES = Number(process.env["STRATA_WGSL_CASES"] ?? 8);

const shapesOf = (one: PoolCase, last: boolean, batch: number, channels: number) => {
  const shape = (dims: readonly number[]) => (last ? [batch, ...dims, channels] : [batch, channels, ...dims]);
  return { x: shape(one.input), y: shape(one.output) };
};

describe("pools over windows", () => {
  for (const last of [false, true])
    deviceTest(last ? "channels last" : "channels first", async () => {
      for (let seed = 1; seed <= CASES; seed++) {
        const next = random(seed);
        const dtype: DType = (["float32", "float16", "bfloat16", "float32"] as const)[seed % 4]!;
        const one = poolCase(next, last ? 2 : 1 + (seed % 3));
        const { x: shape, y } = shapesOf(one, last, 1 + (seed % 2), [1, 3, 4, 8][seed % 4]!);
        const x = randomTensor(seed, dtype, shape, -3, 3);
        const suffix = last ? "NHWC" : "";
        for (const count_include_pad of [seed % 8 < 4])
          await expectEqual({
            kernel: `AveragePool${suffix}`,
            inputs: [x],
            outputs: [{ dtype, shape: y }],
            attrs: { ...one.attrs, count_include_pad },
          });
        const indices = { dtype: "int64" as const, shape: y };
        const forms = [
          [[{ dtype, shape: y }, null], false],
          [[{ dtype, shape: y }, indices], false],
          [[null, indices], true],
        ] as const;
        for (const [outputs, column_major] of seed === 4 ? forms : [forms[seed % 3]!])
          await expectEqual({
            kernel: `MaxPool${suffix}`,
            inputs: [x],
            outputs,
            attrs: { ...one.attrs, column_major },
          });
        if (last) continue;
        for (const p of [1 + (seed % 3)])
          await expectEqual({
            kernel: "LpPool",
            inputs: [x],
            outputs: [{ dtype, shape: y }],
            attrs: { ...one.attrs, p },
          });
      }
    });

  deviceTest("integers and what is no number", async () => {
    const attrs = { kernel_shape: [2, 2], strides: [1, 1], pads: [0, 0, 1, 1], dilations: [1, 1], column_major: false };
    for (const dtype of ["int8", "uint8", "int32", "uint16"] as const)
      for (const kernel of ["MaxPool", "MaxPoolNHWC"]) {
        const x = randomTensor(3, dtype, [1, 5, 5, 5], dtype.startsWith("u") ? 0 : -100, 100);
        await expectEqual({ kernel, inputs: [x], outputs: [x, { dtype: "int64", shape: x.shape }], attrs });
      }
    const values = Array.from(
      { length: 4 * 25 },
      (_, i) => [i % 7, -Infinity, NaN, Infinity][i % 13 < 10 ? 0 : (i % 13) - 9]!,
    );
    for (const dtype of ["float32", "float16"] as const) {
      const x = tensorOf(dtype, [1, 4, 5, 5], values);
      await expectEqual({ kernel: "MaxPool", inputs: [x], outputs: [x, { dtype: "int64", shape: x.shape }], attrs });
      const last = tensorOf(dtype, [1, 5, 5, 4], values);
      await expectEqual({ kernel: "MaxPoolNHWC", inputs: [last], outputs: [last], attrs });
    }
  });
});

describe("global pools", () => {
  for (const dtype of ["float32", "float16", "bfloat16"] as const)
    deviceTest(dtype, async () => {
      const shapes = [
        [1, 1, 1],
        [2, 3, 5],
        [1, 5, 7, 7],
        [2, 4, 16, 24],
        [1, 3, 2, 3, 4],
        [1, 2, 90, 91],
      ] as const;
      for (const [seed, shape] of share(dtype, [...shapes.entries()])) {
        const x = randomTensor(seed, dtype, shape, -2, 3);
        const y = { dtype, shape: [shape[0], shape[1], ...shape.slice(2).map(() => 1)] };
        for (const kernel of ["GlobalAveragePool", "GlobalMaxPool"])
          await expectEqual({ kernel, inputs: [x], outputs: [y] });
        for (const p of seed === 3 ? [1, 2, 3] : [1 + (seed % 3)])
          await expectEqual({ kernel: "GlobalLpPool", inputs: [x], outputs: [y], attrs: { p } });
        const last = { dtype, shape: [shape[0], ...shape.slice(1, -1).map(() => 1), shape.at(-1)!] };
        await expectEqual({ kernel: "GlobalAveragePoolNHWC", inputs: [x], outputs: [last] });
      }
    });
});
