import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError } from "../errors.ts";
import { attrsOf, compactGraph, graphBuilder } from "./build.ts";
import { checkIr } from "./check.ts";
import { DTYPE_NAMES } from "./dtype.ts";
import { parseIr } from "./parse.ts";
import { printGraph, printProgram } from "./print.ts";
import type { Graph, Program, TensorType, ValueId } from "./types.ts";

const typeOf: fc.Arbitrary<TensorType> = fc.record({
  dtype: fc.constantFrom(...DTYPE_NAMES),
  shape: fc.array(fc.nat(5), { maxLength: 4 }),
});

const attrValue = fc.oneof(
  fc.double({ noNaN: true }).filter((value) => Number.isFinite(value)),
  fc.string(),
  fc.boolean(),
  fc.array(fc.integer()),
  fc.array(fc.string(), { minLength: 1 }),
);

/** Random graphs: any names, any attributes, absent operands and results, every flag. */
const graphs: fc.Arbitrary<Graph> = fc
  .record({
    name: fc.string(),
    inputs: fc.array(fc.tuple(fc.string(), typeOf), { minLength: 1, maxLength: 3 }),
    constants: fc.array(fc.tuple(fc.string(), typeOf, fc.boolean()), { maxLength: 2 }),
    nodes: fc.array(
      fc.record({
        name: fc.string(),
        op: fc.constantFrom("Add", "com.x", "a b", "_"),
        picks: fc.array(fc.option(fc.nat()), { maxLength: 3 }),
        results: fc.array(fc.option(fc.tuple(fc.string(), typeOf)), { minLength: 1, maxLength: 3 }),
        attrs: fc.dictionary(fc.string({ minLength: 1 }), attrValue, { noNullPrototype: true, maxKeys: 3 }),
        flops: fc.nat(),
        scratch: fc.array(typeOf, { maxLength: 1 }),
        flags: fc.tuple(fc.boolean(), fc.boolean()),
      }),
      { maxLength: 5 },
    ),
    dims: fc.uniqueArray(fc.tuple(fc.string(), fc.nat(100)), { maxLength: 2, selector: ([name]) => name }),
  })
  .map(({ name, inputs, constants, nodes, dims }) => {
    const builder = graphBuilder(name);
    for (const [own, type] of inputs) builder.input(own, type);
    for (const [own, type, inline] of constants)
      builder.constant(own, type, inline ? { kind: "inline", base64: "AAAA" } : { kind: "model", name: own });
    for (const node of nodes) {
      const operands = node.picks.map((pick) => (pick === null ? null : ((pick % builder.valueCount()) as ValueId)));
      builder.node(
        {
          name: node.name,
          op: node.op,
          inputs: operands,
          attrs: attrsOf(node.attrs),
          flops: node.flops,
          scratch: node.scratch,
          opaque: node.flags[0],
          impure: node.flags[1],
        },
        node.results.map((result) => (result === null ? null : { name: result[0], type: result[1] })),
      );
    }
    const last = (builder.valueCount() - 1) as ValueId;
    return builder.finish(
      [last],
      dims.map(([own, size]) => ({ name: own, size })),
      [{ value: 0 as ValueId, base64: "AQ==" }],
    );
  });

describe("textual IR", () => {
  test("parse(print(graph)) deep-equals the graph, and print is a fixed point", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const text = printGraph(graph);
        const parsed = parseIr(text);
        expect(parsed).toEqual(graph);
        expect(printGraph(parsed as Graph)).toBe(text);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  test("compactGraph keeps what outputs need, leaves a checked graph, and is idempotent", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const compact = compactGraph(graph);
        expect(checkIr(compact)).toBeUndefined();
        expect(compactGraph(compact)).toEqual(compact);
        expect(compact.outputs.map((id) => compact.values[id]!.name)).toEqual(
          graph.outputs.map((id) => graph.values[id]!.name),
        );
      }),
      { seed: 8, numRuns: 200 },
    );
  });

  test("a program round-trips with views, in-place storage and load-time steps", () => {
    const program: Program = {
      stage: "program",
      name: "p",
      target: "tfjs-wasm",
      dims: [{ name: "batch", size: 2 }],
      values: [
        {
          id: 0 as ValueId,
          name: "x",
          kind: "input",
          dtype: "float32",
          shape: [2, 3],
          bytes: 24,
          storage: { value: 0 as ValueId, offset: 0 },
        },
        {
          id: 1 as ValueId,
          name: "w",
          kind: "temporary",
          dtype: "float16",
          shape: [4],
          bytes: 8,
          storage: { value: 1 as ValueId, offset: 0 },
          source: { kind: "model", name: "w" },
        },
        {
          id: 2 as ValueId,
          name: "wt",
          kind: "weight",
          dtype: "float16",
          shape: [4],
          bytes: 8,
          storage: { value: 2 as ValueId, offset: 0 },
        },
        {
          id: 3 as ValueId,
          name: "v",
          kind: "activation",
          dtype: "float32",
          shape: [3],
          bytes: 12,
          storage: { value: 0 as ValueId, offset: 12 },
          viewOf: 0 as ValueId,
        },
        {
          id: 4 as ValueId,
          name: "y y",
          kind: "output",
          dtype: "float32",
          shape: [3],
          bytes: 12,
          storage: { value: 0 as ValueId, offset: 12 },
        },
      ],
      init: [
        {
          kind: "kernel",
          kernel: "Transpose",
          node: "t",
          reads: [1 as ValueId],
          writes: [2 as ValueId],
          absentReads: [],
          absentWrites: [],
          attrs: attrsOf({ perm: [1, 0] }),
          mayOverwrite: [],
          flops: 0,
          seconds: 0,
        },
      ],
      steps: [
        {
          kind: "kernel",
          kernel: "Relu",
          node: "r",
          reads: [3 as ValueId],
          writes: [4 as ValueId],
          absentReads: [1],
          absentWrites: [0],
          attrs: [],
          mayOverwrite: [0],
          flops: 3,
          seconds: 1.5e-7,
          dispatch: { call: 0, index: 0 },
        },
      ],
      copies: [{ value: 0 as ValueId, from: "arena", to: "host", before: 0 }],
      calls: [
        {
          kernel: "Relu",
          node: "r",
          reads: [3 as ValueId],
          writes: [4 as ValueId],
          absentReads: [1],
          absentWrites: [0],
          attrs: [],
          digest: "ab12",
        },
      ],
      inputs: [0 as ValueId],
      outputs: [4 as ValueId],
      specialized: [],
    };
    expect(parseIr(printProgram(program))).toEqual(program);
    expect(checkIr(program)).toBeUndefined();
    expect(printProgram(program)).toMatchInlineSnapshot(`
      "// strata ir 1
      program p for "tfjs-wasm"
      dim batch = 2
      take (x)
      values {
        input x: f32[2,3]  // 24 B
        temporary w: f16[4] = model "w"  // 8 B
        weight wt: f16[4]  // 8 B
        activation v: f32[3] view x in x+12  // 12 B
        output "y y": f32[3] in x+12  // 12 B
      }
      init {
        0: wt = Transpose<perm=[1,0]>(w) {node=t}
      }
      steps {
        0: _, "y y" = Relu(v, _) {node=r, flops=3, seconds=1.5e-7, may_overwrite=[0], dispatch=[0,0]}
      }
      copies {
        0: x from arena to host
      }
      calls {
        0: _, "y y" = Relu(v, _) {node=r, digest=ab12}
      }
      return ("y y")
      "
    `);
  });

  test("any text is IR or an InputError", () => {
    const sample = printGraph(fc.sample(graphs, { seed: 3, numRuns: 1 })[0]!);
    fc.assert(
      fc.property(fc.nat(sample.length), fc.string({ maxLength: 4 }), fc.nat(6), (at, put, cut) => {
        const text = sample.slice(0, at) + put + sample.slice(at + cut);
        try {
          parseIr(text);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { seed: 9, numRuns: 1000 },
    );
  });
});
