import * as fc from "fast-check";
import { expect, test } from "vitest";
import { StrataError } from "../errors.ts";
import type { AttributeValue, ModelGraph, ModelNode } from "./model.ts";
import { orderGraph } from "./names.ts";

const node = (
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: [string, AttributeValue][] = [],
): ModelNode => ({
  name: "",
  op,
  domain: "",
  overload: "",
  inputs,
  outputs,
  attributes: new Map(attributes),
});

const graphOf = (nodes: ModelNode[], outputs: string[], inputs = ["x"]): ModelGraph => ({
  name: "g",
  nodes,
  inputs: inputs.map((name) => ({ name, type: "tensor", dtype: "float32", dims: [1] })),
  outputs: outputs.map((name) => ({ name, type: "tensor", dtype: "float32", dims: [1] })),
  initializers: new Map(),
  valueInfo: new Map(),
});

const order = (graph: ModelGraph, sparse: string[] = []): ModelGraph => orderGraph(graph, new Set(sparse));
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return "none";
  } catch (error) {
    return error instanceof StrataError ? error.code : String(error);
  }
};

/** A random acyclic graph: node i reads the input and some nodes before it. */
const dag = fc.integer({ min: 1, max: 30 }).chain((n) =>
  fc.record({
    reads: fc.tuple(
      ...Array.from({ length: n }, (_, i) => fc.array(fc.integer({ min: -1, max: i - 1 }), { maxLength: 3 })),
    ),
    shuffle: fc.shuffledSubarray(
      Array.from({ length: n }, (_, i) => i),
      { minLength: n, maxLength: n },
    ),
  }),
);

const nameOf = (i: number): string => (i < 0 ? "x" : `v${i}`);

test("shuffled nodes are sorted, and sorted ones are left as they are", () => {
  fc.assert(
    fc.property(dag, ({ reads, shuffle }) => {
      const nodes = reads.map((from, i) => node("Op", from.map(nameOf), [nameOf(i)]));
      const outputs = nodes.flatMap((one) => one.outputs);
      const sorted = graphOf(nodes, outputs);
      expect(order(sorted)).toBe(sorted);
      const got = order(
        graphOf(
          shuffle.map((i) => nodes[i]!),
          outputs,
        ),
      ).nodes;
      expect(new Set(got)).toEqual(new Set(nodes));
      const defined = new Set(["x"]);
      for (const one of got) {
        expect(one.inputs.every((name) => defined.has(name))).toBe(true);
        one.outputs.forEach((name) => defined.add(name));
      }
    }),
    { seed: 4, numRuns: 300 },
  );
});

test("a chain of 100,000 nodes written backwards does not overflow the stack", () => {
  const count = 100_000;
  const nodes = Array.from({ length: count }, (_, i) => node("Relu", [nameOf(i - 1)], [nameOf(i)])).reverse();
  expect(order(graphOf(nodes, [nameOf(count - 1)])).nodes.at(-1)?.outputs).toEqual([nameOf(count - 1)]);
});

test("a cycle is named by its nodes, without those that only wait for it", () => {
  const nodes = [
    node("A", ["x", "c"], ["a"]),
    node("B", ["a"], ["b"]),
    node("C", ["b"], ["c"]),
    node("D", ["c"], ["y"]),
  ];
  try {
    order(graphOf(nodes, ["y"]));
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: "graph-cycle", message: expect.stringMatching(/A of a.*C of c.*B of b/) });
    expect(String(error)).not.toContain("D of y");
  }
});

test("a subgraph sees the names around it, and makes its node wait for them", () => {
  const body = graphOf([node("Relu", ["late"], ["z"])], ["z"], []);
  const nodes = [
    node("If", ["x"], ["y"], [["then_branch", { kind: "graph", value: body }]]),
    node("Relu", ["x"], ["late"]),
  ];
  expect(order(graphOf(nodes, ["y"])).nodes.map((one) => one.op)).toEqual(["Relu", "If"]);
  expect(codeOf(() => order(graphOf(nodes.slice(0, 1), ["y"])))).toBe("undefined-value");
});

test("nodes inside a subgraph are sorted too", () => {
  const body = graphOf([node("B", ["p"], ["q"]), node("A", ["x"], ["p"])], ["q"], []);
  const [first] = order(
    graphOf([node("If", ["x"], ["y"], [["then_branch", { kind: "graph", value: body }]])], ["y"]),
  ).nodes;
  const attribute = first?.attributes.get("then_branch");
  expect(attribute?.kind === "graph" && attribute.value.nodes.map((one) => one.op)).toEqual(["A", "B"]);
});

test("a subgraph may define a name that is also defined around it", () => {
  const body = graphOf([node("Relu", ["x"], ["y"])], ["y"], []);
  const outer = graphOf([node("If", ["x"], ["y"], [["then_branch", { kind: "graph", value: body }]])], ["y"]);
  expect(order(outer)).toBe(outer);
});

test("of Constant nodes of one name the last counts; other definitions are refused", () => {
  const [old, fresh] = [node("Constant", [], ["c"]), node("Constant", [], ["c"])];
  const nodes = order(graphOf([old, node("Add", ["x", "c"], ["y"]), fresh], ["y"])).nodes;
  expect(nodes).toHaveLength(2);
  expect(nodes[0]).toBe(fresh);
  expect(codeOf(() => order(graphOf([old, node("Relu", ["x"], ["c"])], ["c"])))).toBe("duplicate-name");
});

test("a sparse initializer is refused only where it is read", () => {
  expect(codeOf(() => order(graphOf([node("Relu", ["s"], ["y"])], ["y"]), ["s"]))).toBe("unsupported-type");
  expect(codeOf(() => order(graphOf([node("Relu", ["x"], ["y"])], ["y"]), ["s"]))).toBe("none");
});
