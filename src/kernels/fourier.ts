/**
 * Discrete Fourier transform of any length: Stockham's self-sorting algorithm with one pass for each
 * prime factor of the length (a prime length is the plain O(n^2) sum), in double.
 */

/** Prime factors in ascending order; empty for 1. */
function primeFactors(length: number): number[] {
  const factors: number[] = [];
  let rest = length;
  for (let p = 2; p * p <= rest; p++)
    while (rest % p === 0) {
      factors.push(p);
      rest /= p;
    }
  if (rest > 1) factors.push(rest);
  return factors;
}

/** Doubles that `fourier` needs: two complex rows and a complex table of roots of unity. */
export const fourierScratch = (length: number): number => 6 * length;

/** A transform of one length. `row` is where the signal goes in; `run` says where the result is. */
export interface Fourier {
  /** Interleaved real and imaginary parts, to be filled before each run. */
  readonly row: Float64Array;
  /** Transforms `row` (which is overwritten) and returns the result, interleaved; not divided by the length. */
  readonly run: () => Float64Array;
}

export function fourier(length: number, inverse: boolean, scratch: Float64Array): Fourier {
  const row = scratch.subarray(0, 2 * length);
  const other = scratch.subarray(2 * length, 4 * length);
  const roots = scratch.subarray(4 * length, 6 * length);
  const factors = primeFactors(length);
  for (let k = 0; k < length; k++) {
    const angle = ((inverse ? 2 : -2) * Math.PI * k) / length;
    roots[2 * k] = Math.cos(angle);
    roots[2 * k + 1] = Math.sin(angle);
  }

  /** One pass: `size` is the length of the transforms that are left, `stride` their number. */
  const pass = (from: Float64Array, to: Float64Array, size: number, stride: number, radix: number): void => {
    const m = size / radix;
    const turn = length / radix;
    for (let j = 0; j < m; j++)
      for (let r = 0; r < radix; r++) {
        const twiddle = 2 * ((j * r * stride) % length);
        const [wr, wi] = [roots[twiddle]!, roots[twiddle + 1]!];
        for (let k = 0; k < stride; k++) {
          let [re, im] = [0, 0];
          for (let t = 0; t < radix; t++) {
            const at = 2 * (k + stride * (j + m * t));
            const root = 2 * (((r * t) % radix) * turn);
            re += from[at]! * roots[root]! - from[at + 1]! * roots[root + 1]!;
            im += from[at]! * roots[root + 1]! + from[at + 1]! * roots[root]!;
          }
          const put = 2 * (k + stride * (radix * j + r));
          to[put] = re * wr - im * wi;
          to[put + 1] = re * wi + im * wr;
        }
      }
  };

  return {
    row,
    run() {
      let [from, to] = [row, other];
      let size = length;
      let stride = 1;
      for (const radix of factors) {
        pass(from, to, size, stride, radix);
        size /= radix;
        stride *= radix;
        [from, to] = [to, from];
      }
      return from;
    },
  };
}
