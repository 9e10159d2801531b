import { describe, expect, test } from "vitest";
import { tensorOf } from "../../kernels/access.ts";
import { differsFromRuntime, randomInts, randomTensor, runOperator } from "./runtime-differential.test-util.ts";

const cases: readonly (readonly [string, readonly (readonly number[])[]])[] = [
  [
    "ij,jk->ik",
    [
      [3, 4],
      [4, 5],
    ],
  ],
  [
    "ij,jk",
    [
      [3, 4],
      [4, 5],
    ],
  ],
  [
    "bhid,bhjd->bhij",
    [
      [2, 3, 4, 5],
      [2, 3, 6, 5],
    ],
  ],
  [
    "...ij,...jk->...ik",
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
  ],
  ["i,j->ij", [[3], [4]]],
  ["ii->i", [[4, 4]]],
  ["ii", [[4, 4]]],
  ["...ii->...i", [[2, 3, 3]]],
  ["ij->", [[3, 4]]],
  [
    "ij,ij->",
    [
      [3, 4],
      [3, 4],
    ],
  ],
  [
    "ijk,jil->kl",
    [
      [2, 3, 4],
      [3, 2, 5],
    ],
  ],
  [
    "ij,jk,kl->il",
    [
      [2, 3],
      [3, 4],
      [4, 5],
    ],
  ],
  ["ij,k->ik", [[2, 3], [4]]],
  [
    " bi j , b j k -> k b i ",
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
  ],
  ["Aa,a->A", [[2, 3], [3]]],
  [
    "ij,jk->ik",
    [
      [3, 0],
      [0, 5],
    ],
  ],
];

describe("Einsum agrees with ONNX Runtime", () => {
  test.each(cases)("%s", async (equation, shapes) => {
    const inputs = shapes.map((shape, i) => randomTensor(shape, i + 1));
    expect(
      await differsFromRuntime({ op: "Einsum", strings: { equation }, inputs, outputs: ["float32"] }),
    ).toBeUndefined();
  });
});

test("64-bit integers are exact, and a product of three too", async () => {
  const big = tensorOf("int64", [2], [2 ** 53, 1]);
  const [sum] = await runOperator({
    op: "Einsum",
    strings: { equation: "i,i->" },
    inputs: [big, tensorOf("int64", [2], [1, 1])],
    outputs: ["int64"],
  });
  expect(sum!.data[0]).toBe(2n ** 53n + 1n);
  const small = randomInts([3, 3], 1, -9, 9, "int32");
  const [cubed] = await runOperator({
    op: "Einsum",
    strings: { equation: "ij,jk,kl->il" },
    inputs: [small, small, small],
    outputs: ["int32"],
  });
  const [squared] = await runOperator({ op: "MatMul", inputs: [small, small], outputs: ["int32"] });
  const [again] = await runOperator({ op: "MatMul", inputs: [squared!, small], outputs: ["int32"] });
  expect(cubed!.data).toEqual(again!.data);
});

test.each([
  [
    "ij,jk->il",
    [
      [2, 3],
      [3, 4],
    ],
    /stands in no operand/,
  ],
  [
    "ij,jk->ik",
    [
      [2, 3],
      [4, 4],
    ],
    /label 'j'/,
  ],
  ["ij->ij", [[2, 3, 4]], /rank 3/],
  ["ij->ji->ij", [[2, 3]], /more than one arrow/],
  ["ij,jk->ik", [[2, 3]], /2 terms for 1 operands/],
  ["ii->i", [[2, 3]], /label 'i'/],
  ["i->ii", [[2]], /stands twice/],
  ["i1->i", [[2, 2]], /malformed/],
] as const)("%s is refused", async (equation, shapes, message) => {
  const inputs = shapes.map((shape, i) => randomTensor(shape, i));
  await expect(runOperator({ op: "Einsum", strings: { equation }, inputs, outputs: ["float32"] })).rejects.toThrow(
    message,
  );
});

test("dims under an ellipsis broadcast", async () => {
  const [a, b] = [randomTensor([2, 1, 3, 4], 1), randomTensor([5, 4, 6], 2)];
  const [y] = await runOperator({
    op: "Einsum",
    strings: { equation: "...ij,...jk->...ik" },
    inputs: [a, b],
    outputs: ["float32"],
  });
  const [product] = await runOperator({ op: "MatMul", inputs: [a, b], outputs: ["float32"] });
  expect(y).toEqual(product);
});
