import { expect, test } from "vitest";
import { StrataError } from "../errors.ts";
import { DEFAULT_LIMITS, LIMIT_LABELS, type ReadLimits } from "./limits.ts";
import { modelBytes, node, value } from "./model-bytes.test-util.ts";
import type { onnx } from "./proto/onnx.js";
import { scanWire } from "./wire.ts";

const scan = (bytes: Uint8Array, limits: Partial<ReadLimits> = {}): void =>
  scanWire(bytes, "model", { ...DEFAULT_LIMITS, ...limits }, "test");

const outcome = (run: () => void): { code: string; message: string; help: string } | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    return { code: error.code, message: error.message, help: error.help ?? "" };
  }
};

const body = (inner: onnx.GraphProto.$Properties): onnx.GraphProto.$Properties => ({
  node: [node("If", ["c"], ["y"], { attribute: [{ name: "then_branch", type: 5, g: inner }] })],
});

const GOOD = modelBytes({
  node: [node("Add", ["x", "w"], ["a"]), node("Relu", ["a"], ["y"])],
  initializer: [{ name: "w", dims: [4], dataType: 1, floatData: [1, 2, 3, 4] }],
  valueInfo: [value("a")],
});

test("a good model passes", () => {
  expect(outcome(() => scan(GOOD))).toBeUndefined();
});

test("a model cut anywhere passes only between its top-level fields", () => {
  const whole = Array.from(GOOD.keys()).filter((length) => outcome(() => scan(GOOD.subarray(0, length))) === undefined);
  // Nothing, the IR version, and the graph: the opset import ends the file.
  expect(whole.length).toBeLessThanOrEqual(4);
  expect(whole[0]).toBe(0);
  for (let length = 0; length < GOOD.length; length++) {
    const got = outcome(() => scan(GOOD.subarray(0, length)));
    if (got !== undefined)
      expect(got).toMatchObject({ code: "malformed-model", message: expect.stringMatching(/at byte \d+$/) });
  }
});

test("the byte offset is that of the field that is broken", () => {
  const bytes = Uint8Array.of(8, 8, 0x3a, 0x7f, 0);
  expect(outcome(() => scan(bytes))?.message).toMatch(/127 bytes.*at byte 2$/);
});

const HITS: readonly [keyof ReadLimits, number, Uint8Array][] = [
  ["nodes", 1, GOOD],
  ["values", 2, GOOD],
  ["initializers", 0, GOOD],
  ["operands", 1, GOOD],
  ["nameBytes", 1, modelBytes({ name: "long" })],
  ["depth", 3, GOOD],
  ["subgraphDepth", 1, modelBytes(body(body({})))],
];

test.each(HITS)("limit %s stops at one more than %i, and says so", (name, limit, bytes) => {
  const got = outcome(() => scan(bytes, { [name]: limit }));
  expect(got?.code).toBe("limit-exceeded");
  expect(got?.message).toContain(LIMIT_LABELS[name]);
  expect(got?.help).toContain(`--limit ${name}=N`);
});

test("subgraphs side by side are not nested", () => {
  const flat = modelBytes({ node: Array.from({ length: 50 }, () => body({}).node![0]!) });
  expect(outcome(() => scan(flat, { subgraphDepth: 1 }))).toBeUndefined();
});

test("memory for empty messages is bounded by the size of the file", () => {
  // Field 7 (graph) of 600,000 bytes: 300,000 nodes of two bytes each.
  const head = [0x3a, 0xc0, 0xcf, 0x24];
  const bytes = new Uint8Array(head.length + 600_000);
  bytes.set(head);
  for (let i = head.length; i < bytes.length; i += 2) bytes[i] = 0x0a;
  expect(outcome(() => scan(bytes))?.message).toContain(LIMIT_LABELS.expansion);
  expect(outcome(() => scan(bytes, { expansion: 1000 }))).toBeUndefined();
});

test("a million fields take well under a second", () => {
  const bytes = new Uint8Array(2_000_000);
  for (let i = 0; i < bytes.length; i += 2) bytes[i] = 8;
  const start = performance.now();
  scan(bytes);
  expect(performance.now() - start).toBeLessThan(1000);
});
