/** LSTM of every direction and layout against the reference kernel. */
import { assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import type { AttrValue } from "../../../ir/types.ts";
import { checkOwn, pick, random, randomTensor } from "./check-own.test-util.ts";
import { ownStep } from "./steps.ts";

const attrsOf = (directions: number, more: Readonly<Record<string, AttrValue>>): Record<string, AttrValue> => ({
  kind: "LSTM",
  activations: Array.from({ length: directions }, () => ["Sigmoid", "Tanh", "Tanh"]).flat(),
  alphas: Array.from({ length: 3 * directions }, () => 0),
  betas: Array.from({ length: 3 * directions }, () => 0),
  clip: "inf",
  inputForget: 0,
  ...more,
});

test("directions, layouts, biases, initial states", () => {
  assert(
    property(integer({ min: 0, max: 2 ** 30 }), (seed) => {
      const next = random(seed);
      const direction = pick(next, ["forward", "reverse", "bidirectional"] as const);
      const directions = direction === "bidirectional" ? 2 : 1;
      const [steps, batches] = [pick(next, [1, 2, 7]), pick(next, [1, 2, 3])];
      const [width, hidden] = [pick(next, [1, 3, 8, 17]), pick(next, [1, 2, 5, 8, 24])];
      const layout = pick(next, [0, 1]);
      const state = layout === 1 ? [batches, directions, hidden] : [directions, batches, hidden];
      const floats = (shape: readonly number[]) => randomTensor(next, "float32", shape);
      const maybe = (shape: readonly number[]) => (next() < 0.5 ? floats(shape) : null);
      const type = (shape: readonly number[]) => (next() < 0.8 ? ({ dtype: "float32", shape } as const) : null);
      checkOwn(
        {
          kernel: "LSTM",
          inputs: [
            floats(layout === 1 ? [batches, steps, width] : [steps, batches, width]),
            floats([directions, 4 * hidden, width]),
            floats([directions, 4 * hidden, hidden]),
            maybe([directions, 8 * hidden]),
            null,
            maybe(state),
            maybe(state),
            null,
          ],
          outputs: [
            type(layout === 1 ? [batches, steps, directions, hidden] : [steps, directions, batches, hidden]),
            type(state),
            type(state),
          ],
          scratch: [{ dtype: "float64", shape: [width + 6 * hidden] }],
          attrs: attrsOf(directions, { hidden, layout, direction }),
        },
        5e-6,
        5e-6,
      );
    }),
    { numRuns: 250 },
  );
});

test("lengths, clipping, peepholes and other activations stay with the reference kernel", () => {
  const of = (...shape: number[]) => ({ dtype: "float32", shape }) as const;
  const attrs = attrsOf(1, { hidden: 2, layout: 0, direction: "forward" });
  const call = (inputs: readonly ReturnType<typeof of>[], more: Readonly<Record<string, AttrValue>> = {}) =>
    ownStep("LSTM", { inputs, outputs: [of(1, 1, 1, 2)], attrs: new Map(Object.entries({ ...attrs, ...more })) });
  const operands = [of(1, 1, 3), of(1, 8, 3), of(1, 8, 2)];
  expect(call(operands)).toBeDefined();
  expect(call([...operands, of(1, 16), of(1)])).toBeUndefined();
  expect(call([...operands, of(1, 16), of(1), of(1, 1, 2), of(1, 1, 2), of(1, 6)])).toBeUndefined();
  expect(call(operands, { clip: 2 })).toBeUndefined();
  expect(call(operands, { inputForget: 1 })).toBeUndefined();
  expect(call(operands, { activations: ["Sigmoid", "Relu", "Tanh"] })).toBeUndefined();
});
