import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { modelBytes, node, tensorType, value } from "./model-bytes.test-util.ts";
import type { AttributeValue } from "./model.ts";
import type { onnx } from "./proto/onnx.js";
import { readModel } from "./read.ts";

const folder = mkdtempSync(join(tmpdir(), "read-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const relu = [node("Relu", ["x"], ["y"])];

test("a model is read from bytes and from a file alike", async () => {
  const bytes = modelBytes({ node: relu }, { producerName: "test", producerVersion: "1" });
  const file = join(folder, "relu.onnx");
  writeFileSync(file, bytes);
  const [fromBytes, fromFile] = [await readModel(bytes), await readModel(file)];
  expect(fromFile).toEqual({ ...fromBytes, file });
  expect(fromBytes).toMatchObject({
    irVersion: 8,
    producer: "test 1",
    opsets: new Map([["", 17]]),
    functions: new Map(),
    sha256: createHash("sha256").update(bytes).digest("hex"),
    byteLength: bytes.length,
    graph: {
      inputs: [{ name: "x", type: "tensor", dtype: "float32", dims: [4] }],
      nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }],
    },
  });
});

test("files that are not there or can't be read say so", async () => {
  await expect(readModel(join(folder, "absent.onnx"))).rejects.toMatchObject({ code: "file-not-found" });
  await expect(readModel(folder)).rejects.toMatchObject({ code: "file-unreadable" });
  await expect(readModel("bad\0name")).rejects.toMatchObject({ code: "file-unreadable" });
});

test.skipIf(process.platform === "win32")("a pipe is refused instead of waited for", async () => {
  const pipe = join(folder, "pipe.onnx");
  execFileSync("mkfifo", [pipe]);
  await expect(readModel(pipe)).rejects.toMatchObject({ code: "file-unreadable" });
});

test("a file over the limit is not even opened", async () => {
  const file = join(folder, "big.onnx");
  writeFileSync(file, modelBytes({ node: relu }));
  const limits = { fileBytes: 10 };
  await expect(readModel(file, { limits })).rejects.toMatchObject({
    code: "limit-exceeded",
    help: expect.stringContaining("--limit fileBytes=N"),
  });
  await expect(readModel(modelBytes({ node: relu }), { limits })).rejects.toMatchObject({ code: "limit-exceeded" });
});

const text = (content: string): Uint8Array => Buffer.from(content);

async function attributesOf(
  attribute: onnx.AttributeProto.$Properties[],
): Promise<ReadonlyMap<string, AttributeValue>> {
  const model = await readModel(modelBytes({ node: [node("Custom", ["x"], ["y"], { attribute })] }));
  return model.graph.nodes[0]?.attributes ?? new Map<string, AttributeValue>();
}

test("every attribute type has its value", async () => {
  const got = await attributesOf([
    { name: "f", type: 1, f: 0.5 },
    { name: "i", type: 2, i: -3 },
    { name: "s", type: 3, s: text("é") },
    { name: "t", type: 4, t: { dims: [1], dataType: 1, floatData: [2] } },
    { name: "g", type: 5, g: { name: "body" } },
    { name: "floats", type: 6, floats: [1, 2] },
    { name: "ints", type: 7, ints: [1, 2] },
    { name: "strings", type: 8, strings: [text("a"), text("b")] },
    { name: "tensors", type: 9, tensors: [] },
    { name: "types", type: 14, typeProtos: [tensorType(1, [])] },
    { name: "sparse", type: 11, sparseTensor: {} },
    { name: "reference", type: 2, refAttrName: "outer" },
    { name: "zero", type: 2 },
    { name: "empty", type: 7 },
  ]);
  expect(got.get("f")).toEqual({ kind: "float", value: 0.5 });
  expect(got.get("i")).toEqual({ kind: "int", value: -3 });
  expect(got.get("s")).toEqual({ kind: "string", value: "é" });
  expect(got.get("t")).toMatchObject({ kind: "tensor", value: { dtype: "float32", shape: [1] } });
  expect(got.get("g")).toMatchObject({ kind: "graph", value: { name: "body" } });
  expect(got.get("floats")).toEqual({ kind: "floats", value: [1, 2] });
  expect(got.get("ints")).toEqual({ kind: "ints", value: [1, 2] });
  expect(got.get("strings")).toEqual({ kind: "strings", value: ["a", "b"] });
  expect(got.get("tensors")).toEqual({ kind: "other", what: "tensors" });
  expect(got.get("types")).toEqual({ kind: "other", what: "types" });
  expect(got.get("sparse")).toEqual({ kind: "other", what: "sparse tensor" });
  expect(got.get("reference")).toEqual({ kind: "reference", to: "outer" });
  expect(got.get("zero")).toEqual({ kind: "int", value: 0 });
  expect(got.get("empty")).toEqual({ kind: "ints", value: [] });
});

test("attributes of IR 1 have the type of the field that is set", async () => {
  const got = await attributesOf([
    { name: "i", i: 0 },
    { name: "f", f: 0 },
    { name: "ints", ints: [5] },
    { name: "s", s: Buffer.from("") },
    { name: "none" },
  ]);
  expect([...got.values()].map((one) => one.kind)).toEqual(["int", "float", "ints", "string", "other"]);
});

test("integers past 2^53 saturate", async () => {
  const most = { low: -1, high: 2 ** 31 - 1, unsigned: false };
  const got = await attributesOf([{ name: "ends", type: 7, ints: [most, -1] }]);
  expect(got.get("ends")).toEqual({ kind: "ints", value: [Number.MAX_SAFE_INTEGER, -1] });
});

test("names that mean something to JavaScript are names like others", async () => {
  const names = ["__proto__", "constructor", "toString"];
  const nodes = names.map((name, i) =>
    node("Relu", [i === 0 ? "x" : (names[i - 1] ?? "")], [name], { attribute: [{ name, type: 2, i: 1 }] }),
  );
  const model = await readModel(
    modelBytes({ node: nodes, output: [value("toString")], valueInfo: names.map((name) => value(name)) }),
  );
  expect(model.graph.nodes.map((one) => one.outputs[0])).toEqual(names);
  expect([...model.graph.valueInfo.keys()]).toEqual(names);
  expect(Object.getPrototypeOf({})).toBe(Object.prototype);
});

test("declared types: dims may be sizes, names or unknown, and not all values are tensors", async () => {
  const dim = [{ dimValue: 0 }, { dimParam: "batch" }, {}, { dimValue: -1 }];
  const input: onnx.ValueInfoProto.$Properties[] = [
    { name: "x", type: { tensorType: { elemType: 10, shape: { dim } } } },
    { name: "rankless", type: { tensorType: { elemType: 1 } } },
    { name: "list", type: { sequenceType: { elemType: tensorType(1, []) } } },
    { name: "maybe", type: { optionalType: { elemType: tensorType(1, []) } } },
    { name: "dictionary", type: { mapType: { keyType: 7, valueType: tensorType(1, []) } } },
    { name: "sparse", type: { sparseTensorType: { elemType: 1, shape: { dim: [{ dimValue: 2 }] } } } },
    { name: "untyped" },
  ];
  const { graph } = await readModel(modelBytes({ node: relu, input }));
  expect(graph.inputs).toEqual([
    { name: "x", type: "tensor", dtype: "float16", dims: [0, "batch", null, null] },
    { name: "rankless", type: "tensor", dtype: "float32", dims: undefined },
    { name: "list", type: "sequence", dtype: undefined, dims: undefined },
    { name: "maybe", type: "optional", dtype: undefined, dims: undefined },
    { name: "dictionary", type: "map", dtype: undefined, dims: undefined },
    { name: "sparse", type: "sparse-tensor", dtype: "float32", dims: [2] },
    { name: "untyped", type: "unknown", dtype: undefined, dims: undefined },
  ]);
});

test("an initializer that is also an input is only an initializer", async () => {
  const initializer = [{ name: "w", dims: [1], dataType: 1, floatData: [1] }];
  const { graph } = await readModel(
    modelBytes({ node: [node("Add", ["x", "w"], ["y"])], input: [value("x"), value("w", [1])], initializer }),
  );
  expect(graph.inputs.map((input) => input.name)).toEqual(["x"]);
  expect([...graph.initializers.keys()]).toEqual(["w"]);
});

test("functions keep their defaults, and the model's opsets where they import none", async () => {
  const body: onnx.FunctionProto.$Properties = {
    name: "scale",
    domain: "local",
    input: ["a"],
    output: ["b"],
    attribute: ["axis"],
    attributeProto: [{ name: "alpha", type: 1, f: 2 }],
    node: [node("LeakyRelu", ["a"], ["b"], { attribute: [{ name: "alpha", type: 1, refAttrName: "alpha" }] })],
  };
  const opsetImport = [
    { domain: "ai.onnx", version: 18 },
    { domain: "local", version: 1 },
  ];
  const bytes = modelBytes(
    { node: [node("scale", ["x"], ["y"], { domain: "local" })] },
    { opsetImport, functions: [body, { ...body, overload: "other" }] },
  );
  const model = await readModel(bytes);
  expect([...model.functions.keys()]).toEqual(["local::scale", "local::scale::other"]);
  expect(model.functions.get("local::scale")).toMatchObject({
    attributes: ["axis"],
    defaults: new Map([["alpha", { kind: "float", value: 2 }]]),
    opsets: new Map([
      ["", 18],
      ["local", 1],
    ]),
  });
});

test("models before operator sets had versions are of version 1", async () => {
  const model = await readModel(modelBytes({ node: relu }, { irVersion: 2, opsetImport: [] }));
  expect(model.opsets).toEqual(new Map([["", 1]]));
});

test("versions newer than any known pass", async () => {
  const model = await readModel(modelBytes({ node: relu }, { irVersion: 99, opsetImport: [{ version: 99 }] }));
  expect(model.opsets.get("")).toBe(99);
});

test("int64 data stays exact", async () => {
  const t: onnx.TensorProto.$Properties = {
    dims: [1],
    dataType: 7,
    int64Data: [{ low: -1, high: 2 ** 31 - 1, unsigned: false }],
  };
  const model = await readModel(
    modelBytes({ node: [node("Constant", [], ["y"], { attribute: [{ name: "value", type: 4, t }] })] }),
  );
  const attribute = model.graph.nodes[0]?.attributes.get("value");
  if (attribute?.kind !== "tensor" || attribute.value.source.kind !== "inline") throw new Error("no tensor");
  expect(attribute.value.source.bytes()).toEqual(new Uint8Array(BigInt64Array.of(2n ** 63n - 1n).buffer));
});
