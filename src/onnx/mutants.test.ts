import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { StrataError } from "../errors.ts";
import { modelBytes, node, value } from "./model-bytes.test-util.ts";
import type { TensorData } from "./model.ts";
import { readModel } from "./read.ts";

const MUTANTS = 2000;
const MOST_MILLISECONDS = 1000;

/** Mulberry32: small, seeded, and the same everywhere. */
const random = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
};

const handmade = modelBytes(
  {
    node: [
      node("If", ["c"], ["i"], {
        attribute: [{ name: "then_branch", type: 5, g: { node: [node("Relu", ["x"], ["z"])], output: [value("z")] } }],
      }),
      node("scale", ["i"], ["s"], { domain: "local", attribute: [{ name: "alpha", type: 1, f: 2 }] }),
      node("Slice", ["s", "w"], ["y"], { attribute: [{ name: "ends", type: 7, ints: [9_007_199_254_740_991, -1] }] }),
    ],
    input: [value("x"), value("c", [], 9)],
    initializer: [
      { name: "w", dims: [2], dataType: 7, int64Data: [0, 1] },
      { name: "e", dims: [2], dataType: 22, dataLocation: 1, externalData: [{ key: "location", value: "w.bin" }] },
      { name: "s8", dims: [3], dataType: 22, int32Data: [0x12, 3] },
    ],
  },
  {
    functions: [
      {
        name: "scale",
        domain: "local",
        input: ["a"],
        output: ["b"],
        node: [node("Relu", ["a"], ["b"])],
        opsetImport: [{ version: 17 }],
      },
    ],
  },
);

const realModels = (): Uint8Array[] => {
  const folder = resolve(import.meta.dirname, "../../../shared/data/onnx/models/real");
  const names = [
    "ort_cpu_if.onnx",
    "ort_function_body.onnx",
    "ort_alloc_tensor_reuse.onnx",
    "ort_qdq_minimal.onnx",
    "trt_loop.onnx",
  ];
  try {
    return names.map((name) => readFileSync(resolve(folder, name)));
  } catch {
    console.warn("only the handmade model is mutated: no real ones here");
    return [];
  }
};

/** One or two changes: mostly a bit or a byte, sometimes a cut, or a piece doubled or taken out. */
function mutate(original: Uint8Array, below: (n: number) => number): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (let changes = 1 + below(2); changes > 0; changes--) {
    const at = below(Math.max(1, bytes.length));
    const length = 1 + below(8);
    const kind = below(20);
    if (kind < 10) bytes[at] = bytes[at]! ^ (1 << below(8));
    else if (kind < 17) bytes[at] = below(256);
    else if (kind === 17) bytes = bytes.slice(0, at);
    else if (kind === 18) bytes = Uint8Array.from([...bytes.subarray(0, at + length), ...bytes.subarray(at)]);
    else bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
  }
  return bytes;
}

/** What a caller may do with a tensor that was read: its bytes are as many as promised, or refused. */
function touch(tensor: TensorData): void {
  if (tensor.source.kind === "strings") return;
  try {
    expect(tensor.source.bytes().byteLength).toBe(tensor.byteLength);
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
  }
}

test(`${MUTANTS} mutants are read or refused by name, each within a second`, async () => {
  const originals = [handmade, ...realModels()];
  const below = random(20_260_101);
  const outcomes = new Map<string, number>();
  for (let i = 0; i < MUTANTS; i++) {
    const bytes = mutate(originals[i % originals.length]!, below);
    const decoder = i % 4 === 0 ? "onnx-proto" : "protobufjs";
    const start = performance.now();
    const outcome = await readModel(bytes, { decoder }).then(
      (model) => {
        for (const tensor of model.graph.initializers.values()) touch(tensor);
        return "model";
      },
      (error: unknown) => {
        if (!(error instanceof StrataError) || error.code === "internal")
          throw new Error(`mutant ${i}`, { cause: error });
        return error.code;
      },
    );
    expect(performance.now() - start, `mutant ${i}`).toBeLessThan(MOST_MILLISECONDS);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  // Mutants that all die in the same way would test little.
  expect(outcomes.get("model")).toBeGreaterThan(MUTANTS / 10);
  expect(outcomes.size).toBeGreaterThan(6);
});
