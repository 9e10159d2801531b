import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StrataError } from "../errors.ts";
import { goodPlan, goodPlans } from "./generate.test-util.ts";
import { MUTATIONS } from "./mutations.test-util.ts";
import { readPlan } from "./read.ts";
import { planJsonSchema, planSchema, type Plan } from "./schema.ts";
import { simulate } from "./simulate.ts";
import { verify } from "./verify.ts";
import { writePlan } from "./write.ts";

/** The simulator may follow ids that are not there: what throws is wrong too. */
function simulatorObjects(plan: Plan): boolean {
  try {
    return simulate(plan).length > 0;
  } catch {
    return true;
  }
}

describe("good plans", () => {
  test("none of 10,000 is rejected, by the verifier or the simulator", () => {
    for (let seed = 0; seed < 10_000; seed++) {
      const plan = goodPlan(seed);
      expect(verify(plan), `seed ${seed}`).toEqual([]);
      expect(simulate(plan), `seed ${seed}`).toEqual([]);
    }
  });

  test("write and read round-trip, byte for byte", () => {
    fc.assert(
      fc.property(goodPlans, (plan) => {
        const text = writePlan(plan);
        expect(readPlan(text)).toEqual(plan);
        expect(writePlan(readPlan(new TextEncoder().encode(text)))).toBe(text);
      }),
      { seed: 1, numRuns: 100 },
    );
  });
});

describe("spoiled plans", () => {
  test.each(Object.keys(MUTATIONS))("%s: whatever the simulator objects to is rejected", (name) => {
    let spoiled = 0;
    let objected = 0;
    let rejected = 0;
    for (let seed = 0; seed < 2000; seed++) {
      let draw = seed + 1;
      const at = (below: number): number => (draw = (Math.imul(draw, 1103515245) + 12345) >>> 0) % Math.max(1, below);
      const plan = MUTATIONS[name]!(goodPlan(seed), at);
      if (plan === undefined) continue;
      spoiled++;
      const violations = verify(plan);
      if (violations.length > 0) rejected++;
      if (!simulatorObjects(plan)) continue;
      objected++;
      expect(violations, `seed ${seed}`).not.toEqual([]);
    }
    expect(spoiled).toBeGreaterThan(0);
    // Every mutation must be caught at least sometimes: one that never is spoils nothing.
    expect(rejected, `${objected} of ${spoiled} were wrong`).toBeGreaterThan(0);
  });

  test("there are at least 25 of them", () => expect(Object.keys(MUTATIONS).length).toBeGreaterThanOrEqual(25));
});

test("the sweep finds an overlap exactly where a naive comparison of all pairs does", () => {
  fc.assert(
    fc.property(
      fc.nat(1_000_000),
      fc.array(fc.tuple(fc.nat(30), fc.nat(512)), { minLength: 1, maxLength: 3 }),
      (seed, moves) => {
        const plan = goodPlan(seed);
        const placements = plan.placements.map((placed) => ({ ...placed }));
        for (const [index, offset] of moves) placements[index % placements.length]!.offset = 8 * (offset % 8);
        const naive = placements.some((a, i) =>
          placements
            .slice(i + 1)
            .some(
              (b) =>
                a.memory === b.memory &&
                a.bytes > 0 &&
                b.bytes > 0 &&
                a.from < b.to &&
                b.from < a.to &&
                a.offset < b.offset + b.bytes &&
                b.offset < a.offset + a.bytes,
            ),
        );
        expect(verify({ ...plan, placements }).some(({ code }) => code === "overlap")).toBe(naive);
      },
    ),
    { seed: 4, numRuns: 2000 },
  );
});

describe("reading untrusted plans", () => {
  test("any mutant of the text is a plan or a catalogued error", () => {
    const text = writePlan(goodPlan(3));
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), fc.nat(5), (at, put, cut) => {
        try {
          verify(readPlan(text.slice(0, at) + put + text.slice(at + cut)));
        } catch (error) {
          expect(error).toBeInstanceOf(StrataError);
        }
      }),
      { seed: 2, numRuns: 5000 },
    );
  });

  test.each([
    ["", "invalid-plan"],
    ["[1]", "invalid-plan"],
    ['{"strata":2}', "plan-version"],
    ['{"strata":1}', "invalid-plan"],
    ['{"__proto__":{"strata":1}}', "invalid-plan"],
  ])("%s is refused as %s", (text, code) => {
    expect(() => readPlan(text)).toThrow(expect.objectContaining({ code }));
  });

  test("a plan over the size limit is refused before it is parsed", () => {
    expect(() => readPlan(writePlan(goodPlan(1)), 100)).toThrow(expect.objectContaining({ code: "limit-exceeded" }));
  });
});

test("the published JSON Schema says the same as zod", () => {
  const validate = new Ajv2020({ strict: false }).compile(planJsonSchema());
  for (let seed = 0; seed < 60; seed++) {
    const plan = goodPlan(seed);
    expect(validate(plan)).toBe(true);
    for (const change of Object.values(MUTATIONS)) {
      const spoiled = change(plan, () => 0);
      if (spoiled !== undefined) expect(validate(spoiled)).toBe(planSchema.safeParse(spoiled).success);
    }
    const { steps: _, ...without } = plan;
    expect(validate(without)).toBe(false);
  }
});
