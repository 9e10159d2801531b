import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DTYPES, DTYPE_NAMES, isInteger, type DType } from "../ir/dtype.ts";
import { bigReader, bigWriter, bytesOf, makeTensor, storageLength, tensorOf, toNumbers } from "./access.ts";
import { castKernels } from "./cast.ts";
import { decodeFloat, encodeFloat } from "./float-formats.ts";
import { integerToDouble } from "./rounding.ts";
import type { Tensor } from "./types.ts";

const cast = (x: Tensor, to: DType, attrs: readonly (readonly [string, string | boolean])[] = []): Tensor => {
  const y = makeTensor(to, x.shape);
  castKernels["Cast"]?.({ inputs: [x], outputs: [y], attrs: new Map(attrs) });
  return y;
};

const castNumbers = (from: DType, to: DType, values: readonly number[], saturate = true): number[] =>
  toNumbers(cast(tensorOf(from, [values.length], values), to, [["saturate", saturate]]));

const NUMERIC = DTYPE_NAMES.filter((dtype) => !["string", "complex"].includes(DTYPES[dtype].class));
const INTEGERS = NUMERIC.filter(isInteger);

const wrap = (dtype: DType, value: bigint): bigint => {
  const { bits, class: kind } = DTYPES[dtype];
  return kind === "int" ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
};

/** Every bit pattern of a type of at most 16 bits, one element each. */
const allPatterns = (dtype: DType): Tensor => {
  const count = 2 ** DTYPES[dtype].bits;
  const tensor = makeTensor(dtype, [count]);
  if (DTYPES[dtype].bits >= 8) {
    for (let i = 0; i < count; i++) tensor.data[i] = i;
    return tensor;
  }
  const perByte = 8 / DTYPES[dtype].bits;
  const bytes = bytesOf(tensor);
  for (let i = 0; i < count; i++) {
    bytes[Math.floor(i / perByte)]! |= i << ((i % perByte) * DTYPES[dtype].bits);
  }
  return tensor;
};

describe("Cast", () => {
  it("writes all of the result for every pair of types, and casting to the same type copies the bits", () => {
    for (const from of NUMERIC) {
      const x = cast(tensorOf("float32", [5], [1, 0.5, 1, 1, 1]), from);
      for (const to of NUMERIC) {
        const y = cast(x, to);
        expect(
          toNumbers(y).filter((value, i) => i !== 1 && value !== 1),
          `${from} to ${to}`,
        ).toEqual([]);
        expect(y.data).toHaveLength(storageLength(to, 5));
      }
    }
    const nan = { dtype: "float32", shape: [1], data: new Float32Array(new Uint32Array([0x7fa12345]).buffer) } as const;
    expect(bytesOf(cast(nan, "float32"))).toEqual(bytesOf(nan));
  });

  it("is exact from every narrow type to float32 and back", () => {
    for (const dtype of NUMERIC.filter((name) => DTYPES[name].bits <= 16 && name !== "bool")) {
      const x = allPatterns(dtype);
      const back = cast(cast(x, "float32"), dtype, [["saturate", false]]);
      const [before, after] = [toNumbers(x), toNumbers(back)];
      expect(after, dtype).toEqual(before);
    }
  });

  it("wraps integers modulo 2^bits", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...INTEGERS),
        fc.constantFrom(...INTEGERS),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
        (from, to, value) => {
          const x = makeTensor(from, [1]);
          bigWriter(x)(0, value);
          expect(bigReader(cast(x, to))(0)).toBe(wrap(to, wrap(from, value)));
        },
      ),
      { seed: 3, numRuns: 3000 },
    );
  });

  it("truncates floats to integers, and wraps or marks what is out of range like x86-64", () => {
    const values = [2.9, -2.9, -1, 300, 3e9, NaN, Infinity, -Infinity];
    expect(castNumbers("float32", "int32", values)).toEqual([2, -2, -1, 300, ...Array(4).fill(-(2 ** 31))]);
    expect(castNumbers("float32", "uint8", values)).toEqual([2, 254, 255, 44, 0, 0, 0, 0]);
    expect(castNumbers("float32", "int8", values)).toEqual([2, -2, -1, 44, 0, 0, 0, 0]);
    expect(castNumbers("float32", "uint32", values)).toEqual([2, 2 ** 32 - 2, 2 ** 32 - 1, 300, 3e9, 0, 0, 0]);
    expect(castNumbers("float64", "int64", values)).toEqual([2, -2, -1, 300, 3e9, ...Array(3).fill(-(2 ** 63))]);
    expect(castNumbers("float64", "uint64", [2 ** 63, 1e19])).toEqual([2 ** 63, 1e19]);
  });

  it("rounds floats to 4- and 2-bit integers and keeps their low bits", () => {
    expect(castNumbers("float32", "int4", [0.5, 1.5, 2.5, 7.6, -8.4, -9, 100, NaN])).toEqual([
      0, 2, 2, -8, -8, 7, 4, 0,
    ]);
    expect(castNumbers("float32", "uint4", [-0.4, -1, 15.4, 16])).toEqual([0, 15, 15, 0]);
    expect(castNumbers("float16", "int2", [-3, -2, -1, 0, 1, 2, 3])).toEqual([1, -2, -1, 0, 1, -2, -1]);
  });

  it("has float8 as in ONNX's two tables", () => {
    const x = [Infinity, -Infinity, 1e6, -1e6, -0];
    expect(castNumbers("float32", "float8e4m3fn", x)).toEqual([448, -448, 448, -448, -0]);
    expect(castNumbers("float32", "float8e4m3fnuz", x)).toEqual([240, -240, 240, -240, 0]);
    expect(castNumbers("float32", "float8e5m2", x)).toEqual([57344, -57344, 57344, -57344, -0]);
    expect(castNumbers("float32", "float8e5m2fnuz", x)).toEqual([57344, -57344, 57344, -57344, 0]);
    expect(castNumbers("float32", "float8e4m3fn", x, false)).toEqual([NaN, NaN, NaN, NaN, -0]);
    expect(castNumbers("float32", "float8e5m2", x, false)).toEqual([Infinity, -Infinity, Infinity, -Infinity, -0]);
    expect(castNumbers("float32", "float16", [1e6, -1e6])).toEqual([Infinity, -Infinity]);
  });

  it("rounds to float8e8m0 by round_mode", () => {
    const x = tensorOf("float32", [3], [0, 1.1, 6]);
    expect(toNumbers(cast(x, "float8e8m0", [["round_mode", "up"]]))).toEqual([2 ** -127, 2, 8]);
    expect(toNumbers(cast(x, "float8e8m0", [["round_mode", "down"]]))).toEqual([2 ** -127, 1, 4]);
    expect(toNumbers(cast(x, "float8e8m0", [["round_mode", "nearest"]]))).toEqual([2 ** -127, 1, 8]);
  });

  it("makes bool of anything that is not zero", () => {
    expect(castNumbers("float32", "bool", [0, -0, NaN, 0.1, -3])).toEqual([0, 0, 1, 1, 1]);
    expect(castNumbers("int64", "bool", [0, 2 ** 40])).toEqual([0, 1]);
  });

  it("rounds 64-bit integers to floats once", () => {
    // Through a double first, this value would become a tie and round down.
    const value = 2n ** 60n + 2n ** 36n + 1n;
    const x: Tensor = { dtype: "int64", shape: [2], data: BigInt64Array.of(value, -value) };
    const up = 2 ** 60 + 2 ** 37;
    expect(toNumbers(cast(x, "float32"))).toEqual([up, -up]);
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), (v) => {
        const single = Math.fround(integerToDouble(v));
        const error = (y: number): bigint => (BigInt(y) > v ? BigInt(y) - v : v - BigInt(y));
        const ulp = 2 ** Math.max(0, Math.floor(Math.log2(Math.abs(single) || 1)) - 24);
        expect(error(single) <= error(Math.fround(single + ulp * 2))).toBe(true);
        expect(error(single) <= error(Math.fround(single - ulp * 2))).toBe(true);
      }),
      { seed: 5, numRuns: 2000 },
    );
  });

  it("decodes and encodes as the formats do", () => {
    const half = Array.from({ length: 0x7c00 }, (_, bits) => decodeFloat("float16", bits));
    const narrowed = cast(tensorOf("float64", [half.length], half), "bfloat16").data;
    expect([...narrowed].map(Number)).toEqual(half.map((value) => encodeFloat("bfloat16", value)));
  });
});

describe("BitCastToBool", () => {
  it("is true wherever a bit is set", () => {
    const y = makeTensor("bool", [3]);
    const x: Tensor = { dtype: "float8e4m3fn", shape: [3], data: Uint8Array.of(0, 0x80, 2) };
    castKernels["BitCastToBool"]?.({ inputs: [x], outputs: [y], attrs: new Map() });
    expect(toNumbers(y)).toEqual([0, 1, 1]);
  });
});
