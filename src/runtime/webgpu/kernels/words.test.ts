import { expect } from "vitest";
import { bytesOf, tensorFromBytes } from "../../../kernels/access.ts";
import { runKernelCase, testBackend } from "./check-kernel.test-util.ts";
import { deviceTest } from "./random-tensor.test-util.ts";
import { randomSource } from "./random.test-util.ts";

const COUNT = 1 << 18;

/** Bits of float32 values at, just below and just above the ties between neighbours of a 16-bit type, and of any. */
const NEAR_TIES = {
  // From half the smallest subnormal (2^-25) to beyond the largest number.
  float16: (any: number, side: number): number =>
    ((any & 0x8000) << 16) | ((0x33000000 + (any & 0x7fff) * 0x2a40) & 0x7fffe000) | (0x1000 + side),
  bfloat16: (any: number, side: number): number => (any << 16) | (0x8000 + side),
};

const isNaNBits = (bits: number): boolean => (bits & 0x7fffffff) > 0x7f800000;

for (const dtype of ["float16", "bfloat16"] as const)
  deviceTest(`rounding to ${dtype} is exact, ties to even`, async () => {
    const random = randomSource(dtype.length);
    const bits = Uint32Array.from({ length: COUNT }, (_, i) => {
      const any = random(65536);
      return (i % 4 === 0 ? (any << 16) | random(65536) : NEAR_TIES[dtype](any, (i % 4) - 2)) >>> 0;
    });
    const x = tensorFromBytes("float32", [COUNT], new Uint8Array(bits.buffer));
    const outputs = [{ dtype, shape: [COUNT] }];
    const { actual, expected } = await runKernelCase((await testBackend())!, { kernel: "Cast", inputs: [x], outputs });
    const [got, want] = [actual![0]!, expected[0]!].map((y) => new Uint16Array(bytesOf(y).slice().buffer));
    // The payload of a NaN is free.
    const wrong = bits.findIndex((value, i) => got![i] !== want![i] && !isNaNBits(value));
    expect(wrong === -1 ? undefined : [bits[wrong]!.toString(16), got![wrong], want![wrong]]).toBeUndefined();
  });
