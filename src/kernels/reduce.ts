/** Reductions over axes, and running sums. Accumulated in double (64-bit integers exactly). */
import { bigReader, bigWriter, is64, reader, sizeOf, stridesOf, writer } from "./access.ts";
import { flagAttr, intAttr, intsAttr } from "./attributes.ts";
import { operand, result } from "./elementwise.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

/** Offsets of the elements that fold into one result, and the start of each result's. */
interface Folding {
  readonly starts: Int32Array | Float64Array;
  readonly offsets: Int32Array | Float64Array;
  /** Where all offsets are 0, 1, 2, ...: rows that lie together. */
  readonly rows: boolean;
}

const offsetsOver = (
  shape: readonly number[],
  strides: readonly number[],
  dims: readonly number[],
): Int32Array | Float64Array => {
  const count = dims.reduce((product, d) => product * shape[d]!, 1);
  const offsets = sizeOf(shape) < 2 ** 31 ? new Int32Array(count) : new Float64Array(count);
  let filled = 1;
  // Innermost dim last: fill by repeating what is there.
  for (let k = dims.length - 1; k >= 0; k--) {
    const d = dims[k]!;
    for (let i = shape[d]! - 1; i >= 0; i--)
      for (let j = 0; j < filled; j++) offsets[i * filled + j] = offsets[j]! + i * strides[d]!;
    filled *= shape[d]!;
    if (filled === 0) break;
  }
  return offsets;
};

function folding(shape: readonly number[], axes: readonly number[]): Folding {
  const strides = stridesOf(shape);
  const all = shape.map((_, d) => d);
  const kept = all.filter((d) => !axes.includes(d));
  const folded = all.filter((d) => axes.includes(d));
  return {
    starts: offsetsOver(shape, strides, kept),
    offsets: offsetsOver(shape, strides, folded),
    rows: folded.every((d, i) => d === shape.length - folded.length + i),
  };
}

interface Reduction {
  readonly start: number;
  readonly step: (accumulated: number, x: number) => number;
  readonly finish?: (accumulated: number, count: number) => number;
  readonly bigStart?: bigint;
  readonly big?: (accumulated: bigint, x: bigint) => bigint;
  readonly bigFinish?: (accumulated: bigint, count: number) => bigint;
}

const larger = (a: number, b: number): number => (a !== a || b !== b ? NaN : a > b ? a : b);
const smaller = (a: number, b: number): number => (a !== a || b !== b ? NaN : a < b ? a : b);

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  ReduceSum: { start: 0, step: (a, x) => a + x, bigStart: 0n, big: (a, x) => a + x },
  ReduceMean: {
    start: 0,
    step: (a, x) => a + x,
    finish: (a, count) => a / count,
    bigStart: 0n,
    big: (a, x) => a + x,
    bigFinish: (a, count) => (count === 0 ? 0n : a / BigInt(count)),
  },
  ReduceMax: { start: -Infinity, step: larger, bigStart: -(2n ** 63n), big: (a, x) => (a > x ? a : x) },
  ReduceMin: { start: Infinity, step: smaller, bigStart: 2n ** 64n, big: (a, x) => (a < x ? a : x) },
  ReduceProd: { start: 1, step: (a, x) => a * x, bigStart: 1n, big: (a, x) => a * x },
  ReduceL1: { start: 0, step: (a, x) => a + Math.abs(x), bigStart: 0n, big: (a, x) => a + (x < 0n ? -x : x) },
  ReduceL2: { start: 0, step: (a, x) => a + x * x, finish: Math.sqrt },
  ReduceLogSum: { start: 0, step: (a, x) => a + x, finish: Math.log },
  ReduceSumSquare: { start: 0, step: (a, x) => a + x * x, bigStart: 0n, big: (a, x) => a + x * x },
};

const isInteger = (tensor: Tensor): boolean => /^u?int/.test(tensor.dtype);

const reduceKernel =
  ({ start, step, finish, bigStart, big, bigFinish }: Reduction): Kernel =>
  (call) => {
    const x = operand(call, 0);
    const y = result(call);
    const { starts, offsets, rows } = folding(x.shape, intsAttr(call.attrs, "axes"));
    const count = offsets.length;
    if (is64(x.dtype) && big !== undefined && bigStart !== undefined) {
      const read = bigReader(x);
      const write = bigWriter(y);
      for (let o = 0; o < starts.length; o++) {
        let value = bigStart;
        for (let i = 0; i < count; i++) value = big(value, read(starts[o]! + offsets[i]!));
        write(o, bigFinish === undefined ? value : bigFinish(value, count));
      }
      return;
    }
    const write = writer(y);
    const end = finish ?? ((value: number) => value);
    const whole = isInteger(y);
    const put = (o: number, value: number): void =>
      write(o, whole ? integerResult(y, end(value, count)) : end(value, count));
    if (x.data instanceof Float32Array && rows) {
      for (let o = 0; o < starts.length; o++) {
        const from = starts[o]!;
        let value = start;
        for (let i = from; i < from + count; i++) value = step(value, x.data[i]!);
        put(o, value);
      }
      return;
    }
    const read = reader(x);
    for (let o = 0; o < starts.length; o++) {
      let value = start;
      for (let i = 0; i < count; i++) value = step(value, read(starts[o]! + offsets[i]!));
      put(o, value);
    }
  };

/** Empty maxima of integers are the least value of the type, not infinity. */
function integerResult(y: Tensor, value: number): number {
  if (Number.isFinite(value)) return Math.trunc(value);
  const bits = y.data.BYTES_PER_ELEMENT * 8;
  const signed = y.dtype.startsWith("int");
  if (Number.isNaN(value)) return 0;
  if (value > 0) return signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  return signed ? -(2 ** (bits - 1)) : 0;
}

/** Two passes, so that nothing overflows. */
const reduceLogSumExp: Kernel = (call) => {
  const x = operand(call, 0);
  const { starts, offsets } = folding(x.shape, intsAttr(call.attrs, "axes"));
  const read = reader(x);
  const write = writer(result(call));
  for (let o = 0; o < starts.length; o++) {
    let most = -Infinity;
    for (let i = 0; i < offsets.length; i++) most = larger(most, read(starts[o]! + offsets[i]!));
    const shift = Number.isFinite(most) ? most : 0;
    let sum = 0;
    for (let i = 0; i < offsets.length; i++) sum += Math.exp(read(starts[o]! + offsets[i]!) - shift);
    write(o, Math.log(sum) + shift);
  }
};

/** attrs: axis, last (the last of equals). The first NaN wins, as in NumPy. */
const argKernel =
  (sign: number): Kernel =>
  (call) => {
    const x = operand(call, 0);
    const { starts, offsets } = folding(x.shape, [intAttr(call.attrs, "axis")]);
    const last = flagAttr(call.attrs, "last");
    const write = bigWriter(result(call));
    const read = reader(x);
    const exact = is64(x.dtype) ? bigReader(x) : undefined;
    const better = (a: number, b: number): boolean => {
      if (exact !== undefined) {
        const [u, v] = [exact(a), exact(b)];
        return u === v ? last : sign > 0 ? u > v : u < v;
      }
      const [u, v] = [read(a), read(b)];
      if (v !== v) return false;
      return u !== u || sign * u > sign * v || (last && u === v);
    };
    for (let o = 0; o < starts.length; o++) {
      let best = 0;
      for (let i = 1; i < offsets.length; i++)
        if (better(starts[o]! + offsets[i]!, starts[o]! + offsets[best]!)) best = i;
      write(o, BigInt(best));
    }
  };

/** attrs: axis, exclusive, reverse. */
const scanKernel =
  (start: number, step: (a: number, x: number) => number): Kernel =>
  (call) => {
    const x = operand(call, 0);
    const y = result(call);
    const { starts, offsets } = folding(x.shape, [intAttr(call.attrs, "axis")]);
    const exclusive = flagAttr(call.attrs, "exclusive");
    const reverse = flagAttr(call.attrs, "reverse");
    const count = offsets.length;
    const run = <T>(
      read: (i: number) => T,
      write: (i: number, value: T) => void,
      zero: T,
      fold: (a: T, x: T) => T,
    ): void => {
      for (let o = 0; o < starts.length; o++) {
        let value = zero;
        for (let k = 0; k < count; k++) {
          const at = starts[o]! + offsets[reverse ? count - 1 - k : k]!;
          const next = fold(value, read(at));
          write(at, exclusive ? value : next);
          value = next;
        }
      }
    };
    if (is64(x.dtype)) run(bigReader(x), bigWriter(y), BigInt(start), (a, b) => (start === 0 ? a + b : a * b));
    else run(reader(x), writer(y), start, step);
  };

/** attrs: axis. 1 at the first largest element, 0 elsewhere. */
const hardmax: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  const { starts, offsets } = folding(x.shape, intsAttr(call.attrs, "axes"));
  const read = reader(x);
  const write = writer(y);
  for (let o = 0; o < starts.length; o++) {
    let best = 0;
    for (let i = 1; i < offsets.length; i++)
      if (read(starts[o]! + offsets[i]!) > read(starts[o]! + offsets[best]!)) best = i;
    for (let i = 0; i < offsets.length; i++) write(starts[o]! + offsets[i]!, i === best ? 1 : 0);
  }
};

/** attrs: axis, largest, k. Stable: of equals, the lower index first. Results: values, indices. */
const topK: Kernel = (call) => {
  const x = operand(call, 0);
  const axis = intAttr(call.attrs, "axis");
  const largest = flagAttr(call.attrs, "largest");
  const [values, indices] = call.outputs;
  const k = (values ?? indices)?.shape[axis] ?? 0;
  const { starts, offsets } = folding(x.shape, [axis]);
  const exact = is64(x.dtype) ? bigReader(x) : undefined;
  const read = reader(x);
  const write = values ? (exact === undefined ? writer(values) : undefined) : undefined;
  const writeBig = values && exact !== undefined ? bigWriter(values) : undefined;
  const writeIndex = indices ? bigWriter(indices) : undefined;
  const inner = x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const order = Array.from({ length: offsets.length }, (_, i) => i);
  for (let o = 0; o < starts.length; o++) {
    const at = (i: number): number => starts[o]! + offsets[i]!;
    const compare = (a: number, b: number): number => {
      const [u, v] = exact === undefined ? [read(at(a)), read(at(b))] : [exact(at(a)), exact(at(b))];
      if (u === v) return a - b;
      // NaN counts as the largest.
      if (u !== u || v !== v) return u !== u && v !== v ? a - b : (u !== u) === largest ? -1 : 1;
      return u > v === largest ? -1 : 1;
    };
    const ranked = [...order].sort(compare);
    const base = Math.floor(o / inner) * k * inner + (o % inner);
    for (let i = 0; i < k; i++) {
      const from = ranked[i]!;
      if (writeBig && exact) writeBig(base + i * inner, exact(at(from)));
      else write?.(base + i * inner, read(at(from)));
      writeIndex?.(base + i * inner, BigInt(from));
    }
  }
};

export const reduceKernels: KernelTable = {
  ...Object.fromEntries(Object.entries(REDUCTIONS).map(([name, reduction]) => [name, reduceKernel(reduction)])),
  ReduceLogSumExp: reduceLogSumExp,
  ArgMax: argKernel(1),
  ArgMin: argKernel(-1),
  CumSum: scanKernel(0, (a, x) => a + x),
  CumProd: scanKernel(1, (a, x) => a * x),
  Hardmax: hardmax,
  TopK: topK,
};
