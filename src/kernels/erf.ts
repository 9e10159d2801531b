/**
 * The error function to double precision, by the rational Chebyshev approximations of W. J. Cody,
 * "Rational Chebyshev Approximations for the Error Function", Math. Comp. 23 (1969), 631-637.
 */

const NEAR = {
  numerator: [
    1.85777706184603153e-1, 3.1611237438705656, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3,
  ],
  denominator: [1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3],
} as const;

const MIDDLE = {
  numerator: [
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
    8.8195222124176909e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
  ],
  denominator: [
    1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
  ],
} as const;

const FAR = {
  numerator: [
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4,
  ],
  denominator: [
    1, 2.56852019228982242, 1.87295284992346047, 5.27905102951428412e-1, 6.05183413124413191e-2,
    2.33520497626869185e-3,
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
