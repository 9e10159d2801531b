import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tensorOf, toNumbers } from "../../kernels/access.ts";
import { DATA, runCases } from "../backend-cases.test-util.ts";
import { randomTensor, runOperator, type OperatorCase } from "./runtime-differential.test-util.ts";

const domain = "ai.onnx.preview.training";

const hasData = existsSync(join(DATA, "node-other"));
if (!hasData) console.log("skipped: ONNX's training cases are not there");

test.runIf(hasData)("ONNX's own cases of the optimisers pass", async () => {
  const results = await runCases(
    /^test_(adam|adagrad|adagrad_multiple|adam_multiple|momentum|momentum_multiple|nesterov_momentum)$/,
    ["node-other"],
  );
  expect(results.failed).toEqual([]);
  expect(results.refused).toEqual([]);
  expect(results.passed.length).toBeGreaterThan(3);
});

const [rate, step] = [tensorOf("float32", [], [0.1]), tensorOf("int64", [], [0])];

const adam = (inputs: OperatorCase["inputs"]): OperatorCase => ({
  op: "Adam",
  domain,
  floats: { norm_coefficient: 0.01, norm_coefficient_post: 0.02 },
  inputs: [rate, step, ...inputs],
  outputs: Array.from({ length: (inputs.length / 4) * 3 }, () => "float32" as const),
});

test("one call on two tensors is two calls on one", async () => {
  const first = [1, 2, 3, 4].map((seed) => randomTensor([3], seed));
  const second = [5, 6, 7, 8].map((seed) => randomTensor([2, 2], seed));
  const squared = (tensors: typeof first): typeof first =>
    tensors.with(
      3,
      tensorOf(
        "float32",
        tensors[3]!.shape,
        toNumbers(tensors[3]!).map((x) => x ** 2),
      ),
    );
  const [a, b] = [squared(first), squared(second)];
  const both = await runOperator(adam(a.flatMap((tensor, g) => [tensor, b[g]!])));
  const apart = [await runOperator(adam(a)), await runOperator(adam(b))];
  [0, 1, 2].forEach((g) => {
    expect(both[2 * g]!.data).toEqual(apart[0]![g]!.data);
    expect(both[2 * g + 1]!.data).toEqual(apart[1]![g]!.data);
  });
});

test("Gradient and operands that do not fit are refused", async () => {
  const x = randomTensor([2], 1);
  const momentum: OperatorCase = {
    op: "Momentum",
    domain,
    floats: { alpha: 0.9, beta: 1, norm_coefficient: 0 },
    strings: { mode: "standard" },
    inputs: [rate, step, x, x, x],
    outputs: ["float32", "float32"],
  };
  await expect(
    runOperator({ op: "Gradient", domain, strings: { xs: ["x"], y: "y" }, inputs: [x], outputs: ["float32"] }),
  ).rejects.toThrow(/gradient graph/);
  await expect(runOperator({ ...momentum, inputs: [rate, step, x, x] })).rejects.toThrow(/3 groups/);
  await expect(runOperator({ ...momentum, inputs: [rate, step, x, randomTensor([3], 1), x] })).rejects.toThrow(
    /operand 3/,
  );
  await expect(runOperator({ ...momentum, strings: { mode: "other" } })).rejects.toThrow(/mode/);
});
