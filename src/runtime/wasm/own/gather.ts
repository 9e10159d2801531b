/** Gather and GatherElements of whole words, with ONNX's index rules: negative ones count from the end, others outside are refused. */
import { DTYPES } from "../../../ir/dtype.ts";
import { badData } from "../../../errors.ts";
import { forEachIndex, sizeOf, stridesOf } from "../../../kernels/access.ts";
import type { OwnSelector } from "./steps.ts";

const WORD = 4;
/** Words of a run from which a call of WebAssembly is faster than a loop. */
const RUN = 8;

/** Words of an element; undefined for types of less than a word. */
const wordsOf = (dtype: keyof typeof DTYPES): number | undefined =>
  DTYPES[dtype].bits % 32 === 0 ? DTYPES[dtype].bits / 32 : undefined;

/** Reads index `i`, made non-negative and checked, without making a bigint of it. */
function indexReader(
  kernel: string,
  dtype: string,
  heap: ArrayBufferLike,
  at: number,
  count: number,
  size: number,
): (i: number) => number {
  const isLong = dtype === "int64";
  const words = new Int32Array(heap, at, isLong ? 2 * count : count);
  const check = (raw: number): number => {
    const index = raw < 0 ? raw + size : raw;
    if (!(index >= 0 && index < size)) throw badData(kernel, `index ${raw} is outside a dim of ${size}`);
    return index;
  };
  if (!isLong) return (i) => check(words[i]!);
  return (i) => {
    const [low, high] = [words[2 * i]!, words[2 * i + 1]!];
    return check(high === low >> 31 ? low : high * 2 ** 32 + (low >>> 0));
  };
}

/** attrs: axis. */
export const gather: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, indices] = inputs;
  const [y] = outputs;
  if (!x || !indices || !y || !["int32", "int64"].includes(indices.dtype)) return undefined;
  const words = wordsOf(x.dtype);
  if (words === undefined) return undefined;
  const axis = Number(attrs.get("axis"));
  const size = x.shape[axis]!;
  const outer = sizeOf(x.shape.slice(0, axis));
  const inner = words * sizeOf(x.shape.slice(axis + 1));
  const count = sizeOf(indices.shape);
  return {
    scratch: [],
    bind({ functions, input, output, heap }) {
      const index = indexReader("Gather", indices.dtype, heap, input(1), count, size);
      const move = functions["move"]!;
      const [from, to] = [input(0), output(0)];
      if (inner >= RUN)
        return () => {
          for (let k = 0; k < count; k++)
            move(
              from + WORD * index(k) * inner,
              to + WORD * k * inner,
              outer,
              WORD * size * inner,
              WORD * count * inner,
              1,
              0,
              0,
              WORD * inner,
            );
        };
      const read = new Int32Array(heap, from, outer * size * inner);
      const write = new Int32Array(heap, to, outer * count * inner);
      return () => {
        for (let k = 0; k < count; k++) {
          const at = index(k);
          for (let o = 0; o < outer; o++)
            for (let i = 0; i < inner; i++) write[(o * count + k) * inner + i] = read[(o * size + at) * inner + i]!;
        }
      };
    },
  };
};

/** attrs: axis. */
export const gatherElements: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, indices] = inputs;
  const [y] = outputs;
  if (!x || !indices || !y || !["int32", "int64"].includes(indices.dtype)) return undefined;
  const words = wordsOf(x.dtype);
  if (words === undefined) return undefined;
  const axis = Number(attrs.get("axis"));
  const strides = stridesOf(x.shape).map((stride) => words * stride);
  const count = sizeOf(indices.shape);
  return {
    scratch: [],
    bind({ input, output, heap }) {
      const index = indexReader("GatherElements", indices.dtype, heap, input(1), count, x.shape[axis]!);
      const read = new Int32Array(heap, input(0), words * sizeOf(x.shape));
      const write = new Int32Array(heap, output(0), words * count);
      // Where each element's index starts counting.
      const bases = new Int32Array(count);
      forEachIndex(indices.shape, [strides.with(axis, 0)], (i, [base]) => (bases[i] = base!));
      const step = strides[axis]!;
      return () => {
        for (let i = 0; i < count; i++) {
          const from = bases[i]! + index(i) * step;
          for (let word = 0; word < words; word++) write[i * words + word] = read[from + word]!;
        }
      };
    },
  };
};
