import * as core from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { makeTensor } from "../../kernels/access.ts";
import { tfjsCall } from "../wasm/tfjs-kernels.ts";
import { tensorflowCall } from "./calls.ts";

const tensor = (shape: number[]) => makeTensor("float32", shape);

test("a pool goes to TensorFlow as valid or same exactly where tfjs-core finds the same padding", () => {
  const kernel = fc.constantFrom("MaxPoolNHWC", "AveragePoolNHWC");
  const small = fc.integer({ min: 0, max: 2 });
  const window = fc.integer({ min: 1, max: 4 });
  const size = fc.integer({ min: 4, max: 9 });
  fc.assert(
    fc.property(kernel, size, size, window, window, fc.tuple(small, small, small, small), (name, h, w, k, s, pads) => {
      const [top, left, bottom, right] = pads;
      const out = [h + top + bottom, w + left + right].map((full) => Math.floor((full - k) / s) + 1);
      const attrs = new Map<string, readonly number[]>([
        ["kernel_shape", [k, k]],
        ["strides", [s, s]],
        ["pads", pads],
      ]);
      const step = {
        inputs: [tensor([1, h, w, 2])],
        outputs: [tensor([1, out[0]!, out[1]!, 2])],
        attrs: attrs as never,
      };
      const call = tensorflowCall(name, step);
      // A window of one element is left to the reference kernel.
      expect(tfjsCall(name, step) !== undefined).toBe(k > 1);
      if (k === 1) return;
      const fits = (["valid", "same"] as const).some((pad) => {
        const { padInfo } = core.backend_util.computePool2DInfo([1, h, w, 2], k, s, 1, pad);
        return padInfo.top === top && padInfo.bottom === bottom && padInfo.left === left && padInfo.right === right;
      });
      expect(call !== undefined).toBe(fits);
      if (call === undefined) return;
      const { pad } = call.attrs as { pad: "valid" | "same" };
      const info = core.backend_util.computePool2DInfo([1, h, w, 2], k, s, 1, pad);
      expect(info.padInfo).toMatchObject({ top, left, bottom, right });
      expect(info.outShape).toEqual(call.output);
    }),
    { numRuns: 500 },
  );
});

test.each([
  [[1, 1], [1, 1], true],
  [[2, 2], [1, 1], true],
  [[1, 2], [1, 1], false],
  [[1, 1], [2, 2], false],
])("depthwise with strides %j and dilations %j: %s", (strides, dilations, native) => {
  const attrs = new Map<string, unknown>([
    ["strides", strides],
    ["pads", [1, 1, 1, 1]],
    ["dilations", dilations],
    ["group", 4],
  ]);
  const step = {
    inputs: [tensor([1, 8, 8, 4]), tensor([3, 3, 1, 4])],
    outputs: [tensor([1, 4, 4, 4])],
    attrs: attrs as never,
  };
  expect(tensorflowCall("ConvNHWC", step)?.kernel).toBe(native ? "FusedDepthwiseConv2D" : undefined);
});
