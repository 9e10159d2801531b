import { describe, expect, test } from "vitest";
import { tensorOf } from "../../kernels/access.ts";
import { differsFromRuntime, randomTensor, runOperator, type OperatorCase } from "./runtime-differential.test-util.ts";

const [steps, batch, width, hidden] = [5, 3, 4, 6];

interface Variant {
  readonly title: string;
  readonly op: "LSTM" | "GRU" | "RNN";
  readonly direction?: string;
  readonly layout?: number;
  readonly parts?: readonly ("bias" | "lengths" | "h" | "c" | "peepholes")[];
  readonly lengths?: readonly number[];
  readonly attributes?: Pick<OperatorCase, "ints" | "floats" | "strings">;
}

function variantCase({
  op,
  direction = "forward",
  layout = 0,
  parts = [],
  lengths = [2, 5, 3],
  attributes = {},
}: Variant): OperatorCase {
  const gates = { LSTM: 4, GRU: 3, RNN: 1 }[op];
  const directions = direction === "bidirectional" ? 2 : 1;
  const state = layout === 1 ? [batch, directions, hidden] : [directions, batch, hidden];
  const has = (part: NonNullable<Variant["parts"]>[number]): boolean => parts.includes(part);
  return {
    op,
    opset: 14,
    ints: { hidden_size: hidden, ...(layout === 1 && { layout }), ...attributes.ints },
    floats: attributes.floats ?? {},
    strings: { direction, ...attributes.strings },
    inputs: [
      randomTensor(layout === 1 ? [batch, steps, width] : [steps, batch, width], 1),
      randomTensor([directions, gates * hidden, width], 2),
      randomTensor([directions, gates * hidden, hidden], 3),
      has("bias") ? randomTensor([directions, 2 * gates * hidden], 4) : null,
      has("lengths") ? tensorOf("int32", [batch], lengths) : null,
      has("h") ? randomTensor(state, 5) : null,
      ...(op === "LSTM"
        ? [
            has("c") ? randomTensor(state, 6) : null,
            has("peepholes") ? randomTensor([directions, 3 * hidden], 7) : null,
          ]
        : []),
    ],
    outputs: op === "LSTM" ? ["float32", "float32", "float32"] : ["float32", "float32"],
  };
}

const all = ["bias", "lengths", "h", "c", "peepholes"] as const;
const variants: readonly Variant[] = [
  ...(["LSTM", "GRU", "RNN"] as const).flatMap((op): Variant[] => [
    { title: `${op} plain`, op },
    { title: `${op} reverse with lengths`, op, direction: "reverse", parts: all },
    { title: `${op} bidirectional with everything`, op, direction: "bidirectional", parts: all },
    { title: `${op} bidirectional without lengths`, op, direction: "bidirectional", parts: ["bias", "h"] },
  ]),
  { title: "GRU linear before reset", op: "GRU", parts: all, attributes: { ints: { linear_before_reset: 1 } } },
  { title: "GRU clip", op: "GRU", parts: all, attributes: { floats: { clip: 0.3 } } },
  { title: "LSTM clip", op: "LSTM", parts: all, attributes: { floats: { clip: 0.3 } } },
  { title: "RNN clip", op: "RNN", parts: all, attributes: { floats: { clip: 0.3 } } },
  { title: "LSTM a row without steps", op: "LSTM", parts: all, lengths: [0, 5, 1] },
  { title: "GRU a row without steps", op: "GRU", direction: "bidirectional", parts: all, lengths: [0, 5, 1] },
  { title: "RNN a row without steps", op: "RNN", parts: all, lengths: [0, 5, 1] },
  { title: "LSTM coupled gates", op: "LSTM", parts: ["bias", "h", "c"], attributes: { ints: { input_forget: 1 } } },
  {
    title: "LSTM other activations",
    op: "LSTM",
    parts: all,
    attributes: {
      strings: { activations: ["HardSigmoid", "Softsign", "Relu"] },
      floats: { activation_alpha: [0.3], activation_beta: [0.4] },
    },
  },
  {
    title: "RNN with activations of two directions",
    op: "RNN",
    direction: "bidirectional",
    parts: all,
    attributes: {
      strings: { activations: ["LeakyRelu", "Affine"] },
      floats: { activation_alpha: [0.2, 0.7], activation_beta: [0.1] },
    },
  },
];

describe("recurrent networks agree with ONNX Runtime", () => {
  test.each(variants)("$title", async (variant) => {
    expect(await differsFromRuntime(variantCase(variant))).toBeUndefined();
  });
});

test.each(["LSTM", "GRU", "RNN"] as const)("%s: layout 1 is layout 0 with batch and time swapped", async (op) => {
  // ONNX Runtime refuses layout 1 in some versions: compare with ourselves instead.
  const first = variantCase({ title: "", op, parts: ["bias", "lengths"], direction: "bidirectional" });
  const second = variantCase({ title: "", op, parts: ["bias", "lengths"], direction: "bidirectional", layout: 1 });
  const x = first.inputs[0]!;
  const swapped = tensorOf(
    "float32",
    [batch, steps, width],
    Array.from({ length: batch * steps * width }, (_, i) => {
      const [b, t, d] = [Math.floor(i / (steps * width)), Math.floor(i / width) % steps, i % width];
      return Number(x.data[(t * batch + b) * width + d]);
    }),
  );
  const [y0] = await runOperator(first);
  const [y1] = await runOperator({ ...second, inputs: [swapped, ...second.inputs.slice(1)] });
  expect(y1!.shape).toEqual([batch, steps, 2, hidden]);
  for (let t = 0; t < steps; t++)
    for (let d = 0; d < 2; d++)
      for (let b = 0; b < batch; b++)
        for (let i = 0; i < hidden; i++)
          expect(y1!.data[((b * steps + t) * 2 + d) * hidden + i]).toBe(
            y0!.data[((t * 2 + d) * batch + b) * hidden + i],
          );
});
