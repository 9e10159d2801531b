/**
 * Transposed convolution of any rank, groups and dilations: a matrix product into a panel (what each
 * input element gives to each tap of the filter), then each tap added where it falls.
 */
import { sizeOf } from "../../../kernels/access.ts";
import { ints } from "../tfjs-kernels.ts";
import type { OwnSelector } from "./steps.ts";

const FLOAT = 4;
/** Bytes of the panel, at least one filter's: it should stay in the cache. */
const PANEL = 256 * 1024;

/** attrs: strides, pads, dilations, group. Operands: x [N, C, ...], w [C, M / group, ...], bias [M]. */
export const convTranspose: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, w, bias] = inputs;
  const y = outputs[0];
  const [strides, pads, dilations] = ["strides", "pads", "dilations"].map((name) => ints(attrs, name));
  if (!x || !w || !y || !strides || !pads || !dilations) return undefined;
  const group = Number(attrs.get("group"));
  const [batch, channels, ...input] = x.shape as [number, number, ...number[]];
  const [, perGroup, ...kernel] = w.shape as [number, number, ...number[]];
  const output = y.shape.slice(2);
  const plane = sizeOf(input);
  const taps = sizeOf(kernel);
  const positions = sizeOf(output);
  const depth = channels / group;
  const filters = Math.max(1, Math.min(perGroup, Math.floor(PANEL / (FLOAT * taps * plane))));
  return {
    scratch: [{ dtype: "float32", shape: [filters, taps, plane] }],
    bind({ functions, input: inputAt, output: outputAt, scratch, heap }) {
      const product = functions["product"]!;
      const landing = landings(input, kernel, output, strides, pads, dilations);
      const result = new Float32Array(heap, outputAt(0), sizeOf(y.shape));
      const panel = new Float32Array(heap, scratch(0), filters * taps * plane);
      const shift = bias ? new Float32Array(heap, inputAt(2), perGroup * group) : undefined;
      const [xAt, wAt] = [inputAt(0), inputAt(1)];
      const wRow = FLOAT * perGroup * taps;
      return () => {
        for (let image = 0; image < batch; image++)
          for (let g = 0; g < group; g++)
            for (let first = 0; first < perGroup; first += filters) {
              const count = Math.min(filters, perGroup - first);
              const from = xAt + FLOAT * (image * channels + g * depth) * plane;
              const by = wAt + wRow * g * depth + FLOAT * first * taps;
              // The filters stand as columns of w: a transposed operand.
              product(by, from, scratch(0), count * taps, plane, depth, FLOAT, wRow, FLOAT * plane, FLOAT * plane);
              for (let f = 0; f < count; f++) {
                const m = g * perGroup + first + f;
                const to = (image * perGroup * group + m) * positions;
                result.fill(shift === undefined ? 0 : shift[m]!, to, to + positions);
                scatter(result, to, panel, f * taps * plane, landing);
              }
            }
      };
    },
  };
};

function scatter(result: Float32Array, to: number, panel: Float32Array, from: number, landing: Int32Array): void {
  for (let i = 0; i < landing.length; i++) {
    const at = landing[i]!;
    if (at >= 0) result[to + at] = result[to + at]! + panel[from + i]!;
  }
}

/** For each tap and input position, the output position that it adds to; -1 outside. */
function landings(
  input: readonly number[],
  kernel: readonly number[],
  output: readonly number[],
  strides: readonly number[],
  pads: readonly number[],
  dilations: readonly number[],
): Int32Array {
  const plane = sizeOf(input);
  const taps = sizeOf(kernel);
  const landing = new Int32Array(taps * plane);
  const indexOf = (flat: number, shape: readonly number[]): number[] => {
    const index: number[] = [];
    let rest = flat;
    for (let d = shape.length - 1; d >= 0; d--) {
      index.unshift(rest % shape[d]!);
      rest = Math.floor(rest / shape[d]!);
    }
    return index;
  };
  for (let t = 0; t < taps; t++) {
    const tap = indexOf(t, kernel);
    for (let p = 0; p < plane; p++) {
      const at = indexOf(p, input).map((i, d) => i * strides[d]! + tap[d]! * dilations[d]! - pads[d]!);
      const inside = at.every((o, d) => o >= 0 && o < output[d]!);
      landing[t * plane + p] = inside ? at.reduce((flat, o, d) => flat * output[d]! + o, 0) : -1;
    }
  }
  return landing;
}
