/** Kernels whose result's size depends on data: usable where the data is known at compile time. */
import { bigWriter, forEachIndex, reader, sizeOf, stridesOf } from "./access.ts";
import { flagAttr, intAttr } from "./attributes.ts";
import { operand } from "./elementwise.ts";
import { mover } from "./strided.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

/** How many elements are not zero. */
export function nonZeroCount(x: Tensor): number {
  const read = reader(x);
  let count = 0;
  for (let i = 0; i < sizeOf(x.shape); i++) if (read(i) !== 0) count++;
  return count;
}

const nonZero: Kernel = (call) => {
  const x = operand(call, 0);
  const y = call.outputs[0];
  if (!y) return;
  const read = reader(x);
  const write = bigWriter(y);
  const count = y.shape[1]!;
  const strides = stridesOf(x.shape);
  let k = 0;
  forEachIndex(x.shape, [], (i) => {
    if (read(i) === 0) return;
    x.shape.forEach((dim, d) => write(d * count + k, BigInt(Math.floor(i / strides[d]!) % dim)));
    k++;
  });
};

interface Groups {
  /** First occurrence of each distinct entry, in result order. */
  readonly first: readonly number[];
  readonly inverse: readonly number[];
  readonly counts: readonly number[];
}

/** Distinct entries along `axis` (of the flattened tensor for -1). */
function groups(x: Tensor, axis: number, sorted: boolean): Groups {
  const read = reader(x);
  const size = axis < 0 ? sizeOf(x.shape) : x.shape[axis]!;
  const inner = axis < 0 ? 1 : x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const outer = axis < 0 ? 1 : x.shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const entry = (k: number): number[] =>
    Array.from({ length: outer * inner }, (_, i) => read((Math.floor(i / inner) * size + k) * inner + (i % inner)));
  const seen = new Map<string, number>();
  const first: number[] = [];
  const raw: number[] = [];
  for (let k = 0; k < size; k++) {
    const key = entry(k).join(",");
    let group = seen.get(key);
    if (group === undefined) {
      group = first.length;
      seen.set(key, group);
      first.push(k);
    }
    raw.push(group);
  }
  const order = first.map((_, g) => g);
  if (sorted) {
    const keys = first.map(entry);
    order.sort((a, b) => {
      const at = keys[a]!.findIndex((value, i) => value !== keys[b]![i]);
      return at < 0 ? 0 : keys[a]![at]! - keys[b]![at]!;
    });
  }
  const place = order.map(() => 0);
  order.forEach((group, at) => (place[group] = at));
  const inverse = raw.map((group) => place[group]!);
  const counts = order.map(() => 0);
  for (const group of inverse) counts[group]!++;
  return { first: order.map((group) => first[group]!), inverse, counts };
}

/** How many distinct entries there are along `axis` (-1: of the flattened tensor). */
export const uniqueCount = (x: Tensor, axis: number): number => groups(x, axis, false).first.length;

/** attrs: axis (or -1), sorted. Results: values, first indices, inverse, counts. */
const unique: Kernel = (call) => {
  const x = operand(call, 0);
  const axis = intAttr(call.attrs, "axis");
  const { first, inverse, counts } = groups(x, axis, flagAttr(call.attrs, "sorted"));
  const [y, ...rest] = call.outputs;
  if (y) {
    const move = mover(x, y);
    const size = axis < 0 ? sizeOf(x.shape) : x.shape[axis]!;
    const inner = axis < 0 ? 1 : x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const outer = axis < 0 ? 1 : x.shape.slice(0, axis).reduce((a, b) => a * b, 1);
    for (let o = 0; o < outer; o++)
      first.forEach((k, g) => {
        for (let i = 0; i < inner; i++) move((o * size + k) * inner + i, (o * first.length + g) * inner + i);
      });
  }
  [first, inverse, counts].forEach((list, i) => {
    const output = rest[i];
    if (!output) return;
    const write = bigWriter(output);
    list.forEach((value, k) => write(k, BigInt(value)));
  });
};

export const searchKernels: KernelTable = { NonZero: nonZero, Unique: unique };
