import * as fc from "fast-check";
import { expect, test } from "vitest";
import { exactInt, int64Bytes, saturatedInt, type Int64 } from "./int64.ts";

const halves = (value: bigint, unsigned: boolean): Int64 => ({
  low: Number(BigInt.asIntN(32, value)),
  high: Number(BigInt.asIntN(32, value >> 32n)),
  unsigned,
});

const MOST = BigInt(Number.MAX_SAFE_INTEGER);
const signed = fc.oneof(
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.bigInt(-MOST - 5n, -MOST + 5n),
  fc.bigInt(MOST - 5n, MOST + 5n),
);

test("a number is exact or refused, and saturates on its own side", () => {
  fc.assert(
    fc.property(signed, (value) => {
      const safe = value >= -MOST && value <= MOST;
      expect(exactInt(halves(value, false))).toBe(safe ? Number(value) : undefined);
      expect(saturatedInt(halves(value, false))).toBe(Number(value > MOST ? MOST : value < -MOST ? -MOST : value));
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("unsigned values past 2^63 stay positive", () => {
  expect(exactInt(halves(2n ** 64n - 1n, true))).toBeUndefined();
  expect(saturatedInt(halves(2n ** 64n - 1n, true))).toBe(Number.MAX_SAFE_INTEGER);
  expect(exactInt(halves(2n ** 32n + 7n, true))).toBe(2 ** 32 + 7);
});

test("bytes are those of a BigInt64Array", () => {
  fc.assert(
    fc.property(fc.array(signed), (values) => {
      const wanted = new Uint8Array(BigInt64Array.from(values).buffer);
      expect(int64Bytes(values.map((value) => halves(value, false)))).toEqual(wanted);
    }),
    { seed: 2 },
  );
  expect(int64Bytes([-2, 3])).toEqual(new Uint8Array(BigInt64Array.of(-2n, 3n).buffer));
});
