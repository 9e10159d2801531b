/** The best packing so far of some boxes, and what is wanted of it. */
import { heightOf, type Bound } from "./bounds.ts";
import type { Boxes } from "./boxes.ts";

export interface Incumbent {
  readonly boxes: Boxes;
  /** Units. */
  offsets: Float64Array;
  /** Bytes; Infinity before there is a packing. */
  height: number;
  bound: Bound;
  method: string;
}

/** Bytes. */
export interface Aim {
  /** A height that is low enough, whatever the bound. */
  readonly goal: number;
  /** Heights above it are no solution, and a bound above it ends the matter. */
  readonly capacity: number;
}

/** Takes the packing if it is lower. */
export function offer(best: Incumbent, offsets: Float64Array, method: string): void {
  const height = heightOf(best.boxes, offsets);
  if (height >= best.height) return;
  best.height = height;
  best.offsets = offsets.slice();
  best.method = method;
}

/** Whether there is nothing left to do: low enough, at the bound, or proven too high. */
export const reached = ({ height, bound }: Incumbent, { goal, capacity }: Aim): boolean =>
  height <= goal || height <= bound.bytes || (bound.bytes > capacity && height < Infinity);
