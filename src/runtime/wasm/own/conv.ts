/**
 * Channels-first convolution of any rank with groups and dilations: what the taps of some channels meet at
 * some positions is copied into a panel that stays in the cache, and the filters' product with it added
 * to the result. A filter of one tap that moves by one takes the input as its panel.
 */
import { sizeOf, stridesOf } from "../../../kernels/access.ts";
import { ints } from "../tfjs-kernels.ts";
import type { OwnSelector } from "./steps.ts";

const FLOAT = 4;
/** Bytes of a panel, at least eight columns. */
const PANEL = 32 * 1024;
/** Rows of a panel, at least one channel's taps: eight columns of them should stay in the first cache. */
const ROWS = 128;

interface Geometry {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

/** attrs: strides, pads, dilations, group. Operands: x [N, C, ...], w [M, C / group, ...], bias [M]. */
export const conv: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, w, bias] = inputs;
  const y = outputs[0];
  const [strides, pads, dilations] = ["strides", "pads", "dilations"].map((name) => ints(attrs, name));
  if (!x || !w || !y || !strides || !pads || !dilations) return undefined;
  const group = Number(attrs.get("group"));
  const [batch, channels, ...input] = x.shape as [number, number, ...number[]];
  const [filters, depth, ...kernel] = w.shape as [number, number, ...number[]];
  const geometry: Geometry = { input, output: y.shape.slice(2), kernel, strides, pads, dilations };
  const [plane, positions, taps] = [sizeOf(input), sizeOf(geometry.output), sizeOf(kernel)];
  const each = filters / group;
  const isPanel = taps === 1 && strides.every((step) => step === 1) && pads.every((pad) => pad === 0);
  const deep = Math.min(depth, Math.max(1, Math.floor(ROWS / taps)));
  const fitting = 8 * Math.max(1, Math.floor(PANEL / (FLOAT * deep * taps * 8)));
  const columns = isPanel ? positions : Math.min(positions, fitting);
  return {
    scratch: isPanel ? [] : [{ dtype: "float32", shape: [deep * taps, columns] }],
    bind({ functions, input: inputAt, output: outputAt, scratch, heap }) {
      const [product, copy] = [functions["addProduct"]!, functions["taps"]!];
      const result = new Float32Array(heap, outputAt(0), sizeOf(y.shape));
      const shift = bias ? new Float32Array(heap, inputAt(2), filters) : undefined;
      const [xAt, wAt, yAt, panel] = [inputAt(0), inputAt(1), outputAt(0), isPanel ? 0 : scratch(0)];
      const wRow = FLOAT * depth * taps;
      const row = FLOAT * columns;
      const step = FLOAT * strides.at(-1)!;
      const chunks = isPanel ? [] : chunksOf(geometry, positions, columns, row);

      const fill = (chunk: Int32Array, from: number, count: number): void => {
        for (let i = 0; i < chunk.length; i += LINE)
          copy(
            from + chunk[i]!,
            panel + chunk[i + 1]!,
            count,
            FLOAT * plane,
            row * taps,
            chunk[i + 2]!,
            chunk[i + 3]!,
            chunk[i + 4]!,
            step,
          );
      };
      /** Adds the product of a group's filters over some channels with what stands in the panel. */
      const multiply = (image: number, g: number, channel: number, count: number, by: number, first: number): void =>
        product(
          wAt + wRow * g * each + FLOAT * channel * taps,
          by,
          yAt + FLOAT * ((image * filters + g * each) * positions + first),
          each,
          Math.min(columns, positions - first),
          count * taps,
          wRow,
          FLOAT,
          row,
          FLOAT * positions,
        );
      return () => {
        for (let image = 0; image < batch; image++) {
          for (let m = 0; m < filters; m++) {
            const to = (image * filters + m) * positions;
            result.fill(shift === undefined ? 0 : shift[m]!, to, to + positions);
          }
          for (let g = 0; g < group; g++)
            for (let channel = 0; channel < depth; channel += deep) {
              const count = Math.min(deep, depth - channel);
              const from = xAt + FLOAT * (image * channels + g * depth + channel) * plane;
              if (isPanel) multiply(image, g, channel, count, from, 0);
              for (let c = 0; c < chunks.length; c++) {
                fill(chunks[c]!, from, count);
                multiply(image, g, channel, count, panel, c * columns);
              }
            }
        }
      };
    },
  };
};

/** Numbers of one copy into the panel: byte offsets in a channel of x and in the panel, then `taps`' before, valid and bytes. */
const LINE = 5;

/** The copies that fill the panel with each run of `columns` positions. */
function chunksOf(geometry: Geometry, positions: number, columns: number, row: number): Int32Array[] {
  const { input, output, kernel, strides, pads, dilations } = geometry;
  const last = input.length - 1;
  const [wide, width] = [output[last]!, input[last]!];
  const [kernelStrides, inputStrides, outputStrides] = [kernel, input, output].map(stridesOf) as [
    number[],
    number[],
    number[],
  ];
  const chunks: Int32Array[] = [];
  for (let first = 0; first < positions; first += columns) {
    const end = Math.min(positions, first + columns);
    const lines: number[] = [];
    for (let t = 0; t < sizeOf(kernel); t++) {
      const tap = kernel.map((size, d) => Math.floor(t / kernelStrides[d]!) % size);
      for (let from = first; from < end;) {
        const begin = from % wide;
        const to = Math.min(end, from - begin + wide);
        const count = to - from;
        let at = 0;
        let isInside = true;
        for (let d = 0; d < last; d++) {
          const o = Math.floor(from / outputStrides[d]!) % output[d]!;
          const i = o * strides[d]! - pads[d]! + tap[d]! * dilations[d]!;
          isInside &&= i >= 0 && i < input[d]!;
          at += i * inputStrides[d]!;
        }
        const shift = tap[last]! * dilations[last]! - pads[last]!;
        // Results, from the first of this run, whose tap lies inside the line.
        const low = Math.max(0, Math.ceil(-shift / strides[last]!) - begin);
        const high = Math.min(count, Math.floor((width - 1 - shift) / strides[last]!) + 1 - begin);
        const to0 = row * t + FLOAT * (from - first);
        if (isInside && low < high)
          lines.push(
            FLOAT * (at + (begin + low) * strides[last]! + shift),
            to0,
            FLOAT * low,
            FLOAT * high,
            FLOAT * count,
          );
        else lines.push(0, to0, FLOAT * count, 0, FLOAT * count);
        from = to;
      }
    }
    chunks.push(Int32Array.from(lines));
  }
  return chunks;
}
