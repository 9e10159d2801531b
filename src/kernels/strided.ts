/** Copies between tensors by strides, on raw storage: nothing is decoded, whatever the type. */
import { DTYPES } from "../ir/dtype.ts";
import { forEachIndex, reader, writer } from "./access.ts";
import type { Tensor } from "./types.ts";

/** Storage slots an element: complex numbers take two. */
const slotsOf = (tensor: Tensor): number => (DTYPES[tensor.dtype].class === "complex" ? 2 : 1);

const isPacked = (tensor: Tensor): boolean => DTYPES[tensor.dtype].bits < 8;

/** Moves one element, `from` in `source` to `to` in `target`, bit for bit. */
export function mover(source: Tensor, target: Tensor): (from: number, to: number) => void {
  if (isPacked(source)) {
    const read = reader(source);
    const write = writer(target);
    return (from, to) => write(to, read(from));
  }
  const { data: x } = source;
  const { data: y } = target;
  if (slotsOf(source) === 1) return (from, to) => void (y[to] = x[from]!);
  return (from, to) => {
    y[2 * to] = x[2 * from]!;
    y[2 * to + 1] = x[2 * from + 1]!;
  };
}

/** Moves `count` elements that lie together. */
export function runMover(source: Tensor, target: Tensor): (from: number, to: number, count: number) => void {
  if (isPacked(source)) {
    const move = mover(source, target);
    return (from, to, count) => {
      for (let i = 0; i < count; i++) move(from + i, to + i);
    };
  }
  const slots = slotsOf(source);
  const x = source.data as Uint8Array;
  const y = target.data as Uint8Array;
  return (from, to, count) => {
    if (count * slots >= 16) y.set(x.subarray(from * slots, (from + count) * slots), to * slots);
    else for (let i = 0; i < count * slots; i++) y[to * slots + i] = x[from * slots + i]!;
  };
}

export interface Strided {
  readonly tensor: Tensor;
  /** Element offset of index (0, 0, ...). */
  readonly base: number;
  /** Elements; negative ones run backwards. */
  readonly strides: readonly number[];
}

/** Copies every index of `shape` from `source` to `target`. */
export function copyStrided(shape: readonly number[], source: Strided, target: Strided): void {
  if (shape.includes(0)) return;
  let inner = shape.length;
  let run = 1;
  // Trailing dims that lie together on both sides move as one run.
  while (
    inner > 0 &&
    (shape[inner - 1] === 1 || (source.strides[inner - 1] === run && target.strides[inner - 1] === run))
  )
    run *= shape[--inner]!;
  const outer = shape.slice(0, inner);
  if (run === 1 && outer.length > 0) return copyElements(outer, source, target);
  const move = runMover(source.tensor, target.tensor);
  forEachIndex(outer, [source.strides.slice(0, inner), target.strides.slice(0, inner)], (_, offsets) =>
    move(source.base + offsets[0]!, target.base + offsets[1]!, run),
  );
}

/** Element by element, with the innermost dim as a plain loop. */
function copyElements(shape: readonly number[], source: Strided, target: Strided): void {
  const rank = shape.length;
  const count = shape[rank - 1]!;
  const sourceStep = source.strides[rank - 1]!;
  const targetStep = target.strides[rank - 1]!;
  const outer = [source.strides.slice(0, rank - 1), target.strides.slice(0, rank - 1)];
  const { data: x } = source.tensor;
  const { data: y } = target.tensor;
  if (x instanceof Float32Array && y instanceof Float32Array && slotsOf(source.tensor) === 1) {
    forEachIndex(shape.slice(0, rank - 1), outer, (_, offsets) => {
      let from = source.base + offsets[0]!;
      let to = target.base + offsets[1]!;
      for (let i = 0; i < count; i++, from += sourceStep, to += targetStep) y[to] = x[from]!;
    });
    return;
  }
  const move = mover(source.tensor, target.tensor);
  forEachIndex(shape.slice(0, rank - 1), outer, (_, offsets) => {
    const from = source.base + offsets[0]!;
    const to = target.base + offsets[1]!;
    for (let i = 0; i < count; i++) move(from + i * sourceStep, to + i * targetStep);
  });
}
