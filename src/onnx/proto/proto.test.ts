import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { onnx } from "./onnx.js";

test("the generated module is that of the vendored onnx.proto", () => {
  const script = resolve(import.meta.dirname, "../../../scripts/gen-proto.mjs");
  execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" });
});

test("it knows what the older package does not: overloads, shardings, IR 13", () => {
  const bytes = onnx.NodeProto.encode({ opType: "f", overload: "two", deviceConfigurations: [{ configurationId: "c" }] }).finish();
  expect(onnx.NodeProto.decode(bytes)).toMatchObject({ overload: "two", deviceConfigurations: [{ configurationId: "c" }] });
  expect(onnx.Version.IR_VERSION).toBe(13);
});
