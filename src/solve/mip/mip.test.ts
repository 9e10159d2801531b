import * as fc from "fast-check";
import { expect, test } from "vitest";
import { solveMip, type MipModel } from "./index.ts";

const WIDTH = 3;

/** Least cost over the integer points of the box, by trying them all; Infinity where none is feasible. */
function bruteForce(model: MipModel): number {
  let best = Infinity;
  const point = model.variables.map((variable) => variable.lower!);
  for (;;) {
    const feasible = model.constraints.every(({ terms, lower = -Infinity, upper = Infinity }) => {
      const sum = terms.reduce((total, [variable, coefficient]) => total + coefficient * point[variable]!, 0);
      return sum >= lower && sum <= upper;
    });
    if (feasible)
      best = Math.min(
        best,
        point.reduce((sum, value, i) => sum + value * model.variables[i]!.cost!, 0),
      );
    let i = 0;
    while (i < point.length && point[i] === model.variables[i]!.upper) point[i] = model.variables[i++]!.lower!;
    if (i === point.length) return best;
    point[i]!++;
  }
}

const small = fc.integer({ min: -4, max: 4 });
const models: fc.Arbitrary<MipModel> = fc.integer({ min: 1, max: 5 }).chain((n) =>
  fc.record({
    variables: fc.array(
      fc.record({ lower: small, cost: small }).map(({ lower, cost }) => ({
        lower,
        upper: lower + WIDTH,
        integer: true,
        cost,
      })),
      { minLength: n, maxLength: n },
    ),
    constraints: fc.array(
      fc.record({
        terms: fc
          .array(small, { minLength: n, maxLength: n })
          .map((row) => row.map((coefficient, i) => [i, coefficient] as const)),
        upper: fc.integer({ min: -8, max: 8 }),
      }),
      { maxLength: 4 },
    ),
  }),
);

test.each(["highs", "glpk"] as const)("%s finds what trying every point finds", async (solver) => {
  await fc.assert(
    fc.asyncProperty(models, async (model) => {
      const { status, objective, bound, values } = await solveMip(model, { solver });
      const best = bruteForce(model);
      if (best === Infinity) {
        expect(status).toBe("infeasible");
        return;
      }
      expect(status).toBe("optimal");
      expect(objective).toBeCloseTo(best, 5);
      expect(bound).toBeCloseTo(best, 5);
      expect(values).toHaveLength(model.variables.length);
    }),
    { numRuns: 150 },
  );
});

test("a program without integers, and one without a bound", async () => {
  const model: MipModel = {
    variables: [
      { lower: 0, cost: -1 },
      { lower: 0, cost: -1 },
    ],
    constraints: [
      {
        terms: [
          [0, 2],
          [1, 1],
        ],
        upper: 3,
      },
      {
        terms: [
          [0, 1],
          [1, 2],
        ],
        upper: 3,
      },
    ],
  };
  for (const solver of ["highs", "glpk"] as const) {
    const solved = await solveMip(model, { solver });
    expect(solved).toMatchObject({ status: "optimal" });
    expect(solved.objective).toBeCloseTo(-2, 6);
    expect(solved.bound).toBeCloseTo(-2, 6);
    expect((await solveMip({ ...model, constraints: [] }, { solver })).status).toMatch(/unbounded|unknown/);
  }
});
