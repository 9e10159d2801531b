/**
 * Rows of a tensor against rows of doubles: the two inner loops of attention and of recurrent
 * networks. A tensor's dtype is looked at once, so that float32 runs on its typed array directly.
 */
import { reader } from "./access.ts";
import type { Tensor } from "./types.ts";

/** Sum of tensor[offset + i] * vector[at + i] over i < length, in double. */
export type RowDot = (offset: number, vector: Float64Array, at: number, length: number) => number;

/** vector[at + i] += factor * tensor[offset + i] for i < length. */
export type RowAdd = (offset: number, factor: number, vector: Float64Array, at: number, length: number) => void;

export function rowDot(tensor: Tensor): RowDot {
  const { data } = tensor;
  if (data instanceof Float32Array)
    return (offset, vector, at, length) => {
      // Two chains of additions keep the multiplier busy.
      let even = 0;
      let odd = 0;
      let i = 0;
      for (; i + 1 < length; i += 2) {
        even += data[offset + i]! * vector[at + i]!;
        odd += data[offset + i + 1]! * vector[at + i + 1]!;
      }
      if (i < length) even += data[offset + i]! * vector[at + i]!;
      return even + odd;
    };
  const read = reader(tensor);
  return (offset, vector, at, length) => {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += read(offset + i) * vector[at + i]!;
    return sum;
  };
}

export function rowAdd(tensor: Tensor): RowAdd {
  const { data } = tensor;
  if (data instanceof Float32Array)
    return (offset, factor, vector, at, length) => {
      for (let i = 0; i < length; i++) vector[at + i] = vector[at + i]! + factor * data[offset + i]!;
    };
  const read = reader(tensor);
  return (offset, factor, vector, at, length) => {
    for (let i = 0; i < length; i++) vector[at + i] = vector[at + i]! + factor * read(offset + i);
  };
}
