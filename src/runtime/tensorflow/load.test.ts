import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";
import { afterAll, expect, test } from "vitest";
import { InputError } from "../../errors.ts";
import type { Requires } from "../optional.ts";
import { loadTensorflow } from "./load.ts";

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** A project with those packages, each with one CommonJS file. */
function project(packages: Readonly<Record<string, string>>): Requires {
  const folder = mkdtempSync(join(tmpdir(), "strata-tensorflow-"));
  folders.push(folder);
  for (const [name, code] of Object.entries(packages)) {
    const at = join(folder, "node_modules", name);
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, "index.js"), code);
  }
  return createRequire(join(folder, "index.js"));
}

const GPU = "@tensorflow/tfjs-node-gpu";
const CPU = "@tensorflow/tfjs-node";
const works = (id: string): string => `module.exports = { id: ${JSON.stringify(id)} };`;
const broken = `throw new Error("libcudart.so.11.0: cannot open shared object file");`;

test("the GPU package comes before the CPU one, the user's before ours", async () => {
  const both = project({ [GPU]: works("gpu"), [CPU]: works("cpu") });
  const cpu = project({ [CPU]: works("other cpu") });
  const idOf = async (from: Requires[]): Promise<unknown> =>
    ((await loadTensorflow(from)).tf as unknown as { id: string }).id;
  expect(await idOf([both, cpu])).toBe("gpu");
  expect(await idOf([cpu])).toBe("other cpu");
  expect(await idOf([project({}), cpu])).toBe("other cpu");
  expect(await idOf([cpu, project({ [CPU]: works("cpu") })])).toBe("other cpu");
});

test("a package that does not load is passed over, and told", async () => {
  const { name, notes } = await loadTensorflow([project({ [GPU]: broken, [CPU]: works("cpu") })]);
  expect(name).toBe(CPU);
  expect(notes).toEqual([expect.stringMatching(/tfjs-node-gpu is installed but does not load: .*libcudart/)]);
});

test("nothing there: says what to type, the offline way too", async () => {
  const error = await loadTensorflow([project({})]).catch((cause: unknown) => cause as InputError);
  expect(error).toBeInstanceOf(InputError);
  const { code, help, details } = error as InputError;
  expect(code).toBe("provider-missing");
  expect(details).toEqual([]);
  expect(help).toContain("npm install @tensorflow/tfjs-node-gpu@4.22.0");
  expect(help).toContain("npm install @tensorflow/tfjs-node@4.22.0");
  expect(help).toContain("TFJS_NODE_BASE_URI=http://MIRROR/libtensorflow- npm install");
});

test("what is there does not load: says why", async () => {
  const loading = loadTensorflow([project({ [GPU]: broken })]);
  await expect(loading).rejects.toMatchObject({
    code: "provider-missing",
    details: [expect.stringMatching(/libcudart/)],
  });
});

test("a package that misses one of its own is broken, not absent", async () => {
  const loading = loadTensorflow([project({ [CPU]: `require("node-pre-gyp");` })]);
  await expect(loading).rejects.toMatchObject({ details: [expect.stringMatching(/node-pre-gyp/)] });
});

test("gives back what Node 23 took from node:util, before the package is loaded", async () => {
  const code = `
    const util = require("node:util");
    module.exports = { id: [util.isNullOrUndefined(null), util.isNullOrUndefined(0), util.isArray([])].join() };`;
  const require = project({ [CPU]: code });
  const util = require("node:util") as Record<string, unknown>;
  const saved = { isNullOrUndefined: util.isNullOrUndefined, isArray: util.isArray };
  try {
    Object.assign(util, { isNullOrUndefined: undefined, isArray: undefined }); // as on Node 23
    const { tf } = await loadTensorflow([require]);
    expect(tf).toEqual({ id: "true,false,true" });
  } finally {
    Object.assign(util, saved);
  }
});
