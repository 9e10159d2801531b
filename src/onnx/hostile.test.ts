import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { InputError } from "../errors.ts";
import { readModel } from "./read.ts";

interface HostileCase {
  readonly file: string;
  readonly code: string;
  readonly stage?: "import";
  readonly why: string;
}

const folder = resolve(import.meta.dirname, "../../fixtures/onnx/hostile");
const cases = JSON.parse(readFileSync(resolve(folder, "manifest.json"), "utf8")) as readonly HostileCase[];
const reading = cases.filter((one) => one.stage === undefined);
const importing = cases.filter((one) => one.stage === "import");

const MOST_MILLISECONDS = 1000;

async function timed(file: string, decoder: "protobufjs" | "onnx-proto"): Promise<unknown> {
  const start = performance.now();
  const result: unknown = await readModel(resolve(folder, file), { decoder }).catch((error: unknown) => error);
  expect(performance.now() - start).toBeLessThan(MOST_MILLISECONDS);
  return result;
}

test("there are at least 60 files, and they are what the script writes", () => {
  expect(cases.length).toBeGreaterThanOrEqual(60);
  execFileSync(process.execPath, [resolve(folder, "generate.mjs"), "--check"], { stdio: "pipe" });
});

test.each(reading)("$file: $why", async ({ file, code }) => {
  for (const decoder of ["protobufjs", "onnx-proto"] as const) {
    const error = await timed(file, decoder);
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({ code });
  }
});

test.each(importing)("$file reads well: what is wrong shows later", async ({ file }) => {
  expect(await timed(file, "protobufjs")).not.toBeInstanceOf(Error);
});

test("what is no model is told apart in the hint", async () => {
  const hints = {
    empty: /empty/,
    text: /text file/,
    gzip: /gzip/,
    zip: /zip/,
    hdf5: /HDF5/,
    safetensors: /safetensors/,
    "git-lfs-pointer": /git lfs/,
  };
  for (const [name, hint] of Object.entries(hints)) {
    expect(await timed(`${name}.onnx`, "protobufjs")).toMatchObject({ help: expect.stringMatching(hint) });
  }
});
