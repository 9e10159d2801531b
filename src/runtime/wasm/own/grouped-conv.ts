/**
 * Channels-last convolution with groups, which TensorFlow.js does not have: for each tap of the filter, a
 * product of the line of inputs that it meets with the tap's weights, added to the line of results.
 */
import { ints } from "../tfjs-kernels.ts";
import type { OwnSelector } from "./steps.ts";

const FLOAT = 4;

/** attrs: strides, pads, dilations, group, activation. Operands: x [N, H, W, C], w [kh, kw, C / group, M], bias [M]. */
export const groupedConv: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, w, bias] = inputs;
  const y = outputs[0];
  const [strides, pads, dilations] = ["strides", "pads", "dilations"].map((name) => ints(attrs, name));
  const group = Number(attrs.get("group"));
  const activation = String(attrs.get("activation") ?? "none");
  if (!x || !w || !y || !strides || !pads || !dilations || x.shape.length !== 4) return undefined;
  if (group === 1 || group === x.shape[3] || !["none", "relu"].includes(activation)) return undefined;
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [kh, kw, depth, filters] = w.shape as [number, number, number, number];
  const [, rows, columns] = y.shape as [number, number, number, number];
  const each = filters / group;
  /** Products: byte offsets in x, w and y, and how many results of a line. */
  const products: [number, number, number, number][] = [];
  for (let n = 0; n < batch; n++)
    for (let r = 0; r < rows; r++)
      for (let i = 0; i < kh; i++) {
        const line = r * strides[0]! - pads[0]! + i * dilations[0]!;
        if (line < 0 || line >= height) continue;
        for (let j = 0; j < kw; j++) {
          // Results whose window has this tap inside the line.
          const shift = j * dilations[1]! - pads[1]!;
          const first = Math.max(0, Math.ceil(-shift / strides[1]!));
          const last = Math.min(columns - 1, Math.floor((width - 1 - shift) / strides[1]!));
          if (first > last) continue;
          const from = ((n * height + line) * width + first * strides[1]! + shift) * channels;
          products.push([
            FLOAT * from,
            FLOAT * (i * kw + j) * depth * filters,
            FLOAT * ((n * rows + r) * columns + first) * filters,
            last - first + 1,
          ]);
        }
      }
  const positions = batch * rows * columns;
  return {
    scratch: [],
    bind({ functions, input, output, heap }) {
      const f = functions["addProduct"]!;
      const [xAt, wAt, yAt] = [input(0), input(1), output(0)];
      const result = new Float32Array(heap, yAt, positions * filters);
      const shift = bias ? new Float32Array(heap, input(2), filters) : undefined;
      const [aRow, wide] = [FLOAT * strides[1]! * channels, FLOAT * filters];
      return () => {
        if (shift === undefined) result.fill(0);
        else for (let p = 0; p < positions; p++) result.set(shift, p * filters);
        for (const [p, q, r, count] of products)
          for (let g = 0; g < group; g++)
            f(
              xAt + p + FLOAT * g * depth,
              wAt + q + FLOAT * g * each,
              yAt + r + FLOAT * g * each,
              count,
              each,
              depth,
              aRow,
              FLOAT,
              wide,
              wide,
            );
        if (activation === "relu") for (let i = 0; i < result.length; i++) result[i] = Math.max(0, result[i]!);
      };
    },
  };
};
