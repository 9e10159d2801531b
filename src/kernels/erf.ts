/**
 * The error function to double precision, by the rational Chebyshev approximations of W. J. Cody,
 * "Rational Chebyshev Approximations for the Error Function", Math. Comp. 23 (1969), 631-637.
 */

const NEAR = {
  numerator: [0.18577770618460315, 3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694],
  denominator: [1, 23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171],
} as const;

const MIDDLE = {
  numerator: [
    2.1531153547440383e-8, 0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001,
    881.952221241769, 1712.0476126340707, 2051.0783778260716, 1230.3393547979972,
  ],
  denominator: [
    1, 15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597,
    4362.619090143247, 3439.3676741437216, 1230.3393548037495,
  ],
} as const;

const FAR = {
  numerator: [
    0.016315387137302097, 0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275,
    0.0006587491615298378,
  ],
  denominator: [
    1, 2.568520192289822, 1.8729528499234604, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918,
  ],
} as const;

const ratio = (f: { numerator: readonly number[]; denominator: readonly number[] }, x: number): number => {
  let above = 0;
  let below = 0;
  for (let k = 0; k < f.numerator.length; k++) {
    above = above * x + f.numerator[k]!;
    below = below * x + f.denominator[k]!;
  }
  return above / below;
};

const INVERSE_ROOT_PI = 1 / Math.sqrt(Math.PI);

/** exp(-x^2), with x split so that the square's rounding error does not reach the exponent. */
const expMinusSquare = (x: number): number => {
  const head = Math.trunc(x * 16) / 16;
  return Math.exp(-head * head) * Math.exp(-(x - head) * (x + head));
};

/** 1 - erf(x) for x > 0.46875. */
const tail = (x: number): number => {
  if (x <= 4) return expMinusSquare(x) * ratio(MIDDLE, x);
  if (x > 27) return 0;
  const inverse = 1 / (x * x);
  return (expMinusSquare(x) / x) * (INVERSE_ROOT_PI - inverse * ratio(FAR, inverse));
};

/** erf(x), within a few units in the last place of a double. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size <= 0.46875) return x * ratio(NEAR, x * x);
  const value = 1 - tail(size);
  return x < 0 ? -value : value;
}

/** 1 - erf(x) without the cancellation for large x. */
export function erfc(x: number): number {
  if (Math.abs(x) <= 0.46875) return 1 - erf(x);
  return x < 0 ? 2 - tail(-x) : tail(x);
}
