/** The command line as a user meets it: exit codes, what goes to which stream, errors, files. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { strata } from "./command-line.test-util.ts";

let folder = "";
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "strata-cli-"));
  const made = await strata(
    "model",
    "resnet",
    "--opt",
    "depth=18",
    "--opt",
    "image=32",
    "--opt",
    "width=4",
    "-o",
    at("m.onnx"),
  );
  expect(made.code).toBe(0);
  expect((await strata("compile", at("m.onnx"), "-o", at("plan.json"))).code).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("from a model to outputs", () => {
  test("compile prints one line, and with --json the plan's summary alone", async () => {
    const prose = await strata("compile", at("m.onnx"));
    expect(prose.out).toMatch(/^arena [\d.]+ \w+ \(bound [\d.]+ \w+, unplanned [\d.]+ \w+\).*\n$/);
    const { out } = await strata("compile", at("m.onnx"), "--json");
    const plan = JSON.parse(readFileSync(at("plan.json"), "utf8")) as { summary: object };
    expect(JSON.parse(out)).toEqual(plan.summary);
  });

  test("the same command gives the same bytes", async () => {
    await strata("compile", at("m.onnx"), "-o", at("again.json"));
    expect(readFileSync(at("again.json"))).toEqual(readFileSync(at("plan.json")));
  });

  test("verify --deep, inspect --peak and run --check agree with the plan", async () => {
    expect(JSON.parse((await strata("verify", at("plan.json"), "--deep", "--json")).out)).toEqual({
      ok: true,
      violations: [],
    });
    expect((await strata("inspect", at("plan.json"), "--peak")).code).toBe(0);
    const run = await strata("run", at("plan.json"), "--check", "--json", "--output", at("results"));
    expect(run.code).toBe(0);
    const { check, outputs } = JSON.parse(run.out) as { check: { equal: boolean }; outputs: unknown[] };
    expect(check.equal).toBe(true);
    expect(readdirSync(at("results"))).toHaveLength(outputs.length);
  });
});

describe("what is refused", () => {
  test("an edited plan: exit 1, the rule that it breaks", async () => {
    const plan = JSON.parse(readFileSync(at("plan.json"), "utf8")) as { placements: { offset: number }[] };
    plan.placements[0]!.offset += 1;
    writeFileSync(at("edited.json"), JSON.stringify(plan));
    const { code, out } = await strata("verify", at("edited.json"), "--json");
    expect(code).toBe(1);
    const { ok, violations } = JSON.parse(out) as { ok: boolean; violations: { code: string }[] };
    expect(ok).toBe(false);
    expect(violations.map((violation) => violation.code)).toContain("misaligned");
    expect((await strata("run", at("edited.json"))).code).not.toBe(0);
  });

  test("a capacity that can't be met: exit 1, the step, nothing written", async () => {
    const flags = ["--capacity", "arena=1000", "-o", at("never.json"), "--json"];
    const { code, err, out } = await strata("compile", at("m.onnx"), ...flags);
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(JSON.parse(err)).toMatchObject({ error: { code: "capacity-exceeded" } });
    expect(existsSync(at("never.json"))).toBe(false);
  });

  test.each([
    [["compil", "x"], "usage"],
    [["compile"], "usage"],
    [["compile", "m.onnx", "--targt", "x"], "usage"],
    [["compile", "nowhere.onnx"], "file-not-found"],
    [["compile", "cut.onnx"], "malformed-model"],
    [["compile", "m.onnx", "--target", "tfjs-wasn"], "unknown-target"],
    [["compile", "m.onnx", "--without", "lower"], "invalid-flag"],
    [["compile", "m.onnx", "--without", "schedul"], "unknown-pass"],
    [["compile", "m.onnx", "--capacity", "arena=many"], "invalid-flag"],
    [["compile", "m.onnx", "--pin", "nothing=arena+0"], "invalid-pin"],
    [["verify", "m.onnx"], "invalid-plan"],
    [["run", "plan.json", "--backend", "wasn"], "unknown-backend"],
    [["run", "plan.json", "--input", "nothing=m.onnx"], undefined],
    [["model", "resnett"], undefined],
    [["targets", "nothing"], "unknown-target"],
  ] as const)("%j: exit 2, an error that says what to do", async (argv, wanted) => {
    writeFileSync(at("cut.onnx"), readFileSync(at("m.onnx")).subarray(0, 1000));
    const inFolder = argv.map((word) => word.replace(/[\w.]+\.(onnx|json)/, (name) => at(name)));
    const { code, err, out } = await strata(...inFolder, "--json");
    expect(err).not.toBe("");
    expect(code, err).toBe(2);
    expect(out).toBe("");
    const { error } = JSON.parse(err) as { error: { code: string; message: string } };
    if (wanted !== undefined) expect(error.code).toBe(wanted);
    // No stack trace, no internal name.
    expect(err).not.toMatch(/\bat .*\.ts:/);
  });
});

test.each([["passes"], ["targets"], ["schema"], ["--help"], ["compile", "--help"]])("%s", async (...argv) => {
  const { code, out } = await strata(...argv);
  expect(code).toBe(0);
  expect(out.length).toBeGreaterThan(100);
});
