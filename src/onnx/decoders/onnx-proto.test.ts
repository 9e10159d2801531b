import { expect, test, vi } from "vitest";
import { onnxProtoDecoder } from "./onnx-proto.ts";

test("where the optional package is not installed, the error says how to get it", async () => {
  vi.doMock("onnx-proto", () => {
    throw new Error("Cannot find package 'onnx-proto'");
  });
  await expect(onnxProtoDecoder()).rejects.toMatchObject({
    code: "decoder-missing",
    help: expect.stringContaining("npm install onnx-proto"),
  });
});
