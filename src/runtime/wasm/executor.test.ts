/** Single operators on the wasm executor against the reference kernels: TensorFlow.js's, ours, and who gets which. */
import { expect, test } from "vitest";
import { builder, type AttrValue } from "../../../models/builder.ts";
import { compareTensors } from "../../conformance/compare.ts";
import { compile, executePlan, readModel } from "../../index.ts";
import { makeTensor } from "../../kernels/access.ts";
import { encodeModel } from "../../onnx/encode.ts";
import { ownStep } from "./own/steps.ts";
import { tfjsCall } from "./tfjs-kernels.ts";

interface Case {
  readonly op: string;
  /** Operands that change every run, then weights. */
  readonly inputs: readonly (readonly number[])[];
  readonly weights?: readonly (readonly number[])[];
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly output: readonly number[];
  /** Kernel of ours or of TensorFlow.js that must have computed it. */
  readonly by: "own" | "tfjs";
}

const float = (value: number): AttrValue => ({ float: value });

const CASES: readonly Case[] = [
  ...[1, 3, 4, 7, 130].flatMap((n): Case[] =>
    ["Gelu", "Sigmoid", "Tanh", "Erf"].map((op) => ({ op, inputs: [[3, n]], output: [3, n], by: "own" })),
  ),
  { op: "Gelu", inputs: [[5, 9]], attrs: { approximate: "tanh" }, output: [5, 9], by: "own" },
  ...[1, 5, 64, 131].flatMap((n): Case[] => [
    {
      op: "LayerNormalization",
      inputs: [[2, 3, n]],
      weights: [[n], [n]],
      attrs: { axis: -1, epsilon: float(1e-3) },
      output: [2, 3, n],
      by: "own",
    },
    {
      op: "LayerNormalization",
      inputs: [[4, n]],
      weights: [[n]],
      attrs: { axis: 1, epsilon: float(1e-3) },
      output: [4, n],
      by: "own",
    },
  ]),
  {
    op: "GroupNormalization",
    inputs: [[2, 6, 5, 3]],
    weights: [[6], [6]],
    attrs: { num_groups: 3, epsilon: float(1e-3) },
    output: [2, 6, 5, 3],
    by: "own",
  },
  { op: "InstanceNormalization", inputs: [[2, 3, 4, 7]], weights: [[3], [3]], output: [2, 3, 4, 7], by: "own" },
  // Products of what changes every run: TensorFlow.js would keep the first right operand.
  ...(
    [
      [
        [5, 7],
        [7, 9],
        [5, 9],
      ],
      [
        [1, 16],
        [16, 33],
        [1, 33],
      ],
      [
        [4, 8],
        [8, 8],
        [4, 8],
      ],
      [
        [2, 3, 6, 5],
        [2, 3, 5, 13],
        [2, 3, 6, 13],
      ],
      [
        [2, 1, 6, 5],
        [1, 3, 5, 4],
        [2, 3, 6, 4],
      ],
      [
        [3, 6, 5],
        [5, 4],
        [3, 6, 4],
      ],
      [
        [1, 1, 3],
        [3, 1],
        [1, 1, 1],
      ],
    ] as const
  ).map(([a, b, output]): Case => ({ op: "MatMul", inputs: [a, b], output, by: "own" })),
  { op: "MatMul", inputs: [[3, 6, 5]], weights: [[5, 4]], output: [3, 6, 4], by: "tfjs" },
  { op: "Gemm", inputs: [[3, 6]], weights: [[6, 5], [5]], output: [3, 5], by: "tfjs" },
  ...[1, 2, 5].flatMap((m): Case[] =>
    [3, 4, 9, 64].map((k) => ({
      op: "Gemm",
      inputs: [[m, k]],
      weights: [[7, k], [7]],
      attrs: { transB: 1, alpha: float(0.5) },
      output: [m, 7],
      by: "own",
    })),
  ),
  // Right operands that change every run, which TensorFlow.js would pack once.
  ...[0, 1].flatMap((transA): Case[] =>
    [1, 2, 6].map((m) => ({
      op: "Gemm",
      inputs: [transA === 1 ? [5, m] : [m, 5], [5, 11], [11]],
      attrs: { transA },
      output: [m, 11],
      by: "own",
    })),
  ),
  {
    op: "Gemm",
    inputs: [
      [3, 5],
      [5, 7],
    ],
    output: [3, 7],
    by: "own",
  },
  {
    op: "ConvTranspose",
    inputs: [[2, 6, 5, 4]],
    weights: [[6, 3, 2, 2], [3]],
    attrs: { strides: [2, 2], kernel_shape: [2, 2] },
    output: [2, 3, 10, 8],
    by: "own",
  },
  {
    op: "ConvTranspose",
    inputs: [[1, 4, 5, 4]],
    weights: [[4, 3, 3, 2]],
    attrs: { strides: [2, 1], kernel_shape: [3, 2], dilations: [2, 1], group: 2, pads: [1, 0, 1, 1] },
    output: [1, 6, 11, 4],
    by: "own",
  },
  // Image operators become channels-last between two convolutions only: alone they would stay as they are.
  ...[
    { kernel: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1], dilations: [1, 1], group: 2, out: [2, 6, 7, 5] },
    { kernel: [1, 1], pads: [0, 0, 0, 0], strides: [1, 1], dilations: [1, 1], group: 3, out: [2, 6, 7, 5] },
    { kernel: [2, 3], pads: [1, 1, 0, 3], strides: [1, 1], dilations: [1, 2], group: 2, out: [2, 6, 7, 5] },
  ].map(({ kernel, pads, strides, dilations, group, out }): Case => ({
    op: "Conv",
    inputs: [[2, 6, 7, 5]],
    weights: [[out[1]!, 6 / group, ...kernel], [out[1]!]],
    attrs: { kernel_shape: kernel, pads, strides, dilations, group },
    output: out,
    by: "own",
  })),
  {
    op: "Conv",
    inputs: [[2, 6, 31]],
    weights: [[4, 3, 5], [4]],
    attrs: { kernel_shape: [5], pads: [2, 1], strides: [2], group: 2 },
    output: [2, 4, 15],
    by: "own",
  },
  { op: "Softmax", inputs: [[2, 5, 7]], attrs: { axis: 1 }, output: [2, 5, 7], by: "own" },
  { op: "Softmax", inputs: [[2, 5, 7]], attrs: { axis: 2 }, output: [2, 5, 7], by: "tfjs" },
  ...["Neg", "Abs", "Exp"].map((op): Case => ({ op, inputs: [[3, 7]], output: [3, 7], by: "own" })),
  {
    op: "Concat",
    inputs: [
      [3, 2],
      [3, 5],
    ],
    attrs: { axis: 1 },
    output: [3, 7],
    by: "own",
  },
  ...[5, 4, 1].map((size): Case => ({
    op: "LRN",
    inputs: [[2, 7, 3, 5]],
    attrs: { size, alpha: float(0.1), beta: float(0.75), bias: float(1) },
    output: [2, 7, 3, 5],
    by: "own",
  })),
  {
    op: "Sum",
    inputs: [
      [2, 3, 4],
      [2, 3, 4],
    ],
    output: [2, 3, 4],
    by: "tfjs",
  },
  { op: "ConvTranspose", inputs: [[2, 3, 7]], weights: [[3, 2, 3]], output: [2, 2, 9], by: "own" },
];

test.each(
  CASES.map((one) => [`${one.op} ${JSON.stringify(one.inputs)} ${JSON.stringify(one.weights ?? [])}`, one] as const),
)("%s", async (_, { op, inputs, weights = [], attrs = {}, output, by }) => {
  const b = builder({ weights: "seeded", seed: 3 });
  const operands = [
    ...inputs.map((shape, i) => b.input(`x${i}`, "float", shape)),
    ...weights.map((shape, i) => b.weight(`w${i}`, shape)),
  ];
  b.output("y", b.op(op, operands, "node", attrs), "float", output);
  const model = await readModel(encodeModel(b.finish("one")));
  const { plan } = await compile(model, { target: "tfjs-wasm" });
  const step = plan.steps.find((one) => one.kind === "kernel" && one.kernel !== "Transpose")!;
  if (step.kind === "kernel") {
    const shape = {
      inputs: step.reads.map((id) => plan.values[id]!),
      outputs: step.writes.map((id) => plan.values[id]!).filter(({ kind }) => kind !== "temporary"),
      attrs: new Map(step.attrs.map(({ name, value }) => [name, value])),
    };
    expect(by === "own" ? ownStep(step.kernel, shape) : tfjsCall(step.kernel, shape)).toBeDefined();
  }
  // Twice with other inputs: nothing of the first run may be left.
  for (const seed of [1, 2]) {
    const wasm = await executePlan(plan, { model, backend: "wasm", seed, repeat: 2, check: true });
    const cpu = await executePlan(plan, { model, backend: "cpu", seed });
    expect(wasm.check).toMatchObject({ equal: true });
    expect(wasm.steadyAllocations).toBe(0);
    const message = compareTensors("y", wasm.outputs[0]!.tensor, cpu.outputs[0]!.tensor, { rtol: 2e-6, atol: 2e-6 });
    expect(message?.message).toBeUndefined();
  }
});

test.each([
  { pads: [0, 0, 0, 0], count: 0, strides: [2, 2], size: 4 },
  { pads: [1, 1, 1, 1], count: 0, strides: [1, 2], size: 8 },
  { pads: [1, 1, 1, 1], count: 1, strides: [2, 2], size: 4 },
])("a channels-last network with what stands between convolutions: %o", async ({ pads, count, strides, size }) => {
  const b = builder({ weights: "seeded", seed: 5 });
  const conv = (x: string, name: string, from: number, to: number, group: number, stride = 1): string =>
    b.op("Conv", [x, b.weight(`${name}.w`, [to, from / group, 3, 3])], name, {
      kernel_shape: [3, 3],
      pads: [1, 1, 1, 1],
      strides: [stride, stride],
      group,
    });
  let x = b.op("Relu", [conv(b.input("x", "float", [1, 3, 16, 16]), "a", 3, 32, 1, 2)], "relu");
  x = b.op(
    "BatchNormalization",
    [x, ...["scale", "bias", "mean"].map((name) => b.weight(name, [32])), b.weight("variance", [32], "ones")],
    "norm",
    { epsilon: float(1e-3) },
  );
  x = b.op("AveragePool", [x], "pool", {
    kernel_shape: pads[0] === 0 ? [2, 2] : [3, 3],
    strides,
    pads,
    count_include_pad: count,
  });
  x = conv(b.op("Relu", [conv(x, "b", 32, 12, 4)], "relu2"), "c", 12, 5, 1);
  b.output("y", x, "float", [1, 5, size, 4]);
  const model = await readModel(encodeModel(b.finish("network")));
  const { plan } = await compile(model, { target: "tfjs-wasm" });
  const kernels = plan.steps.map((step) => (step.kind === "kernel" ? step.kernel : ""));
  expect(kernels).toContain("AveragePoolNHWC");
  expect(kernels).toContain("BatchNormalizationNHWC");
  const wasm = await executePlan(plan, { model, repeat: 2, check: true });
  const cpu = await executePlan(plan, { model, backend: "cpu" });
  expect(wasm.check).toMatchObject({ equal: true });
  expect(wasm.steadyAllocations).toBe(0);
  const message = compareTensors("y", wasm.outputs[0]!.tensor, cpu.outputs[0]!.tensor, { rtol: 2e-6, atol: 2e-6 });
  expect(message?.message).toBeUndefined();
});

test("one loaded plan takes a new right operand every run", async () => {
  const b = builder({ weights: "seeded", seed: 3 });
  b.output(
    "y",
    b.op("MatMul", [b.input("a", "float", [2, 3]), b.input("b", "float", [3, 2])], "node"),
    "float",
    [2, 2],
  );
  const model = await readModel(encodeModel(b.finish("two")));
  const { plan } = await compile(model, { target: "tfjs-wasm" });
  const { wasmExecutor } = await import("./executor.ts");
  const executable = await wasmExecutor.load(plan, { constant: () => new Uint8Array() });
  const tensor = (shape: readonly number[], value: number) => {
    const made = makeTensor("float32", shape);
    (made.data as Float32Array).fill(value);
    return made;
  };
  for (const value of [1, 2, 3]) {
    const [y] = await executable.run([tensor([2, 3], 1), tensor([3, 2], value)]);
    expect([...(y!.data as Float32Array)]).toEqual(Array.from({ length: 4 }, () => 3 * value));
  }
  executable.dispose();
});
