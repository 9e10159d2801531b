/** The bundle in a real browser: the same plan as in Node, run there on WebGPU and WebAssembly. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateModel } from "../models/index.ts";
import { buildBrowser } from "../scripts/build-browser.mjs";
import { findChromium } from "../scripts/chromium.mjs";
import { compile, executePlan, readModel, writePlan } from "./index.ts";
import { compareTensors } from "./conformance/compare.ts";

const found = findChromium();
if (found.reason !== undefined) {
  if (process.env.STRATA_REQUIRE_WEBGPU === "1") throw new Error(`a browser is required: ${found.reason}`);
  console.warn(`skipped: no Chromium here: ${found.reason}`);
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

const PAGE = `<!doctype html><title>Strata</title><link rel="icon" href="data:,">
<script type="module">globalThis.strata = await import("/strata.js");</script>`;

/** What the page's script leaves. */
interface InPage {
  readonly strata: typeof import("./browser.ts");
}

interface Job {
  readonly bytes: readonly number[];
  /** The plan that Node made. */
  readonly plan: string;
  readonly target: string;
  readonly backend: string;
}

interface Outcome {
  readonly plan: string;
  readonly backend: string;
  readonly device: string;
  readonly equal: boolean | undefined;
  readonly steadyAllocations: number;
  readonly outputs: readonly (readonly number[])[];
}

/** Runs in the page. */
async function inPage({ bytes, plan: text, target, backend }: Job): Promise<Outcome> {
  const { strata } = globalThis as unknown as InPage;
  const model = await strata.readModel(Uint8Array.from(bytes));
  const { plan } = await strata.compile(model, { target });
  const made = strata.readPlan(new TextEncoder().encode(text));
  const result = await strata.executePlan(made, { model, backend, check: true, seed: 3, repeat: 3 });
  return {
    plan: strata.writePlan(plan),
    backend: result.backend,
    device: result.device,
    equal: result.check?.equal,
    steadyAllocations: result.steadyAllocations,
    outputs: result.outputs.map(({ tensor }) => Array.from(tensor.data as Float32Array)),
  };
}

describe.skipIf(found.reason !== undefined)("in a browser", () => {
  let folder: string;
  let server: Server;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    if (found.reason !== undefined) return;
    folder = mkdtempSync(join(tmpdir(), "strata-browser-"));
    await buildBrowser(folder);
    server = createServer(({ url = "/" }, response) => {
      const name = url === "/" ? "index.html" : basename(url);
      try {
        const body = name === "index.html" ? PAGE : readFileSync(join(folder, name));
        response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream" }).end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    browser = await chromium.launch({ executablePath: found.executable, args: [...found.args], env: { ...found.env } });
    page = await browser.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => "strata" in globalThis);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    ["webgpu", "tfjs-webgpu", "resnet", { depth: 18, image: 32, width: 8, classes: 5 }],
    ["webgpu", "tfjs-webgpu", "bert", { preset: "tiny", vocab: 50, sequence: 8 }],
    ["wasm", "tfjs-wasm", "resnet", { depth: 18, image: 32, width: 8, classes: 5 }],
    ["cpu", "tfjs-cpu", "resnet", { depth: 18, image: 32, width: 8, classes: 5 }],
  ] as const)("%s, target %s: %s %o", { timeout: 180_000 }, async (backend, target, name, options) => {
    const bytes = generateModel(name, options);
    const model = await readModel(bytes);
    const plan = writePlan((await compile(model, { target })).plan);
    const outcome = await page.evaluate(inPage, { bytes: [...bytes], plan, target, backend });

    // Planning is deterministic across platforms, to the byte.
    expect(outcome.plan).toBe(plan);
    expect(outcome).toMatchObject({ backend, equal: true, steadyAllocations: 0 });
    const { plan: onCpu } = await compile(model, { target: "tfjs-cpu" });
    const { outputs } = await executePlan(onCpu, { model, backend: "cpu", seed: 3 });
    outputs.forEach(({ name: own, tensor }, i) => {
      const got = { ...tensor, data: Float32Array.from(outcome.outputs[i]!) };
      expect(compareTensors(own, got, tensor, { rtol: 1e-3, atol: 1e-4 })?.message).toBeUndefined();
    });
    expect(complaints).toEqual([]);
  });

  test("refuses files, by name", async () => {
    const code = await page.evaluate(async () => {
      const { strata } = globalThis as unknown as InPage;
      return strata.readModel("model.onnx").catch((error: { code: string }) => error.code);
    });
    expect(code).toBe("file-unreadable");
  });

  test("stays small until a backend is asked for", async () => {
    const sizes = await buildBrowser(mkdtempSync(join(folder, "again-")));
    // TensorFlow.js's backends are in chunks of their own.
    expect(sizes.get("strata.js")!).toBeLessThan(1_000_000);
    expect(sizes.size).toBeGreaterThan(3);
  });
});
