import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DTYPES, type DType } from "../ir/dtype.ts";
import { bigReader, bigWriter, makeTensor, sizeOf, tensorOf, toNumbers } from "./access.ts";
import { binaryKernels } from "./binary.ts";
import { logicalKernels } from "./logical.ts";
import type { AttrValue } from "../ir/types.ts";
import type { Tensor } from "./types.ts";
import { variadicKernels } from "./variadic.ts";

const KERNELS = { ...binaryKernels, ...logicalKernels, ...variadicKernels };
type Attrs = Readonly<Record<string, AttrValue>>;

const run = (
  name: string,
  inputs: readonly Tensor[],
  shape: readonly number[],
  dtype: DType,
  attrs: Attrs = {},
): Tensor => {
  const y = makeTensor(dtype, shape);
  KERNELS[name]?.({ inputs, outputs: [y], attrs: new Map(Object.entries(attrs)) });
  return y;
};

/** One pair of scalars through a kernel. */
const pair = (name: string, dtype: DType, a: number, b: number, attrs: Attrs = {}, to: DType = dtype): number =>
  toNumbers(run(name, [tensorOf(dtype, [], [a]), tensorOf(dtype, [], [b])], [], to, attrs))[0] ?? NaN;

/** Element of a broadcast operand at a multi-index, found without strides. */
const at = (tensor: Tensor, index: readonly number[]): number => {
  const own = index.slice(index.length - tensor.shape.length);
  let flat = 0;
  tensor.shape.forEach((dim, d) => (flat = flat * dim + (dim === 1 ? 0 : (own[d] ?? 0))));
  return toNumbers(tensor)[flat] ?? NaN;
};

const indexOf = (flat: number, shape: readonly number[]): number[] => {
  const index: number[] = [];
  let rest = flat;
  for (const dim of shape.toReversed()) {
    index.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return index;
};

/** A result shape and shapes that broadcast to it: dims become 1, leading dims may be missing. */
const broadcastShapes = (count: number): fc.Arbitrary<{ shape: number[]; shapes: number[][] }> =>
  fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }).chain((shape) =>
    fc
      .tuple(
        ...Array.from({ length: count }, () =>
          fc.tuple(fc.nat(shape.length), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })),
        ),
      )
      .map((choices) => ({
        shape,
        shapes: choices.map(([from, ones], k) =>
          k === 0 ? shape : shape.slice(from).map((dim, d) => (ones[d] === true ? 1 : dim)),
        ),
      })),
  );

const filled = (dtype: DType, shape: readonly number[], seed: number): Tensor =>
  tensorOf(
    dtype,
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7 + seed * 5) % 23) - (dtype === "bool" ? 0 : 11)),
  );

describe("broadcasting", () => {
  it.each(["Add", "Sub", "Mul", "Div"])(
    "%s agrees with a naive loop on every shape, in both operand orders",
    (name) => {
      const naive = {
        Add: (a: number, b: number) => a + b,
        Sub: (a: number, b: number) => a - b,
        Mul: (a: number, b: number) => a * b,
        Div: (a: number, b: number) => a / b,
      }[name]!;
      fc.assert(
        fc.property(
          broadcastShapes(2),
          fc.constantFrom<DType>("float32", "float64"),
          fc.boolean(),
          ({ shape, shapes }, dtype, swap) => {
            const [a, b] = (swap ? shapes.toReversed() : shapes).map((own, k) => filled(dtype, own, k + 1));
            const expected = Array.from({ length: sizeOf(shape) }, (_, i) =>
              naive(at(a!, indexOf(i, shape)), at(b!, indexOf(i, shape))),
            );
            expect(toNumbers(run(name, [a!, b!], shape, dtype))).toEqual(toNumbers(tensorOf(dtype, shape, expected)));
          },
        ),
        { seed: 11, numRuns: 300 },
      );
    },
  );

  it("Where and the variadic kernels agree with a naive loop on three operands", () => {
    fc.assert(
      fc.property(
        broadcastShapes(3),
        fc.constantFrom<DType>("float32", "int64", "int4", "float16"),
        ({ shape, shapes }, dtype) => {
          const [a, b, c] = shapes.map((own, k) => filled(dtype, own, k));
          const condition = filled("bool", shapes[2]!, 3);
          const all = Array.from({ length: sizeOf(shape) }, (_, i) => indexOf(i, shape));
          const chosen = all.map((index) => at(at(condition, index) === 0 ? b! : a!, index));
          expect(toNumbers(run("Where", [condition, a!, b!], shape, dtype))).toEqual(chosen);
          const greatest = all.map((index) => Math.max(at(a!, index), at(b!, index), at(c!, index)));
          expect(toNumbers(run("Max", [a!, b!, c!], shape, dtype))).toEqual(greatest);
        },
      ),
      { seed: 12, numRuns: 300 },
    );
  });

  it("aligns operand 1 by attribute bShape", () => {
    const a = filled("float32", [2, 3, 2], 0);
    const y = run("Add", [a, tensorOf("float32", [3], [10, 20, 30])], [2, 3, 2], "float32", { bShape: [3, 1] });
    const x = toNumbers(a);
    expect(toNumbers(y)).toEqual(x.map((value, i) => value + 10 * (1 + (Math.floor(i / 2) % 3))));
  });

  it("may overwrite an operand of the result's shape", () => {
    const x = filled("float32", [3, 4], 1);
    const row = filled("float32", [4], 2);
    const expected = toNumbers(run("Mul", [x, row], [3, 4], "float32"));
    KERNELS["Mul"]?.({ inputs: [x, row], outputs: [x], attrs: new Map() });
    expect(toNumbers(x)).toEqual(expected);
  });
});

describe("integers", () => {
  const INTEGERS: readonly DType[] = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"];

  it("wrap modulo 2^bits, exactly in 64 bits too", () => {
    const meanings: readonly (readonly [string, (a: bigint, b: bigint) => bigint])[] = [
      ["Add", (a, b) => a + b],
      ["Sub", (a, b) => a - b],
      ["Mul", (a, b) => a * b],
      ["BitwiseAnd", (a, b) => a & b],
      ["BitwiseOr", (a, b) => a | b],
      ["BitwiseXor", (a, b) => a ^ b],
      ["Max", (a, b) => (a > b ? a : b)],
      ["Min", (a, b) => (a < b ? a : b)],
      ["Div", (a, b) => a / b],
      ["Mod", (a, b) => ((a % b) + b) % b],
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...INTEGERS),
        fc.constantFrom(...meanings),
        fc.bigInt(0n, 2n ** 64n - 1n),
        fc.bigInt(1n, 2n ** 64n - 1n),
        (dtype, [name, meaning], p, q) => {
          const { bits, class: kind } = DTYPES[dtype];
          const wrap = (v: bigint): bigint => (kind === "int" ? BigInt.asIntN(bits, v) : BigInt.asUintN(bits, v));
          const [a, b] = [wrap(p), wrap(q) === 0n ? 1n : wrap(q)];
          const operands = [a, b].map((v) => {
            const tensor = makeTensor(dtype, []);
            bigWriter(tensor)(0, v);
            return tensor;
          });
          expect(bigReader(run(name, operands, [], dtype))(0), `${name} ${dtype} ${a} ${b}`).toBe(wrap(meaning(a, b)));
        },
      ),
      { seed: 13, numRuns: 5000 },
    );
  });

  it("report a division by zero", () => {
    for (const dtype of ["int32", "int64"] as const) {
      expect(() => pair("Div", dtype, 1, 0)).toThrow(/divided by zero/);
      expect(() => pair("Mod", dtype, 1, 0)).toThrow(/divided by zero/);
      expect(() => pair("Mod", dtype, 1, 0, { fmod: true })).toThrow(/divided by zero/);
    }
  });

  it("shift, and shift out", () => {
    expect(pair("BitShift", "uint8", 0b1011, 4, { direction: "LEFT" })).toBe(0b10110000);
    expect(pair("BitShift", "uint32", 2 ** 31, 31, { direction: "RIGHT" })).toBe(1);
    expect(pair("BitShift", "uint32", 1, 31, { direction: "LEFT" })).toBe(2 ** 31);
    for (const dtype of ["uint8", "uint32", "uint64"] as const) {
      expect(pair("BitShift", dtype, 5, 64, { direction: "LEFT" })).toBe(0);
      expect(pair("BitShift", dtype, 5, 64, { direction: "RIGHT" })).toBe(0);
    }
    expect(pair("BitShift", "uint64", 1, 40, { direction: "LEFT" })).toBe(2 ** 40);
  });
});

describe("Mod", () => {
  it("has the divisor's sign without fmod, the dividend's with it", () => {
    expect([pair("Mod", "int32", -7, 3), pair("Mod", "int64", 7, -3)]).toEqual([2, -2]);
    expect([pair("Mod", "int32", -7, 3, { fmod: true }), pair("Mod", "int64", 7, -3, { fmod: true })]).toEqual([-1, 1]);
    expect(pair("Mod", "float32", -5.5, 2, { fmod: true })).toBe(-1.5);
    expect(pair("Mod", "float32", 5, Infinity, { fmod: true })).toBe(5);
    expect(pair("Mod", "float32", 5, 0, { fmod: true })).toBeNaN();
  });
});

describe("Pow", () => {
  it("follows IEEE 754 where JavaScript does not", () => {
    expect(pair("Pow", "float32", 1, NaN)).toBe(1);
    expect(pair("Pow", "float32", -1, -Infinity)).toBe(1);
    expect(pair("Pow", "float32", NaN, 0)).toBe(1);
    expect(pair("Pow", "float32", -8, 1 / 3)).toBeNaN();
  });

  it("is exact on integers, and takes an exponent of another dtype", () => {
    expect(bigReader(run("Pow", [tensorOf("int64", [], [3]), tensorOf("int64", [], [39])], [], "int64"))(0)).toBe(
      3n ** 39n,
    );
    expect(pair("Pow", "int32", 3, 21)).toBe(Number(BigInt.asIntN(32, 3n ** 21n)));
    expect([pair("Pow", "int32", 2, -1), pair("Pow", "int32", -1, -3)]).toEqual([0, -1]);
    expect(() => pair("Pow", "int32", 0, -1)).toThrow(/negative/);
    const squared = run("Pow", [tensorOf("float32", [2], [3, -4]), tensorOf("int64", [], [2])], [2], "float32");
    expect(toNumbers(squared)).toEqual([9, 16]);
    const root = run("Pow", [tensorOf("int32", [], [10]), tensorOf("float32", [], [0.5])], [], "int32");
    expect(toNumbers(root)).toEqual([3]);
  });
});

const truthTable = (name: string): number[] => [0, 1, 2, 3].map((i) => pair(name, "bool", i >> 1, i & 1));

describe("comparisons and logic", () => {
  it("tell 64-bit integers apart beyond 2^53", () => {
    const big = 2n ** 53n;
    const a: Tensor = { dtype: "int64", shape: [1], data: BigInt64Array.of(big) };
    const b: Tensor = { dtype: "int64", shape: [1], data: BigInt64Array.of(big + 1n) };
    const holds = (name: string): number => toNumbers(run(name, [a, b], [1], "bool"))[0] ?? NaN;
    expect(["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"].map(holds)).toEqual([0, 1, 1, 0, 0]);
  });

  it("are false on NaN and follow the truth tables", () => {
    for (const name of ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"]) {
      expect(pair(name, "float32", NaN, NaN, {}, "bool")).toBe(0);
    }
    expect([truthTable("And"), truthTable("Or"), truthTable("Xor")]).toEqual([
      [0, 0, 0, 1],
      [0, 1, 1, 1],
      [0, 1, 1, 0],
    ]);
  });
});

describe("Where", () => {
  it("moves both parts of complex numbers and the bits of NaN", () => {
    const condition = tensorOf("bool", [2], [1, 0]);
    const x: Tensor = { dtype: "complex64", shape: [2], data: Float32Array.of(1, 2, 3, 4) };
    const y: Tensor = { dtype: "complex64", shape: [2], data: Float32Array.of(5, 6, 7, 8) };
    expect([...run("Where", [condition, x, y], [2], "complex64").data]).toEqual([1, 2, 7, 8]);
    const bits: Tensor = { dtype: "float16", shape: [2], data: Uint16Array.of(0x7e01, 0xfe02) };
    expect([...run("Where", [condition, bits, bits], [2], "float16").data]).toEqual([0x7e01, 0xfe02]);
  });
});

describe("variadic", () => {
  it("folds any number of operands, and NaN comes through", () => {
    const operands = [1, 5, 3].map((v) => tensorOf("float32", [2], [v, v === 5 ? NaN : v]));
    const fold = (name: string): number[] => toNumbers(run(name, operands, [2], "float32"));
    expect(fold("Sum")).toEqual([9, NaN]);
    expect(fold("Mean")).toEqual([3, NaN]);
    expect(fold("Max")).toEqual([5, NaN]);
    expect(fold("Min")).toEqual([1, NaN]);
  });

  it("rounds a mean of float16 once", () => {
    const operands = [2048, 1, 1].map((v) => tensorOf("float16", [], [v]));
    expect(toNumbers(run("Mean", operands, [], "float16"))).toEqual(toNumbers(tensorOf("float16", [], [2050 / 3])));
  });
});
