import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import type { Model, ModelGraph, TensorData } from "../model.ts";
import { readModel, readTensor } from "../read.ts";

const data = resolve(import.meta.dirname, "../../../../shared/data/onnx");
const listing = (): string[] => {
  try {
    return readdirSync(data, { recursive: true, encoding: "utf8" }).sort();
  } catch {
    console.warn(`skipped: no test data at ${data}`);
    return [];
  }
};

const files = listing();
/** An even sample; all of the real and exported models up to 2 MB, since they differ most. */
const sample = (names: readonly string[], count: number): string[] =>
  names.filter((_, i) => i % Math.ceil(names.length / count) === 0);
const models = files.filter((file) => file.endsWith(".onnx") && statSync(join(data, file)).size < 2 ** 21);
const chosen = [
  ...models.filter((file) => file.startsWith("models")),
  ...sample(
    models.filter((file) => !file.startsWith("models")),
    150,
  ),
];

/** Calls every lazy tensor, so that deep equality compares their bytes. */
const contents = (tensor: TensorData): unknown => {
  const { source, ...rest } = tensor;
  return {
    ...rest,
    source:
      source.kind === "inline" ? attempt(source.bytes) : source.kind === "strings" ? source.values : source.location,
  };
};

const attempt = (bytes: () => Uint8Array): unknown => {
  try {
    return Buffer.from(bytes()).toString("base64");
  } catch (error) {
    return String(error);
  }
};

const graphContents = (graph: ModelGraph): unknown => ({
  ...graph,
  initializers: [...graph.initializers.values()].map(contents),
  nodes: graph.nodes.map((node) => ({
    ...node,
    attributes: [...node.attributes].map(([name, value]) => [
      name,
      value.kind === "tensor" ? contents(value.value) : value.kind === "graph" ? graphContents(value.value) : value,
    ]),
  })),
});

const modelContents = (model: Model): unknown => ({
  ...model,
  graph: graphContents(model.graph),
  functions: [...model.functions].map(([key, body]) => [key, body.nodes.length, body.inputs]),
});

test.skipIf(files.length === 0)("protobufjs and onnx-proto read the same models", async () => {
  expect(chosen.length).toBeGreaterThan(200);
  for (const file of chosen) {
    const [ours, theirs] = [
      await readModel(join(data, file)),
      await readModel(join(data, file), { decoder: "onnx-proto" }),
    ];
    expect(modelContents(theirs), file).toEqual(modelContents(ours));
  }
});

test.skipIf(files.length === 0)("every model of the test data is read", async () => {
  for (const file of files.filter((one) => one.endsWith(".onnx"))) {
    const model = await readModel(join(data, file));
    expect(model.graph.outputs.length, file).toBeGreaterThan(0);
  }
});

test.skipIf(files.length === 0)("both read the same tensors", async () => {
  for (const file of sample(
    files.filter((one) => /^(node|simple)\/.*\.pb$/.test(one)),
    200,
  )) {
    const [ours, theirs] = [
      await readTensor(join(data, file)),
      await readTensor(join(data, file), { decoder: "onnx-proto" }),
    ];
    expect(contents(theirs), file).toEqual(contents(ours));
  }
});
