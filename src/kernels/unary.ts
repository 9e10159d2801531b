/** Elementwise mathematics of one operand. */
import { bytesOf, reader, sizeOf } from "./access.ts";
import { operand, result, unaryKernel } from "./elementwise.ts";
import { erf } from "./erf.ts";
import { roundHalfEven } from "./rounding.ts";
import type { Kernel, KernelTable } from "./types.ts";

const plain = (number: (x: number) => number): Kernel => unaryKernel(() => ({ number }));

const exp = unaryKernel(() => ({
  number: Math.exp,
  float32(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.exp(x[i]!);
  },
}));

const sqrt = unaryKernel(() => ({
  number: Math.sqrt,
  float32(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.sqrt(x[i]!);
  },
}));

const erfKernel = unaryKernel(() => ({
  number: erf,
  float32(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = erf(x[i]!);
  },
}));

const magnitude = (x: bigint): bigint => (x < 0n ? -x : x);

const abs = unaryKernel(() => ({ number: Math.abs, big: magnitude }));
const neg = unaryKernel(() => ({ number: (x) => -x, big: (x) => -x }));
const sign = unaryKernel(() => ({ number: Math.sign, big: (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n) }));

const isNaNKernel: Kernel = (call) => {
  const y = result(call);
  const read = reader(operand(call, 0));
  const count = sizeOf(y.shape);
  for (let i = 0; i < count; i++) y.data[i] = Number.isNaN(read(i)) ? 1 : 0;
};

/** Attributes positive, negative: which infinities count. */
const isInf: Kernel = (call) => {
  const y = result(call);
  const read = reader(operand(call, 0));
  const positive = call.attrs.get("positive") === true;
  const negative = call.attrs.get("negative") === true;
  const count = sizeOf(y.shape);
  for (let i = 0; i < count; i++) {
    const x = read(i);
    y.data[i] = (x === Infinity && positive) || (x === -Infinity && negative) ? 1 : 0;
  }
};

const not: Kernel = (call) => {
  const x = operand(call, 0).data;
  const y = result(call).data;
  for (let i = 0; i < y.length; i++) y[i] = x[i] === 0 ? 1 : 0;
};

/** Flips every bit, so it needs no decoding. */
const bitwiseNot: Kernel = (call) => {
  const x = bytesOf(operand(call, 0));
  const y = bytesOf(result(call));
  for (let i = 0; i < y.length; i++) y[i] = ~x[i]!;
};

export const unaryKernels: KernelTable = {
  Abs: abs,
  Acos: plain(Math.acos),
  Acosh: plain(Math.acosh),
  Asin: plain(Math.asin),
  Asinh: plain(Math.asinh),
  Atan: plain(Math.atan),
  Atanh: plain(Math.atanh),
  BitwiseNot: bitwiseNot,
  Ceil: plain(Math.ceil),
  Cos: plain(Math.cos),
  Cosh: plain(Math.cosh),
  Erf: erfKernel,
  Exp: exp,
  Floor: plain(Math.floor),
  IsInf: isInf,
  IsNaN: isNaNKernel,
  Log: plain(Math.log),
  Neg: neg,
  Not: not,
  Reciprocal: plain((x) => 1 / x),
  Round: plain(roundHalfEven),
  Sign: sign,
  Sin: plain(Math.sin),
  Sinh: plain(Math.sinh),
  Sqrt: sqrt,
  Tan: plain(Math.tan),
  Tanh: unaryKernel(() => ({
    number: Math.tanh,
    float32(x, y) {
      for (let i = 0; i < y.length; i++) y[i] = Math.tanh(x[i]!);
    },
  })),
};
