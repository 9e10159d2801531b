/** Mapping from the command line: compile, verify, run, inspect, report. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { solvedGames } from "../src/solve/mapping/fixture.test-util.ts";
import { strata } from "./command-line.test-util.ts";
import { isSearch } from "./thread.ts";

let folder = "";
const at = (name: string): string => join(folder, name);
const compile = (...more: string[]): ReturnType<typeof strata> =>
  strata("compile", at("m.onnx"), "--target", "tpu-v4i", "--capacity", "cmem=100KiB", ...more);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "strata-map-"));
  const options = ["depth=18", "image=32", "width=8", "classes=10"].flatMap((option) => ["--opt", option]);
  expect((await strata("model", "resnet", ...options, "-o", at("m.onnx"))).code).toBe(0);
  expect((await compile("--pass", "map-memory:budget=100", "-o", at("plan.json"))).code).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a mapped plan", () => {
  test("is made with its figures, the same bytes every time", async () => {
    const { code, out } = await compile("--pass", "map-memory:budget=100", "-o", at("again.json"), "--json");
    expect(code).toBe(0);
    const figures = JSON.parse(out) as Record<string, number>;
    expect(figures["bound"]).toBeLessThanOrEqual(figures["seconds"]!);
    expect(figures["seconds"]).toBeLessThan(figures["allSlowSeconds"]!);
    expect(figures["gap"]).toBeCloseTo(1 - figures["bound"]! / figures["seconds"]!, 12);
    expect(figures["secondsLowerBound"]).toBe(figures["bound"]);
    expect(readFileSync(at("again.json"), "utf8")).toBe(readFileSync(at("plan.json"), "utf8"));
    const { provenance } = JSON.parse(readFileSync(at("plan.json"), "utf8")) as {
      provenance: { passes: { name: string; options: object }[] };
    };
    expect(provenance.passes).toContainEqual({ name: "map-memory", options: { budget: 100, seed: 0 } });
  });

  test("is verified, byte by byte too, and runs with equal results", async () => {
    expect(await strata("verify", at("plan.json"), "--deep")).toMatchObject({ code: 0, err: "" });
    const { code, out } = await strata("run", at("plan.json"), "--check", "--json");
    expect(code).toBe(0);
    expect((JSON.parse(out) as { check: unknown }).check).toEqual({ equal: true, maxAbsError: 0, maxRelError: 0 });
  });

  test("explains what stays in slow memory", async () => {
    const { code, out } = await strata("inspect", at("plan.json"), "--drops", "--limit", "3");
    expect(code).toBe(0);
    expect(out).toMatch(/^\d+ accesses of slow memory, \d+ of which would be faster in cmem/m);
    expect(out).toMatch(/more: --limit/);
    const { mapping } = JSON.parse((await strata("inspect", at("plan.json"), "--json")).out) as {
      mapping: { drops: { savedSeconds: number; reason: string }[]; secondsPerByte: number };
    };
    expect(mapping.drops.length).toBeGreaterThan(3);
    expect(mapping.drops.map(({ savedSeconds }) => savedSeconds)).toEqual(
      mapping.drops.map(({ savedSeconds }) => savedSeconds).sort((a, b) => b - a),
    );
  });

  test("is drawn as SVG and PNG, alone and beside another", async () => {
    expect((await strata("report", at("plan.json"), "-o", at("one.svg"))).code).toBe(0);
    expect(readFileSync(at("one.svg"), "utf8")).toMatch(/^<svg [^>]+>[\s\S]+<\/svg>\n$/);
    expect((await strata("report", at("plan.json"), at("again.json"), "-o", at("two.png"))).code).toBe(0);
    expect(readFileSync(at("two.png")).subarray(1, 4).toString()).toBe("PNG");
    const { out } = await strata("report", at("plan.json"), "-o", "-", "--memory", "hbm");
    expect(out).toContain("addresses in hbm");
  });

  test("is estimated with the fast memory that there is", async () => {
    const { code, out } = await strata(
      "estimate",
      at("m.onnx"),
      "--target",
      "webgpu-offload",
      "--capacity",
      "gpu=4MiB",
      "--pass",
      "map-memory:budget=40",
      "--json",
    );
    expect(code).toBe(0);
    expect((JSON.parse(out) as { peakBytes: { gpu: number } }).peakBytes.gpu).toBeLessThanOrEqual(4 << 20);
  });
});

describe("refusals", () => {
  test.each([
    [["compile", "m.onnx", "--pass", "map-memory"], "no-fast-memory", 2],
    [["compile", "m.onnx", "--pass", "map-memori"], "unknown-pass", 2],
    [["compile", "m.onnx", "--pass", "schedule:x=1"], "invalid-flag", 2],
    [["compile", "m.onnx", "--target", "tpu-v4i", "--pass", "map-memory:budgt=1"], "invalid-option", 2],
    [["compile", "m.onnx", "--target", "tpu-v4i", "--pass", "map-memory:budget=0"], "invalid-option", 2],
    [["compile", "m.onnx", "--target", "tpu-v4i", "--pass", "map-memory:budget"], "invalid-flag", 2],
    [["compile", "m.onnx", "--target", "tpu-v4i", "--without", "map-memory"], "invalid-flag", 2],
    [["compile", "m.onnx", "--target", "webgpu-offload", "--capacity", "gpu=8KiB"], "working-set-too-large", 1],
    [["report", "plan.json", "-o", "x.html"], "invalid-flag", 2],
    [["report", "plan.json", "-o", "x.pdf"], "invalid-flag", 2],
    [["report", "plan.json", "-o", "x.svg", "--memory", "nowhere"], "invalid-target", 2],
    [["report", "m.onnx", "-o", "x.svg"], "invalid-plan", 2],
  ] as const)("%j: %s", async (argv, wanted, exit) => {
    const inFolder = argv.map((word) => word.replace(/[\w.]+\.(onnx|json|svg|pdf|html)/, (name) => at(name)));
    const { code, err, out } = await strata(...inFolder, "--json");
    expect(out).toBe("");
    expect((JSON.parse(err) as { error: { code: string } }).error.code).toBe(wanted);
    expect(code).toBe(exit);
    expect(existsSync(at("x.svg"))).toBe(false);
  });

  test("a plan that maps nothing has no drops", async () => {
    expect((await strata("compile", at("m.onnx"), "-o", at("plain.json"))).code).toBe(0);
    const { code, err } = await strata("inspect", at("plain.json"), "--drops", "--json");
    expect(code).toBe(2);
    expect(err).toContain("not-mapped");
  });
});

test("strata map --slices: no slower than whole values, no faster than the bound for any split", async () => {
  const { answers: _, ...game } = solvedGames().find(({ name }) => name.startsWith("G3"))!;
  writeFileSync(at("game.json"), JSON.stringify(game));
  const whole = JSON.parse((await strata("map", at("game.json"), "--json")).out) as { seconds: number };
  const { out } = await strata("map", at("game.json"), "--slices", "8", "--json");
  const sliced = JSON.parse(out) as { seconds: number; slices: number; anySplitBound: number };
  expect(sliced.slices).toBe(8);
  expect(sliced.seconds).toBeLessThan(whole.seconds);
  expect(sliced.anySplitBound).toBeLessThanOrEqual(sliced.seconds);
  expect((await strata("map", at("game.json"), "--slices", "8")).out).toContain("large values in 8 slices");
  expect((await strata("map", at("game.json"), "--slices", "1", "--json")).err).toContain("invalid-flag");
});

test("what searches for long gets a thread of its own", () => {
  expect(isSearch(["map", "game.json"])).toBe(true);
  expect(isSearch(["compile", "m.onnx", "--pass", "map-memory"])).toBe(true);
  expect(isSearch(["compile", "--pass=map-memory:budget=5", "m.onnx"])).toBe(true);
  expect(isSearch(["compile", "map-memory"])).toBe(false);
  expect(isSearch(["compile", "m.onnx", "--pass", "schedule"])).toBe(false);
  expect(isSearch(["passes"])).toBe(false);
});
