import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeE8M0,
  decodeFloat,
  encodeE8M0,
  encodeFloat,
  isNarrowFloat,
  type E8M0Rounding,
  type NarrowFloat,
} from "./float-formats.ts";

/** The formats once more, from the text of the specifications: [exponent bits, mantissa bits, bias, largest]. */
const SPECIFIED: readonly (readonly [NarrowFloat, number, number, number, number])[] = [
  ["float16", 5, 10, 15, 65504],
  ["bfloat16", 8, 7, 127, 3.3895313892515355e38],
  ["float8e4m3fn", 4, 3, 7, 448],
  ["float8e4m3fnuz", 4, 3, 8, 240],
  ["float8e5m2", 5, 2, 15, 57344],
  ["float8e5m2fnuz", 5, 2, 16, 57344],
  ["float4e2m1", 2, 1, 1, 6],
];

/** Value of the bits by the general formula, for those that are finite. */
const formula = (bits: number, exponentBits: number, mantissaBits: number, bias: number): number => {
  const text = bits.toString(2).padStart(1 + exponentBits + mantissaBits, "0");
  const exponent = Number.parseInt(text.slice(1, 1 + exponentBits), 2);
  const fraction = Number.parseInt(text.slice(1 + exponentBits), 2) / 2 ** mantissaBits;
  const size = exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
  return text.startsWith("1") ? -size : size;
};

interface Finite {
  readonly bits: number;
  readonly value: number;
}

/** Non-negative finite values in order; the step past the last one tells where rounding overflows. */
const finiteOf = (dtype: NarrowFloat, largest: number): Finite[] => {
  const [, exponentBits, mantissaBits, bias] = SPECIFIED.find(([name]) => name === dtype)!;
  const all: Finite[] = [];
  for (let bits = 0; bits < 2 ** (exponentBits + mantissaBits); bits++) {
    const value = formula(bits, exponentBits, mantissaBits, bias);
    if (value <= largest) all.push({ bits, value });
  }
  return all.sort((a, b) => a.value - b.value);
};

/** Nearest value by search over all of them, ties to the even mantissa; undefined past the largest. */
const nearest = (finite: readonly Finite[], magnitude: number): number | undefined => {
  const last = finite.at(-1)!;
  const beyond = { bits: last.bits + 1, value: 2 * last.value - finite.at(-2)!.value };
  let low = 0;
  let high = finite.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (finite[middle]!.value <= magnitude) low = middle + 1;
    else high = middle;
  }
  const below = finite[low - 1]!;
  const above = finite[low] ?? beyond;
  const [down, up] = [magnitude - below.value, above.value - magnitude];
  const chosen = down < up ? below : up < down ? above : below.bits % 2 === 0 ? below : above;
  return chosen === beyond ? undefined : chosen.bits;
};

const nextUp = (x: number): number => x + Math.max(Math.abs(x) * 2 ** -52, Number.MIN_VALUE);
const nextDown = (x: number): number => x - Math.max(Math.abs(x) * 2 ** -53, Number.MIN_VALUE);

describe.each(SPECIFIED)("%s", (dtype, exponentBits, mantissaBits, bias, largest) => {
  const width = exponentBits + mantissaBits;
  const finite = finiteOf(dtype, largest);
  const patterns = Array.from({ length: 2 ** (width + 1) }, (_, bits) => bits);
  const unsignedZero = dtype.endsWith("uz");

  it("decodes every bit pattern by the formula, or to infinity or NaN past the largest", () => {
    const wrong = patterns.filter((bits) => {
      const value = decodeFloat(dtype, bits);
      const expected = formula(bits, exponentBits, mantissaBits, bias);
      if (unsignedZero && bits === 2 ** width) return !Number.isNaN(value);
      return Math.abs(expected) <= largest ? !Object.is(value, expected) : Number.isFinite(value);
    });
    expect(wrong).toEqual([]);
    const infinite = patterns.map((bits) => decodeFloat(dtype, bits)).filter((value) => Math.abs(value) === Infinity);
    expect(infinite).toEqual(["float16", "bfloat16", "float8e5m2"].includes(dtype) ? [Infinity, -Infinity] : []);
  });

  it("encodes what it decodes", () => {
    const wrong = patterns.filter((bits) => {
      const value = decodeFloat(dtype, bits);
      const back = encodeFloat(dtype, value);
      return Number.isNaN(value) ? !Number.isNaN(decodeFloat(dtype, back)) : back !== bits;
    });
    expect(wrong).toEqual([]);
  });

  it("rounds to nearest even around every value and every midpoint", () => {
    const wrong: number[] = [];
    const check = (magnitude: number): void => {
      const expected = nearest(finite, magnitude);
      const negative = expected === 0 && unsignedZero ? 0 : (expected ?? 0) | (2 ** width);
      const right =
        expected === undefined
          ? encodeFloat(dtype, magnitude, true) === finite.at(-1)!.bits
          : [true, false].every(
              (saturate) =>
                encodeFloat(dtype, magnitude, saturate) === expected &&
                encodeFloat(dtype, -magnitude, saturate) === negative,
            );
      if (!right) wrong.push(magnitude);
    };
    finite.forEach(({ value }, i) => {
      const next = finite[i + 1]?.value ?? 2 * value - finite[i - 1]!.value;
      const middle = (value + next) / 2;
      for (const x of [value, nextUp(value), nextDown(middle), middle, nextUp(middle)]) check(x);
    });
    expect(wrong).toEqual([]);
  });

  it("agrees with the search on arbitrary doubles", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: largest, noNaN: true }), (magnitude) => {
        expect(encodeFloat(dtype, magnitude, true)).toBe(nearest(finite, magnitude));
      }),
      { seed: 7, numRuns: 2000 },
    );
  });

  it("saturates, or goes to infinity or NaN, past the largest", () => {
    const max = finite.at(-1)!.bits;
    for (const x of [largest * 2, 1e300, Infinity]) {
      expect(encodeFloat(dtype, x, true)).toBe(max);
      expect(encodeFloat(dtype, -x, true)).toBe(max | (2 ** width));
      const open = decodeFloat(dtype, encodeFloat(dtype, x, false));
      if (["float16", "bfloat16", "float8e5m2"].includes(dtype)) expect(open).toBe(Infinity);
      else if (dtype === "float4e2m1") expect(open).toBe(6);
      else expect(open).toBeNaN();
    }
  });
});

describe("special bits of ONNX's Cast tables", () => {
  it("has one NaN in uz formats, a signed one in e4m3fn, and none in float4e2m1", () => {
    expect(encodeFloat("float8e4m3fnuz", NaN)).toBe(0x80);
    expect(encodeFloat("float8e5m2fnuz", -Infinity, false)).toBe(0x80);
    expect(encodeFloat("float8e4m3fn", -Infinity, false)).toBe(0xff);
    expect(encodeFloat("float8e5m2", -Infinity, false)).toBe(0xfc);
    expect(encodeFloat("float4e2m1", NaN)).toBe(0x8);
  });

  it("drops the sign of zero in uz formats only", () => {
    expect(encodeFloat("float8e5m2fnuz", -0)).toBe(0);
    expect(encodeFloat("float8e4m3fnuz", -1e-9)).toBe(0);
    expect(encodeFloat("float8e5m2", -0)).toBe(0x80);
  });
});

describe("float8e8m0", () => {
  const modes: readonly E8M0Rounding[] = ["up", "down", "nearest"];

  it("keeps every power of two in every mode", () => {
    for (let bits = 0; bits < 255; bits++) {
      for (const mode of modes)
        for (const saturate of [true, false]) expect(encodeE8M0(decodeE8M0(bits), saturate, mode)).toBe(bits);
    }
    expect(decodeE8M0(255)).toBeNaN();
    expect(encodeE8M0(NaN, true, "up")).toBe(255);
  });

  it("rounds between powers as the mode says, ties up", () => {
    for (let bits = 0; bits < 254; bits++) {
      const power = decodeE8M0(bits);
      expect(encodeE8M0(power * 1.25, true, "up")).toBe(bits + 1);
      expect(encodeE8M0(power * 1.75, true, "down")).toBe(bits);
      expect(encodeE8M0(power * 1.4999, true, "nearest")).toBe(bits);
      expect(encodeE8M0(power * 1.5, true, "nearest")).toBe(bits + 1);
    }
  });

  it("follows the table of special values", () => {
    for (const [value, bits] of [
      [0, 0],
      [Infinity, 254],
      [1e300, 254],
      [1e-300, 0],
      [Number.MIN_VALUE, 0],
    ] as const) {
      expect(encodeE8M0(value, true, "up")).toBe(bits);
      expect(encodeE8M0(value, false, "nearest")).toBe(255);
    }
  });
});

describe("isNarrowFloat", () => {
  it("tells the table's formats from all others", () => {
    expect(SPECIFIED.every(([dtype]) => isNarrowFloat(dtype))).toBe(true);
    expect(isNarrowFloat("float32")).toBe(false);
    expect(isNarrowFloat("float8e8m0")).toBe(false);
  });
});
