/**
 * Every file of fixtures/<pass>/: textual IR, a line `----`, and what the pass makes of it (for error.* the
 * error's code and message). `UPDATE=1 npx vitest run passes/goldens.test.ts` rewrites what stands below the line.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { StrataError } from "../src/errors.ts";
import { checkIr } from "../src/ir/check.ts";
import { parseIr } from "../src/ir/parse.ts";
import { printGraph, printProgram } from "../src/ir/print.ts";
import { loadTarget } from "../src/target/index.ts";
import { lower } from "./lower.ts";
import { PASSES, type PassInfo } from "./registry.ts";

const FIXTURES = join(import.meta.dirname, "..", "fixtures");
const LINE = "\n----\n";

function apply(pass: PassInfo, text: string): string {
  const ir = parseIr(text);
  const before = checkIr(ir);
  if (before !== undefined) return `${before}\n`;
  const made =
    ir.stage === "program" ? pass.program!(ir) : pass.graph ? pass.graph(ir) : lower(ir, loadTarget("tfjs-wasm"));
  expect(checkIr(made)).toBeUndefined();
  return made.stage === "graph" ? printGraph(made) : printProgram(made);
}

function outcome(pass: PassInfo, text: string): string {
  try {
    return apply(pass, text);
  } catch (error) {
    if (error instanceof StrataError) return `${error.code}: ${error.message}\n`;
    throw error;
  }
}

const folders = new Set(readdirSync(FIXTURES));
describe.each(PASSES.filter(({ name }) => folders.has(name)))("$name", (pass) => {
  const folder = join(FIXTURES, pass.name);
  test.each(readdirSync(folder))("%s", (file) => {
    const path = join(folder, file);
    const [input, expected] = readFileSync(path, "utf8").split(LINE) as [string, string?];
    const made = outcome(pass, input);
    if (process.env["UPDATE"] === "1") writeFileSync(path, `${input}${LINE}${made}`);
    else expect(made).toBe(expected);
  });
});
