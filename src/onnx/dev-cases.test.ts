import { expect, test } from "vitest";
import { runCases } from "./backend-cases.test-util.ts";

test.runIf(process.env["CASES"] !== undefined)("selected backend cases", { timeout: 600_000 }, async () => {
  const results = await runCases(new RegExp(process.env["CASES"] ?? "^$"));
  for (const { name, message } of results.refused) console.log(`REFUSED ${name}: ${message}`);
  for (const { name, message } of results.failed) console.log(`FAILED ${name}: ${message}`);
  console.log(`passed ${results.passed.length}, refused ${results.refused.length}, failed ${results.failed.length}`);
  expect(results.failed).toEqual([]);
});
