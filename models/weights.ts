/** Seeded weights: the same numbers for the same tensor name, shape and seed, on every machine. */

/** 32-bit FNV-1a of a text. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    h ^= text.charCodeAt(i);
    h = Math.imul(h, 0x01000193);
  }
  return h >>> 0;
}

export type Fill = "uniform" | "zeros" | "ones";

/**
 * Weights of one tensor. `uniform` is in +-sqrt(3 / fanIn), so that activations keep their scale
 * (Glorot and Bengio, 2010, with fan-in only).
 */
export function seededWeights(
  name: string,
  shape: readonly number[],
  fill: Fill,
  fanIn: number,
  seed: number,
): Float32Array {
  const values = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
  if (fill === "ones") return values.fill(1);
  if (fill === "zeros") return values;
  const bound = Math.sqrt(3 / Math.max(1, fanIn));
  let state = (hash(name) ^ Math.imul(seed, 0x9e3779b1)) | 0;
  for (let i = 0; i < values.length; i++) {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    values[i] = (((t ^ (t >>> 14)) >>> 0) / 2147483648 - 1) * bound;
  }
  return values;
}
