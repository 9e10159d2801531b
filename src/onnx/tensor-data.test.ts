import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DTYPE_NAMES, DTYPES, type DType } from "../ir/dtype.ts";
import { tensorBytes } from "./model-bytes.test-util.ts";
import type { onnx } from "./proto/onnx.js";
import { readTensor } from "./read.ts";

type Tensor = onnx.TensorProto.$Properties;

const dataOf = async (tensor: Tensor): Promise<Uint8Array> => {
  const { source, byteLength } = await readTensor(tensorBytes(tensor));
  if (source.kind === "strings") throw new Error("strings have no bytes");
  const bytes = source.bytes();
  expect(bytes.byteLength).toBe(byteLength);
  return bytes;
};

/** The bytes of a tensor as a typed field of TensorProto, independent of the code under test. */
function typedField(dtype: DType, bytes: Uint8Array): Tensor {
  const { buffer } = bytes.slice();
  const { bits, class: kind } = DTYPES[dtype];
  if (dtype === "float32" || dtype === "complex64") return { floatData: Array.from(new Float32Array(buffer)) };
  if (dtype === "float64" || dtype === "complex128") return { doubleData: Array.from(new Float64Array(buffer)) };
  const long = (unsigned: boolean) =>
    Array.from({ length: bytes.length / 8 }, (_, i) => {
      const words = new Int32Array(buffer);
      return { low: words[2 * i]!, high: words[2 * i + 1]!, unsigned };
    });
  if (dtype === "int64") return { int64Data: long(false) };
  if (dtype === "uint64") return { uint64Data: long(true) };
  if (dtype === "uint32") return { uint64Data: Array.from(new Uint32Array(buffer)) };
  if (bits === 32) return { int32Data: Array.from(new Int32Array(buffer)) };
  if (bits === 16) return { int32Data: Array.from(kind === "int" ? new Int16Array(buffer) : new Uint16Array(buffer)) };
  return { int32Data: Array.from(dtype === "int8" ? new Int8Array(buffer) : bytes) };
}

const NUMERIC = DTYPE_NAMES.filter((dtype) => dtype !== "string");

test.each(NUMERIC)("%s: raw data and typed fields give the same bytes", async (dtype) => {
  const { bits, onnx: dataType, class: kind } = DTYPES[dtype];
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 9 }), fc.infiniteStream(fc.nat(255)), async (count, stream) => {
      const size = bits < 8 ? Math.ceil((count * bits) / 8) : (count * bits) / 8;
      const bytes = Uint8Array.from({ length: size }, () => stream.next().value as number);
      // A NaN may change its payload in a JavaScript number, and a bool has two values.
      if (kind === "float" || kind === "complex") for (let i = 3; i < size; i += 4) bytes[i] = bytes[i]! & 0x3f;
      if (dtype === "float64" || dtype === "complex128") for (let i = 7; i < size; i += 8) bytes[i] = bytes[i]! & 0x3f;
      if (dtype === "bool") for (let i = 0; i < size; i++) bytes[i] = bytes[i]! & 1;
      const raw = await dataOf({ name: "t", dims: [count], dataType, rawData: bytes });
      const typed = await dataOf({ name: "t", dims: [count], dataType, ...typedField(dtype, bytes) });
      expect(raw).toEqual(bytes);
      expect(typed).toEqual(bytes);
    }),
    { seed: 3, numRuns: 25 },
  );
});

test("raw data is a view on the input", async () => {
  const bytes = tensorBytes({ name: "t", dims: [2], dataType: 1, rawData: new Uint8Array(8) });
  const { source } = await readTensor(bytes);
  if (source.kind !== "inline") throw new Error("not inline");
  expect(source.bytes().buffer).toBe(bytes.buffer);
});

test("strings are decoded", async () => {
  const tensor = await readTensor(
    tensorBytes({ dims: [2], dataType: 8, stringData: [Buffer.from("a"), Buffer.from("é")] }),
  );
  expect(tensor.source).toEqual({ kind: "strings", values: ["a", "é"] });
});

test("a tensor without its data can be planned, not read", async () => {
  const tensor = await readTensor(tensorBytes({ name: "t", dims: [3], dataType: 1 }));
  expect(tensor.byteLength).toBe(12);
  expect(() => tensor.source.kind === "inline" && tensor.source.bytes()).toThrow(
    expect.objectContaining({ code: "invalid-tensor" }),
  );
});

test("a zero-size tensor has no bytes, whatever its other dims", async () => {
  expect(await dataOf({ dims: [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1, 0], dataType: 1 })).toHaveLength(0);
});

const BAD: readonly [string, Tensor][] = [
  ["-1 as uint8", { dims: [1], dataType: 2, int32Data: [-1] }],
  ["128 as int8", { dims: [1], dataType: 3, int32Data: [128] }],
  ["65536 as float16 bits", { dims: [1], dataType: 10, int32Data: [65_536] }],
  ["2^32 as uint32", { dims: [1], dataType: 12, uint64Data: [2 ** 32] }],
  ["three halves of complex", { dims: [2], dataType: 14, floatData: [1, 2, 3] }],
];

test.each(BAD)("%s is refused", async (_, tensor) => {
  await expect(readTensor(tensorBytes(tensor))).rejects.toMatchObject({ code: "invalid-tensor" });
});
