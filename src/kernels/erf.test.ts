import { describe, expect, it } from "vitest";
import { erf, erfc } from "./erf.ts";

const TWO_BY_ROOT_PI = 2 / Math.sqrt(Math.PI);

/** erf by its everywhere convergent series of positive terms. */
const erfSeries = (x: number): number => {
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 1e-18; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return TWO_BY_ROOT_PI * Math.exp(-x * x) * sum;
};

/** erfc by its continued fraction, good for x > 2. */
const erfcFraction = (x: number): number => {
  let fraction = 0;
  for (let k = 400; k > 0; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
};

describe("erf", () => {
  it("agrees with its power series to 1e-15", () => {
    for (let i = 1; i <= 6000; i++) {
      const x = i / 1000;
      expect(Math.abs(erf(x) - erfSeries(x))).toBeLessThan(2e-15);
      expect(erf(-x)).toBe(-erf(x));
    }
  });

  it("agrees with the continued fraction in the tail, relatively", () => {
    for (let i = 200; i <= 2600; i++) {
      const x = i / 100;
      expect(Math.abs(erfc(x) / erfcFraction(x) - 1)).toBeLessThan(3e-13);
    }
  });

  it("has its limits and keeps the sign of zero", () => {
    expect(erf(Infinity)).toBe(1);
    expect(erf(-Infinity)).toBe(-1);
    expect(erf(NaN)).toBeNaN();
    expect(erf(-0)).toBe(-0);
    expect(erfc(-Infinity)).toBe(2);
    expect(erfc(Infinity)).toBe(0);
    expect(erfc(0)).toBe(1);
  });
});
