import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DType } from "../ir/dtype.ts";
import { makeTensor, sizeOf, tensorOf, toNumbers } from "./access.ts";
import { quantizeKernels } from "./quantize.ts";
import type { Tensor } from "./types.ts";

const RANGES: readonly (readonly [DType, number, number])[] = [
  ["uint8", 0, 255],
  ["int8", -128, 127],
  ["uint16", 0, 65535],
  ["int16", -32768, 32767],
  ["uint4", 0, 15],
  ["int4", -8, 7],
  ["uint2", 0, 3],
  ["int2", -2, 1],
];

interface Spread {
  readonly axis: number;
  readonly blockSize: number;
}

const quantize = (x: Tensor, scale: Tensor, zero: Tensor | null, to: DType, spread: Spread, more = {}): Tensor => {
  const y = makeTensor(to, x.shape);
  const attrs = new Map(Object.entries({ ...spread, precision: "float32", saturate: true, ...more }));
  quantizeKernels["QuantizeLinear"]?.({ inputs: [x, scale, zero], outputs: [y], attrs });
  return y;
};

const dequantize = (x: Tensor, scale: Tensor, zero: Tensor | null, to: DType, spread: Spread): Tensor => {
  const y = makeTensor(to, x.shape);
  quantizeKernels["DequantizeLinear"]?.({
    inputs: [x, scale, zero],
    outputs: [y],
    attrs: new Map(Object.entries(spread)),
  });
  return y;
};

const WHOLE: Spread = { axis: -1, blockSize: 0 };

/** Position of the scale of each element, from multi-indices. */
const scaleIndices = (shape: readonly number[], { axis, blockSize }: Spread): number[] =>
  Array.from({ length: sizeOf(shape) }, (_, flat) => {
    if (axis < 0) return 0;
    const index: number[] = [];
    let rest = flat;
    for (const dim of shape.toReversed()) {
      index.unshift(rest % dim);
      rest = Math.floor(rest / dim);
    }
    if (blockSize === 0) return index[axis]!;
    return index.reduce((at, i, d) => {
      const dim = d === axis ? Math.ceil(shape[d]! / blockSize) : shape[d]!;
      return at * dim + (d === axis ? Math.floor(i / blockSize) : i);
    }, 0);
  });

const halfEven = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

describe("QuantizeLinear and DequantizeLinear", () => {
  it("agree with a naive loop for every type and granularity", () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 });
    const cases = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        axis: fc.integer({ min: -1, max: shape.length - 1 }),
        blockSize: fc.integer({ min: 0, max: 3 }),
        range: fc.constantFrom(...RANGES),
        seed: fc.nat(50),
      }),
    );
    fc.assert(
      fc.property(cases, ({ shape, axis, blockSize, range: [dtype, low, high], seed }) => {
        const spread = { axis, blockSize: axis < 0 ? 0 : blockSize };
        const at = scaleIndices(shape, spread);
        const count = Math.max(...at) + 1;
        // Powers of two make every quotient exact, so that ties occur and need no tolerance.
        const scales = Array.from({ length: count }, (_, k) => 2 ** ((k + seed) % 5) / 4);
        const zeros = Array.from({ length: count }, (_, k) => low + ((k * 3 + seed) % (high - low + 1)));
        const values = at.map((_, i) => ((i * 37 + seed * 11) % 101) / 2 - 20);
        const [x, scale, zero] = [
          tensorOf("float32", shape, values),
          tensorOf("float32", [count], scales),
          tensorOf(dtype, [count], zeros),
        ];
        const y = quantize(x, scale, zero, dtype, spread);
        const expected = values.map((v, i) =>
          Math.min(high, Math.max(low, halfEven(v / scales[at[i]!]!) + zeros[at[i]!]!)),
        );
        expect(toNumbers(y)).toEqual(expected);
        const back = expected.map((v, i) => (v - zeros[at[i]!]!) * scales[at[i]!]!);
        expect(toNumbers(dequantize(y, scale, zero, "float32", spread))).toEqual(back);
      }),
      { seed: 21, numRuns: 500 },
    );
  });

  it("saturates infinities and sends NaN to the least value", () => {
    const x = tensorOf("float32", [3], [Infinity, -Infinity, NaN]);
    expect(toNumbers(quantize(x, tensorOf("float32", [], [1]), null, "int8", WHOLE))).toEqual([127, -128, -128]);
  });

  it("divides in the precision asked for", () => {
    const x = tensorOf("float32", [1], [1003]);
    const scale = tensorOf("float32", [], [1]);
    expect(toNumbers(quantize(x, scale, null, "int16", WHOLE))).toEqual([1003]);
    expect(toNumbers(quantize(x, scale, null, "int16", WHOLE, { precision: "bfloat16" }))).toEqual([1004]);
  });

  it("quantises to floats of 8 and 4 bits", () => {
    const x = tensorOf("float32", [4], [1000, -3, 0.3, -1e9]);
    const scale = tensorOf("float32", [], [2]);
    expect(toNumbers(quantize(x, scale, null, "float8e4m3fn", WHOLE))).toEqual([448, -1.5, 0.15625, -448]);
    expect(toNumbers(quantize(x, scale, null, "float8e4m3fn", WHOLE, { saturate: false }))).toEqual([
      NaN,
      -1.5,
      0.15625,
      NaN,
    ]);
    expect(toNumbers(quantize(x, scale, null, "float4e2m1", WHOLE))).toEqual([6, -1.5, 0, -6]);
    const q = tensorOf("float8e5m2", [2], [1.5, -0.25]);
    expect(toNumbers(dequantize(q, tensorOf("float16", [], [3]), null, "float16", WHOLE))).toEqual([4.5, -0.75]);
  });

  it("takes int32 without a zero point", () => {
    const x = tensorOf("int32", [2], [-30, 7]);
    expect(toNumbers(dequantize(x, tensorOf("float32", [], [0.5]), null, "float32", WHOLE))).toEqual([-15, 3.5]);
  });
});

const dynamic = (values: readonly number[]): number[][] => {
  const outputs = [makeTensor("uint8", [values.length]), makeTensor("float32", []), makeTensor("uint8", [])];
  const inputs = [tensorOf("float32", [values.length], values)];
  quantizeKernels["DynamicQuantizeLinear"]?.({ inputs, outputs, attrs: new Map() });
  return outputs.map(toNumbers);
};

describe("DynamicQuantizeLinear", () => {
  it("spreads the range, which includes zero, over 0..255", () => {
    expect(dynamic([0, 2, -3, -2.5, 1.34, 0.5])).toEqual([[153, 255, 0, 26, 221, 179], [Math.fround(5 / 255)], [153]]);
    expect(dynamic([1, 2.1, 1.3, 2.5])).toEqual([[102, 214, 133, 255], [Math.fround(2.5 / 255)], [0]]);
    expect(dynamic([-1, -2.1])[2]).toEqual([255]);
  });

  it("takes zeros alone, and nothing", () => {
    expect(dynamic([0, 0])).toEqual([[0, 0], [Math.fround(1 / 255)], [0]]);
    expect(dynamic([])[0]).toEqual([]);
  });
});
