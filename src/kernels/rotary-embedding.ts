/** Rotary position embedding (Su et al., "RoFormer"), of ONNX and of com.microsoft. */
import { badData } from "../errors.ts";
import { bigReader, reader, writer } from "./access.ts";
import type { Tensor } from "./types.ts";
import type { Kernel, KernelTable } from "./types.ts";

export interface Rotation {
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** Elements of a head that are rotated; the rest is copied. */
  readonly rotated: number;
  readonly interleaved: boolean;
}

/** A function that rotates one head's row at `from` by row `angle` of the caches into doubles at `to`. */
export function rowRotation(
  { cos, sin, rotated, interleaved }: Rotation,
  source: Tensor,
): (from: number, angle: number, size: number, put: (d: number, value: number) => void) => void {
  const half = rotated / 2;
  const [readCos, readSin, read] = [reader(cos), reader(sin), reader(source)];
  return (from, angle, size, put) => {
    for (let d = 0; d < half; d++) {
      const [first, second] = interleaved ? [2 * d, 2 * d + 1] : [d, d + half];
      const [c, s] = [readCos(angle * half + d), readSin(angle * half + d)];
      const [x, y] = [read(from + first), read(from + second)];
      put(first, c * x - s * y);
      put(second, s * x + c * y);
    }
    for (let d = rotated; d < size; d++) put(d, read(from + d));
  };
}

/**
 * Operands: X (batch, position, heads * size) or (batch, heads, position, size), cos and sin caches,
 * position ids. Without ids the caches are (batch, position, half); with ids (rows, half), and one
 * id alone is the first position of every sequence (com.microsoft).
 */
const rotaryEmbedding: Kernel = ({ inputs, outputs, attrs }) => {
  const [x, cos, sin, ids] = inputs;
  const heads = Number(attrs.get("heads"));
  const rotated = Number(attrs.get("rotated"));
  const isSplit = x!.shape.length === 4;
  const positions = x!.shape[isSplit ? 2 : 1]!;
  const size = isSplit ? x!.shape[3]! : heads === 0 ? 0 : x!.shape[2]! / heads;
  const rotate = rowRotation({ cos: cos!, sin: sin!, rotated, interleaved: attrs.get("interleaved") === 1 }, x!);
  const readId = ids ? bigReader(ids) : undefined;
  const isOffset = attrs.get("offsetIds") === 1;
  const write = writer(outputs[0]!);
  for (let b = 0; b < x!.shape[0]!; b++)
    for (let i = 0; i < positions; i++) {
      const angle =
        readId === undefined ? b * positions + i : isOffset ? Number(readId(0)) + i : Number(readId(b * positions + i));
      if (readId !== undefined && (angle < 0 || angle >= cos!.shape[0]!))
        throw badData("RotaryEmbedding", `position ${angle} is outside the caches' ${cos!.shape[0]} rows`);
      for (let h = 0; h < heads; h++) {
        const from = isSplit ? ((b * heads + h) * positions + i) * size : (b * positions + i) * heads * size + h * size;
        rotate(from, angle, size, (d, value) => write(from + d, value));
      }
    }
};

export const rotaryEmbeddingKernels: KernelTable = { RotaryEmbedding: rotaryEmbedding };
