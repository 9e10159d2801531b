import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runConformance } from "../conformance/run.ts";
import { DATA, SETS } from "./backend-cases.test-util.ts";

/** Share of cases that must pass; the rest must be refused by name, none wrong. */
const LEAST = 0.85;

describe("ONNX's backend tests, from bytes to outputs on the wasm executor", () => {
  test.each(SETS)("%s", { timeout: 300_000 }, async (set) => {
    const folder = join(DATA, set);
    if (!existsSync(folder)) {
      console.log(`skipped: ${folder} is not there`);
      return;
    }
    const report = await runConformance(folder, "wasm");
    console.log(
      `${set}: ${report.passed.length} of ${report.total} passed, ${report.refused.length} refused, ${report.failed.length} failed`,
    );
    expect(report.failed).toEqual([]);
    expect(report.passed.length).toBeGreaterThanOrEqual(LEAST * report.total);
    for (const { name, code } of report.refused)
      expect(code, name).toMatch(
        /^(unsupported|shape-depends|control-flow|missing-kernel|malformed-case|unknown|invalid)/,
      );
  });

  test(
    "what holds strings, sequences or draws random numbers is refused by name, never a crash",
    { timeout: 300_000 },
    async () => {
      for (const set of ["node-other", "simple-other"]) {
        const folder = join(DATA, set);
        if (!existsSync(folder)) {
          console.log(`skipped: ${folder} is not there`);
          continue;
        }
        const report = await runConformance(folder, "cpu");
        console.log(`${set}: ${report.passed.length} of ${report.total} passed, ${report.refused.length} refused`);
        expect(report.failed).toEqual([]);
      }
    },
  );
});
