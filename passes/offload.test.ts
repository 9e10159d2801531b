/** Random graphs in random capacities between the largest working set and the bound: planned, proven, simulated and run. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { builder } from "../models/builder.ts";
import { compile, executePlan, readModel } from "../src/index.ts";
import { encodeModel } from "../src/onnx/encode.ts";
import { simulate } from "../src/plan/simulate.ts";
import { verify } from "../src/plan/verify.ts";
import { loadTarget, withCapacity } from "../src/target/index.ts";
import { livePeak, liveRanges, offload, offloadFloor, type PassName } from "./index.ts";
import { momentsOf } from "./liveness.ts";

const WIDTH = 32;
const target = loadTarget("tfjs-wasm");
const inBytes = (bytes: number) => withCapacity(target, new Map([["arena", bytes]]));

interface Choice {
  readonly op: number;
  readonly a: number;
  readonly b: number;
}

/** A graph of what the choices say, over values [rows, 32] that come back late; what nothing reads is a result. */
function graphOf(choices: readonly Choice[]): Uint8Array {
  const b = builder({ weights: "seeded", seed: 1 });
  const values = [
    { name: b.input("x", "float", [2, WIDTH]), rows: 2 },
    { name: b.input("y", "float", [8, WIDTH]), rows: 8 },
  ];
  const used = new Set<string>();
  choices.forEach(({ op, a, b: other }, i) => {
    // Old and new operands alike, so that values wait.
    const left = values[a % values.length]!;
    const right = values[other % values.length]!;
    const name = `v${i}`;
    const rows = { 0: left.rows, 1: left.rows, 2: 8 * left.rows, 3: left.rows + right.rows, 4: left.rows }[op]!;
    if (rows > 128) return;
    if (op === 0) b.op("Relu", [left.name], name);
    else if (op === 1) b.op("MatMul", [left.name, b.weight(`w${i}`, [WIDTH, WIDTH])], name);
    else if (op === 2) b.op("Tile", [left.name, b.ints([8, 1])], name);
    else if (op === 3) b.op("Concat", [left.name, right.name], name, { axis: 0 });
    else b.op("Add", [left.name, right.rows === left.rows ? right.name : left.name], name);
    used.add(left.name).add(op > 2 ? right.name : left.name);
    values.push({ name, rows });
  });
  const ends = values.slice(2).filter(({ name }) => !used.has(name));
  ends.forEach(({ name, rows }, i) => b.output(`out${i}`, name, "float", [rows, WIDTH]));
  return encodeModel(b.finish("random"));
}

const graphs = fc
  .array(fc.record({ op: fc.integer({ min: 0, max: 4 }), a: fc.nat(50), b: fc.nat(50) }), {
    minLength: 6,
    maxLength: 40,
    size: "max",
  })
  .map(graphOf);

test("fits between the floor and the bound, bit for bit", { timeout: 180_000 }, async () => {
  let planned = 0;
  let again = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      graphs,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
      async (bytes, share, ordered) => {
        const model = await readModel(bytes);
        // In the order of the file, values wait longer.
        const without = new Set<PassName>(ordered ? [] : ["schedule"]);
        const whole = await compile(model, { target, without });
        const floor = offloadFloor(whole.program, target).bytes;
        const bound = livePeak(liveRanges(whole.program), momentsOf(whole.program), 64).bytes;
        if (bound === floor) return;
        const capacity = Math.floor(floor + share * (bound - floor));
        const moved = offload(whole.program, inBytes(capacity));
        const ranges = liveRanges(moved).filter(({ memory }) => memory !== "host");
        expect(livePeak(ranges, momentsOf(moved), 64).bytes).toBeLessThanOrEqual(capacity);
        expect(() => offload(whole.program, inBytes(floor - 1))).toThrow(`arena needs ${floor} bytes`);

        const made = await compile(model, { target: inBytes(capacity), without }).catch((error: unknown) => {
          // The live bytes fit, but may not pack.
          expect(error).toMatchObject({ code: "capacity-exceeded" });
          return undefined;
        });
        if (made === undefined) {
          refused++;
          return;
        }
        planned++;
        if (made.plan.values.some(({ name }) => name.includes("/again"))) again++;
        expect(verify(made.plan)).toEqual([]);
        expect(simulate(made.plan)).toEqual([]);
        expect(made.plan.summary.peakBytes["arena"]).toBeLessThanOrEqual(capacity);
        const { outputs: wanted } = await executePlan(whole.plan, { model, backend: "cpu" });
        const { outputs, check } = await executePlan(made.plan, { model, backend: "cpu", repeat: 2, check: true });
        expect(check).toMatchObject({ equal: true });
        expect(outputs.map(({ sha256 }) => sha256)).toEqual(wanted.map(({ sha256 }) => sha256));
      },
    ),
    { numRuns: 90, seed: 11 },
  );
  console.log(`planned ${planned}, of them ${again} with recomputation; ${refused} did not pack`);
  expect(planned).toBeGreaterThan(60);
  expect(again).toBeGreaterThan(3);
  expect(refused).toBeLessThan(0.1 * planned);
});
