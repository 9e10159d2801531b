/** `strata pack` as a process of its own, compiled: threads, Ctrl-C, and optional packages that are not there. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { built, type Built } from "../src/built.test-util.ts";
import { faultOfPacking, pack, type PackingProblem } from "../src/solve/packing/index.ts";
import { seededRandom } from "../src/solve/random.ts";
import { strata } from "./command-line.test-util.ts";
import { interruptSignal } from "./interrupt.ts";

let dist: Built;
let folder = "";
const at = (name: string): string => join(folder, name);

/** Says which threads start, and ends those named in the environment. */
const WATCH = `
import threads from "node:worker_threads";
import { syncBuiltinESMExports } from "node:module";
const { Worker } = threads;
threads.Worker = class extends Worker {
  constructor(url, options) {
    super(url, options);
    const name = url.pathname.split("/").at(-1);
    process.stderr.write("thread " + name + "\\n");
    if (name === process.env.STRATA_TEST_END) this.terminate();
  }
};
syncBuiltinESMExports();
`;

/** Aligned buffers, with which no technique comes to an end. */
function endless(): PackingProblem {
  const random = seededRandom(1);
  const whole = (most: number): number => 1 + Math.floor(random() * most);
  const buffers = Array.from({ length: 40 }, () => {
    const lower = whole(30);
    return { lower, upper: lower + whole(12), size: whole(1000), alignment: [1, 64, 512][whole(3) - 1]! };
  });
  return { buffers };
}

const GAP = "id,lower,upper,size\na,0,1,3\nb,0,3,1\nc,1,4,1\nd,1,2,2\ne,2,5,1\nf,2,3,1\ng,3,4,2\nh,4,5,3\n";

beforeAll(() => {
  dist = built(["glpk.js", "@resvg/resvg-js"]);
  folder = mkdtempSync(join(tmpdir(), "strata-process-"));
  writeFileSync(at("watch.mjs"), WATCH);
  writeFileSync(at("endless.json"), JSON.stringify(endless()));
  writeFileSync(at("gap.csv"), GAP);
  // More than is tried in the main thread, and easy.
  const rows = Array.from({ length: 100_001 }, (_, i) => `${i},${i},${i + 2},64`);
  writeFileSync(at("many.csv"), `id,lower,upper,size\n${rows.join("\n")}\n`);
});
afterAll(() => {
  dist.remove();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly threads: readonly string[];
}

/** Runs a command line; SIGINT as soon as so many threads have started. */
function run(
  argv: readonly string[],
  options: { readonly interruptAt?: number; readonly end?: string } = {},
): Promise<Ended> {
  const { interruptAt = Infinity, end = "" } = options;
  const watch = pathToFileURL(at("watch.mjs")).href;
  const child = spawn(process.execPath, ["--import", watch, dist.path("bin/strata"), ...argv], {
    env: { ...process.env, STRATA_TEST_END: end },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  let interrupted = false;
  const threadsIn = (text: string): string[] => [...text.matchAll(/^thread (.*)$/gm)].map(([, name]) => name!);
  child.stdout.on("data", (chunk: Buffer) => void (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
    if (interrupted || threadsIn(err).length < interruptAt) return;
    interrupted = true;
    child.kill("SIGINT");
  });
  return new Promise(
    (resolve) => void child.on("close", (code) => resolve({ code, out, err, threads: threadsIn(err) })),
  );
}

interface Figures {
  readonly height: number;
  readonly status: string;
  readonly steps: number;
}

describe("a thread", () => {
  test.each([
    ["many.csv", []],
    ["many.csv", ["--workers", "2"]],
    ["gap.csv", ["--solver", "highs"]],
  ])("%s %j: the packing of the main thread", async (file, flags) => {
    const { code, out, threads } = await run(["pack", at(file), "-o", "-", ...flags]);
    expect(threads).toEqual(["pack-worker.js"]);
    expect(code).toBe(0);
    expect(out).toBe((await strata("pack", at(file), "-o", "-", ...flags)).out);
  });

  test("of several workers: the packing of one", async () => {
    const flags = ["pack", at("endless.json"), "-o", "-", "--budget", "700000", "--workers"];
    const { code, out, threads } = await run([...flags, "3"]);
    // Where the machine is quick, none was needed.
    if (threads.length > 0)
      expect(threads.toSorted()).toEqual(["pack-worker.js", ...Array(3).fill("strand-worker.js")]);
    expect(code).toBe(0);
    expect(out).toBe((await strata(...flags, "1")).out);
  });

  test("that dies is a bug, and says so", async () => {
    const { code, out, err } = await run(["pack", at("gap.csv"), "--solver", "highs", "--json"], {
      end: "pack-worker.js",
    });
    expect([code, out]).toEqual([3, ""]);
    expect(err).toMatch(/"kind":"InternalError","code":"worker-failed"/);
  });

  test("whose own thread dies, too", async () => {
    const { code, out, err } = await run(
      ["pack", at("endless.json"), "--budget", "1000000000000", "--workers", "2", "--json"],
      { end: "strand-worker.js" },
    );
    expect([code, out]).toEqual([3, ""]);
    expect(err).toMatch(/"kind":"InternalError","code":"worker-failed"/);
  });
});

describe("Ctrl-C", () => {
  test.each([
    [["--budget", "1000000000000"], 1],
    [["--budget", "1000000000000", "--workers", "2"], 3],
    [["--solver", "highs", "--budget", "1000000000000"], 1],
  ] as const)("%j: the best so far, written, and exit code 130", async (flags, threads) => {
    const output = at(`best-${flags.length}.json`);
    const ended = await run(["pack", at("endless.json"), "--json", "-o", output, ...flags], { interruptAt: threads });
    expect(ended.code, ended.err).toBe(130);
    expect(ended.err).toMatch(/stopping; press Ctrl-C again/);
    const { height, status } = JSON.parse(ended.out) as Figures;
    expect(status).toBe("feasible");
    const { buffers } = JSON.parse(readFileSync(output, "utf8")) as { buffers: { offset: number; size: number }[] };
    const problem = endless();
    expect(
      faultOfPacking(
        problem,
        buffers.map(({ offset }) => offset),
      ),
    ).toBeUndefined();
    expect(Math.max(...buffers.map(({ offset, size }) => offset + size))).toBe(height);
    expect(height).toBeGreaterThanOrEqual(pack(problem, { budget: 1 }).lowerBound);
  });

  test("twice ends at once", () => {
    const exit = vi.spyOn(process, "exit").mockImplementation((() => undefined) as never);
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const { signal, dispose } = interruptSignal();
    try {
      process.emit("SIGINT");
      expect([signal.aborted, exit.mock.calls.length]).toEqual([true, 0]);
      process.emit("SIGINT");
      expect(exit).toHaveBeenCalledWith(130);
    } finally {
      dispose();
      exit.mockRestore();
      write.mockRestore();
    }
  });
});

describe("without optional packages", () => {
  test.each([
    [["gap.csv", "--solver", "glpk"], "glpk.js"],
    [["gap.csv", "--plot", "gap.png"], "@resvg/resvg-js"],
  ])("pack %j is refused with what to install", async (argv, name) => {
    const paths = argv.map((word) => (/\./.test(word) ? at(word) : word));
    const { code, out, err } = await run(["pack", ...paths]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(`the package '${name}', which is not installed`);
    expect(err).toMatch(`help install it: npm install ${name}@`);
    expect(err).toMatch(/^error\[provider-missing\]/m);
    expect(existsSync(at("gap.png"))).toBe(false);
  });

  test("a report as PNG, too", async () => {
    expect((await strata("model", "resnet", "--opt", "depth=18", "--opt", "image=32", "-o", at("m.onnx"))).code).toBe(
      0,
    );
    expect((await strata("compile", at("m.onnx"), "-o", at("plan.json"))).code).toBe(0);
    const { code, err } = await run(["report", at("plan.json"), "-o", at("plan.png")]);
    expect(code).toBe(2);
    expect(err).toMatch(/^error\[renderer-missing\]: PNG needs @resvg\/resvg-js/m);
    expect(err).toMatch(/help npm install @resvg\/resvg-js/);
    expect(existsSync(at("plan.png"))).toBe(false);
  });

  test("what needs none of them works", async () => {
    const { code, threads } = await run(["pack", at("gap.csv"), "--plot", at("gap.svg")]);
    expect([code, threads]).toEqual([0, []]);
    expect(readFileSync(at("gap.svg"), "utf8")).toMatch(/^<svg /);
  });
});
