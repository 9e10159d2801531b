import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StrataError } from "../errors.ts";
import { modelBytes, node } from "./model-bytes.test-util.ts";
import { readModel } from "./read.ts";

let root = "";
let folder = "";

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "external-")));
  folder = join(root, "model");
  mkdirSync(join(folder, "inner"), { recursive: true });
  writeFileSync(
    join(folder, "good.bin"),
    Uint8Array.from({ length: 64 }, (_, i) => i),
  );
  writeFileSync(join(folder, "inner/good.bin"), new Uint8Array(16));
  writeFileSync(join(root, "secret"), new Uint8Array(64));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const bytesAt = (location: string, entries: Record<string, string> = {}): Uint8Array =>
  modelBytes({
    node: [node("Add", ["x", "w"], ["y"])],
    initializer: [
      {
        name: "w",
        dims: [4],
        dataType: 1,
        dataLocation: 1,
        externalData: Object.entries({ location, ...entries }).map(([key, text]) => ({ key, value: text })),
      },
    ],
  });

/** Reads the model and then the tensor: the bytes, or the code of the error and where it came. */
async function attempt(
  location: string,
  entries: Record<string, string> = {},
  externalData: string | undefined = folder,
): Promise<Uint8Array | string> {
  let stage = "read";
  try {
    const model = await readModel(bytesAt(location, entries), externalData === "" ? {} : { externalData });
    stage = "bytes";
    const source = model.graph.initializers.get("w")?.source;
    if (source?.kind !== "external") throw new Error("not external");
    return source.bytes();
  } catch (error) {
    if (error instanceof StrataError) return `${stage}: ${error.code}`;
    throw error;
  }
}

test("exactly the range is read", async () => {
  expect(await attempt("good.bin", { offset: "8", length: "16" })).toEqual(
    Uint8Array.from({ length: 16 }, (_, i) => 8 + i),
  );
  expect(await attempt("./inner//good.bin")).toEqual(new Uint8Array(16));
  expect(await attempt("good.bin", { offset: "48", checksum: "00", basepath: "/elsewhere" })).toHaveLength(16);
});

test("the model's own folder is the default, and bytes alone have none", async () => {
  const file = join(folder, "model.onnx");
  writeFileSync(file, bytesAt("good.bin"));
  const model = await readModel(file);
  const source = model.graph.initializers.get("w")?.source;
  expect(source?.kind === "external" && source.bytes()).toHaveLength(16);
  expect(await attempt("good.bin", {}, "")).toBe("bytes: external-data-missing");
});

test("planning needs no weights: a missing file fails only when its bytes are wanted", async () => {
  expect(await attempt("absent.bin")).toBe("bytes: external-data-missing");
  expect(await attempt("good.bin/below")).toBe("bytes: external-data-missing");
  expect(await attempt("good.bin", {}, join(root, "no-such-folder"))).toBe("bytes: external-data-missing");
});

test
  .skipIf(process.platform === "win32")
  .each<[string, string, string, (() => void) | undefined, Record<string, string>?]>([
    ["dotdot", "../secret", "read: external-data-outside", undefined],
    ["dotdot behind a folder", "inner/../../secret", "read: external-data-outside", undefined],
    ["absolute", "/etc/passwd", "read: external-data-outside", undefined],
    ["UNC", "\\\\host\\share", "read: external-data-outside", undefined],
    [
      "symlink to a file",
      "link.bin",
      "read: external-data-outside",
      () => symlinkSync(join(root, "secret"), join(folder, "link.bin")),
    ],
    [
      "symlink to nothing",
      "link.bin",
      "read: external-data-outside",
      () => symlinkSync("/nowhere", join(folder, "link.bin")),
    ],
    ["symlink of a parent", "up/secret", "read: external-data-outside", () => symlinkSync(root, join(folder, "up"))],
    [
      "hard link",
      "hard.bin",
      "read: external-data-outside",
      () => linkSync(join(root, "secret"), join(folder, "hard.bin")),
    ],
    ["FIFO", "pipe", "read: external-data-outside", () => execFileSync("mkfifo", [join(folder, "pipe")])],
    ["device", "zero", "read: external-data-outside", () => symlinkSync("/dev/zero", join(folder, "zero"))],
    ["folder", "inner", "read: external-data-outside", undefined],
    ["other case", "GOOD.BIN", "bytes: external-data-missing", undefined],
    ["NUL", "good.bin\0", "read: external-data-outside", undefined],
    ["overlong", "a/".repeat(3000), "read: external-data-outside", undefined],
    ["overlong name", "a".repeat(300), "bytes: external-data-missing", undefined],
    ["offset past the end", "good.bin", "read: external-data-range", undefined, { offset: "64" }],
    ["length past the end", "good.bin", "read: external-data-range", undefined, { offset: "52", length: "16" }],
  ])("%s is refused", async (_, location, code, prepare, entries) => {
  prepare?.();
  expect(await attempt(location, entries)).toBe(code);
});

test.skipIf(process.platform === "win32")(
  "a file that is swapped after the model was read is checked again",
  async () => {
    const model = await readModel(bytesAt("good.bin"), { externalData: folder });
    const source = model.graph.initializers.get("w")?.source;
    if (source?.kind !== "external") throw new Error("not external");
    rmSync(join(folder, "good.bin"));
    symlinkSync(join(root, "secret"), join(folder, "good.bin"));
    expect(() => source.bytes()).toThrow(expect.objectContaining({ code: "external-data-outside" }));
    rmSync(join(folder, "good.bin"));
    writeFileSync(join(folder, "good.bin"), new Uint8Array(8));
    expect(() => source.bytes()).toThrow(expect.objectContaining({ code: "external-data-range" }));
  },
);

test("the number of files is limited", async () => {
  const initializer = ["a", "b"].map((location) => ({
    name: location,
    dims: [0],
    dataType: 1,
    dataLocation: 1,
    externalData: [{ key: "location", value: location }],
  }));
  const bytes = modelBytes({ node: [node("Relu", ["x"], ["y"])], initializer });
  await expect(readModel(bytes, { externalData: folder, limits: { externalFiles: 1 } })).rejects.toMatchObject({
    code: "limit-exceeded",
  });
});
