/**
 * Arithmetic of two operands with broadcasting. Integers wrap modulo 2^bits, 64-bit ones included;
 * division truncates; dividing an integer by zero is bad data.
 */
import { isFloat, isInteger } from "../ir/dtype.ts";
import { badData } from "../errors.ts";
import { bigReader, bigWriter, reader, writer } from "./access.ts";
import { binaryKernel, mapPairs, operand, result, type BinaryMeaning } from "./elementwise.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

const add: BinaryMeaning = {
  number: (a, b) => a + b,
  big: (a, b) => a + b,
  float32(y, at, count, a, aAt, aStep, b, bAt, bStep) {
    for (let i = 0; i < count; i++) y[at + i] = a[aAt + i * aStep]! + b[bAt + i * bStep]!;
  },
};

const sub: BinaryMeaning = {
  number: (a, b) => a - b,
  big: (a, b) => a - b,
  float32(y, at, count, a, aAt, aStep, b, bAt, bStep) {
    for (let i = 0; i < count; i++) y[at + i] = a[aAt + i * aStep]! - b[bAt + i * bStep]!;
  },
};

const mulFloats: BinaryMeaning = {
  number: (a, b) => a * b,
  float32(y, at, count, a, aAt, aStep, b, bAt, bStep) {
    for (let i = 0; i < count; i++) y[at + i] = a[aAt + i * aStep]! * b[bAt + i * bStep]!;
  },
};

// A product of two 32-bit integers has more digits than a double; its low 32 bits are exact.
const mulIntegers: BinaryMeaning = { number: Math.imul, big: (a, b) => a * b };

const divFloats: BinaryMeaning = {
  number: (a, b) => a / b,
  float32(y, at, count, a, aAt, aStep, b, bAt, bStep) {
    for (let i = 0; i < count; i++) y[at + i] = a[aAt + i * aStep]! / b[bAt + i * bStep]!;
  },
};

const divIntegers: BinaryMeaning = {
  number(a, b) {
    if (b === 0) throw badData("Div", "an integer is divided by zero");
    return Math.trunc(a / b);
  },
  big(a, b) {
    if (b === 0n) throw badData("Div", "an integer is divided by zero");
    return a / b;
  },
};

/** C's fmod: the sign of the dividend. */
const remainder: BinaryMeaning = {
  number: (a, b) => a % b,
  big(a, b) {
    if (b === 0n) throw badData("Mod", "an integer is divided by zero");
    return a % b;
  },
};

/** Python's %: the sign of the divisor. */
const floorModulo: BinaryMeaning = {
  number(a, b) {
    if (b === 0) throw badData("Mod", "an integer is divided by zero");
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
  },
  big(a, b) {
    if (b === 0n) throw badData("Mod", "an integer is divided by zero");
    const rest = a % b;
    return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
  },
};

/** Attribute fmod; an integer divided by zero is bad data in both senses. */
const modulo = (a: Tensor, fmod: boolean): BinaryMeaning => {
  if (!fmod) return floorModulo;
  if (isFloat(a.dtype)) return remainder;
  return {
    ...remainder,
    number(x, y) {
      if (y === 0) throw badData("Mod", "an integer is divided by zero");
      return x % y;
    },
  };
};

/** IEEE 754's pow, which differs from JavaScript's where the base is 1, or -1 with an infinite exponent. */
const power = (base: number, exponent: number): number => {
  if (base === 1 || (base === -1 && Math.abs(exponent) === Infinity)) return 1;
  return base ** exponent;
};

/** Integer power modulo 2^64; a negative exponent gives the truncated reciprocal. */
const integerPower = (base: bigint, exponent: bigint): bigint => {
  if (exponent < 0n) {
    if (base === 0n) throw badData("Pow", "zero is raised to a negative integer power");
    if (base === 1n) return 1n;
    return base === -1n ? (exponent % 2n === 0n ? 1n : -1n) : 0n;
  }
  let product = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) product = BigInt.asUintN(64, product * square);
    square = BigInt.asUintN(64, square * square);
  }
  return product;
};

/** Base and exponent may differ in dtype; the result has the base's. */
const pow: Kernel = (call) => {
  const [base, exponent, y] = [operand(call, 0), operand(call, 1), result(call)];
  const bShape = call.attrs.get("bShape");
  const shapes = [base.shape, Array.isArray(bShape) ? (bShape as readonly number[]) : exponent.shape];
  if (isInteger(base.dtype) && isInteger(exponent.dtype)) {
    mapPairs(y.shape, shapes, bigReader(base), bigReader(exponent), integerPower, bigWriter(y));
  } else {
    const write = writer(y);
    const put = isInteger(base.dtype) ? (i: number, value: number): void => write(i, Math.trunc(value)) : write;
    mapPairs(y.shape, shapes, reader(base), reader(exponent), power, put);
  }
};

export const binaryKernels: KernelTable = {
  Add: binaryKernel(() => add),
  Div: binaryKernel((a) => (isInteger(a.dtype) ? divIntegers : divFloats)),
  Mod: binaryKernel((a, _b, attrs) => modulo(a, attrs.get("fmod") === true)),
  Mul: binaryKernel((a) => (isInteger(a.dtype) ? mulIntegers : mulFloats)),
  Pow: pow,
  Sub: binaryKernel(() => sub),
};
