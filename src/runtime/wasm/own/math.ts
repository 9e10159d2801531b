/**
 * Functions of four float32 at a time. Rational approximations in the manner of Eigen and Cephes;
 * their errors against float64 are measured in kernels.test.ts.
 */
import {
  addInts,
  addV,
  divV,
  get,
  maxV,
  minV,
  mulV,
  nearestV,
  negV,
  seq,
  set,
  shiftLeft,
  intVector,
  lessV,
  withoutV,
  int,
  subV,
  truncV,
  vector,
  type Code,
  type Local,
  type ValueType,
} from "./code.ts";

type Scope = (type: ValueType) => Local;

/** Horner's rule; coefficients from the highest power down. */
const polynomial = (x: Local, coefficients: readonly number[]): Code =>
  coefficients.slice(1).reduce<Code>((sum, c) => addV(mulV(sum, get(x)), vector(c)), vector(coefficients[0]!));

/** (exp(r) - 1 - r) / r^2 near 0. */
const EXP = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];
/** ln 2 in two parts, so that what is left of x is exact to the last bit. */
const [LN2_HIGH, LN2_LOW] = [0.693359375, -2.1219444e-4];

/** Leaves exp(x) in `x`; below -87.3 it is about 1e-38, above 88.3 about 2e38 (Cephes expf). */
export function expInto(x: Local, local: Scope): Code {
  const n = local("v128");
  const r = local("v128");
  return seq(
    set(x, minV(maxV(get(x), vector(-87.33654)), vector(88.37626))),
    set(n, nearestV(mulV(get(x), vector(Math.LOG2E)))),
    set(r, subV(subV(get(x), mulV(get(n), vector(LN2_HIGH))), mulV(get(n), vector(LN2_LOW)))),
    set(x, addV(addV(mulV(mulV(polynomial(r, EXP), get(r)), get(r)), get(r)), vector(1))),
    set(x, mulV(get(x), shiftLeft(addInts(truncV(get(n)), intVector(127)), int(23)))),
  );
}

/** 1.5 * 2^23 + 127: what is added to it is rounded to a whole number, which with 127 are its lowest bits. */
const ROUNDING = 12582912 + 127;

/** Leaves exp(x) in `x` for x of at most 0, and 0 below -87.3. NaN stays. Half the instructions of `expInto`. */
export function weightInto(x: Local, local: Scope): Code {
  const [power, r, under] = [local("v128"), local("v128"), local("v128")];
  return seq(
    set(under, lessV(get(x), vector(-87.3))),
    set(power, addV(mulV(get(x), vector(Math.LOG2E)), vector(ROUNDING))),
    set(r, subV(get(power), vector(ROUNDING))),
    set(power, shiftLeft(get(power), int(23))),
    set(r, subV(subV(get(x), mulV(get(r), vector(LN2_HIGH))), mulV(get(r), vector(LN2_LOW)))),
    set(x, addV(mulV(mulV(polynomial(r, EXP), get(r)), get(r)), get(r))),
    set(x, withoutV(addV(mulV(get(x), get(power)), get(power)), get(under))),
  );
}

/** Leaves an odd rational function of x, clamped to [-limit, limit], in `x`. */
function oddRational(x: Local, local: Scope, limit: number, over: readonly number[], under: readonly number[]): Code {
  const square = local("v128");
  return seq(
    set(x, minV(maxV(get(x), vector(-limit)), vector(limit))),
    set(square, mulV(get(x), get(x))),
    set(x, divV(mulV(get(x), polynomial(square, over)), polynomial(square, under))),
  );
}

/** Leaves erf(x) in `x`. */
export const erfInto = (x: Local, local: Scope): Code =>
  oddRational(
    x,
    local,
    4,
    [
      -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5, -7.34990630326855e-4,
      -2.95459980854025e-3, -1.60960333262415e-2,
    ],
    [-1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3, -1.42647390514189e-2],
  );

/** Leaves tanh(x) in `x`. */
export const tanhInto = (x: Local, local: Scope): Code =>
  oddRational(
    x,
    local,
    7.90531110763549805,
    [
      -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5,
      6.37261928875436e-4, 4.89352455891786e-3,
    ],
    [1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3],
  );

/** Leaves 1 / (1 + exp(-x)) in `x`. */
export const sigmoidInto = (x: Local, local: Scope): Code =>
  seq(set(x, negV(get(x))), expInto(x, local), set(x, divV(vector(1), addV(vector(1), get(x)))));
