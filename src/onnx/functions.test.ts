import * as fc from "fast-check";
import { expect, test } from "vitest";
import { StrataError } from "../errors.ts";
import { checkFunctions, functionTable } from "./functions.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import type { ModelFunction, ModelNode } from "./model.ts";

const call = (op: string): ModelNode => ({
  name: "",
  op,
  domain: "local",
  overload: "",
  inputs: [],
  outputs: [],
  attributes: new Map(),
});

const fn = (name: string, calls: string[]): ModelFunction => ({
  name,
  domain: "local",
  overload: "",
  inputs: [],
  outputs: [],
  attributes: [],
  defaults: new Map(),
  nodes: calls.map(call),
  opsets: new Map(),
});

const outcome = (bodies: ModelFunction[], main: string[], limits: { nodes: number; functionDepth: number }): string => {
  try {
    checkFunctions(functionTable(bodies), main.map(call), { ...DEFAULT_LIMITS, ...limits }, "test");
    return "ok";
  } catch (error) {
    return error instanceof StrataError ? error.code : String(error);
  }
};

/** Function i calls only functions before it, or plain operators. */
const acyclic = fc
  .integer({ min: 1, max: 6 })
  .chain((n) =>
    fc.tuple(...Array.from({ length: n }, (_, i) => fc.array(fc.integer({ min: -1, max: i - 1 }), { maxLength: 3 }))),
  );

const name = (i: number): string => (i < 0 ? "Relu" : `f${i}`);

test("the size and depth of inlining are those of inlining it", () => {
  fc.assert(
    fc.property(acyclic, (calls) => {
      const bodies = calls.map((callees, i) => fn(name(i), callees.map(name)));
      const size = (i: number): number => (i < 0 ? 1 : (calls[i] ?? []).reduce((sum, callee) => sum + size(callee), 0));
      const depth = (i: number): number => (i < 0 ? 0 : 1 + Math.max(0, ...(calls[i] ?? []).map(depth)));
      const last = calls.length - 1;
      const [nodes, functionDepth] = [size(last), depth(last)];
      expect(outcome(bodies, [name(last)], { nodes, functionDepth })).toBe("ok");
      expect(outcome(bodies, [name(last)], { nodes: nodes - 1, functionDepth })).toBe("limit-exceeded");
      expect(outcome(bodies, [name(last)], { nodes, functionDepth: functionDepth - 1 })).toBe("limit-exceeded");
    }),
    { seed: 5, numRuns: 200 },
  );
});

test("a cycle is refused even if nothing calls it, and named", () => {
  const bodies = [fn("a", ["b"]), fn("b", ["c", "Relu"]), fn("c", ["a"])];
  expect(() => checkFunctions(functionTable(bodies), [], DEFAULT_LIMITS, "test")).toThrow(
    expect.objectContaining({ code: "function-cycle", details: [expect.stringMatching(/a.*b.*c.*a/)] }),
  );
});

test("overloads are different functions; a call without that overload takes the plain one", () => {
  const plain = fn("f", ["Relu"]);
  const other = { ...fn("f", ["Relu", "Relu"]), overload: "two" };
  expect([...functionTable([plain, other]).keys()]).toEqual(["local::f", "local::f::two"]);
  expect(() => functionTable([plain, plain])).toThrow(expect.objectContaining({ code: "duplicate-name" }));
});
