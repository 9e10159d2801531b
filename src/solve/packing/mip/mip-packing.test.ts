/** The mixed integer program against trying everything, and against the search, which it shares nothing with. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { leastHeight } from "../brute-force.test-util.ts";
import { faultOfPacking, pack, type PackingBuffer, type PackingProblem } from "../index.ts";
import { packByMip, type MipPackingParams } from "./index.ts";
import { packByLevels } from "./levels.ts";

const box = fc.record({ lower: fc.nat(5), time: fc.integer({ min: 1, max: 3 }), size: fc.integer({ min: 1, max: 4 }) });

const plain = (most: number): fc.Arbitrary<PackingBuffer[]> =>
  fc.array(
    box.map(({ lower, time, size }) => ({ lower, upper: lower + time, size })),
    { maxLength: most },
  );

/** Alignments, one fixed buffer, and gaps with a part that stays. */
const rich: fc.Arbitrary<PackingBuffer[]> = fc.array(
  fc
    .record({ box, alignment: fc.constantFrom(1, 1, 2, 4), pinned: fc.nat(9), offset: fc.nat(2), gap: fc.nat(3) })
    .map(({ box: { lower, time, size }, alignment, pinned, offset, gap }) => ({
      lower,
      upper: lower + time + 1,
      size,
      alignment,
      ...(pinned === 0 ? { offset: offset * alignment } : {}),
      ...(gap === 0 ? { gaps: [{ lower: lower + 1, upper: lower + time, window: [0, size >> 1] as const }] } : {}),
    })),
  { maxLength: 6 },
);

async function expectLeast(problem: PackingProblem, params: MipPackingParams): Promise<void> {
  const result = await packByMip(problem, params);
  const least = leastHeight(problem, 40);
  if (least === undefined || least === Infinity) {
    expect(result.status).toBe("infeasible");
    return;
  }
  expect(faultOfPacking(problem, result.offsets)).toBeUndefined();
  expect(result).toMatchObject({ height: least, lowerBound: least, status: "optimal" });
}

test.each([
  ["highs", {}, 60],
  ["highs", { cliqueStacking: false }, 25],
  ["highs", { symmetry: false }, 25],
  ["highs", { tightBounds: false, cliqueStacking: false, symmetry: false, warmStart: false }, 25],
  ["glpk", {}, 40],
] as const)("%s %j: the height of trying everything", (solver, params, numRuns) =>
  fc.assert(
    fc.asyncProperty(plain(7), (buffers) => expectLeast({ buffers }, { ...params, solver })),
    { numRuns },
  ),
);

test("with alignments, fixed buffers and gaps", () =>
  fc.assert(
    fc.asyncProperty(rich, async (buffers) => {
      const pinsCollide = (): boolean => {
        try {
          pack({ buffers });
          return false;
        } catch {
          return true;
        }
      };
      fc.pre(!pinsCollide());
      await expectLeast({ buffers }, {});
    }),
    { numRuns: 60 },
  ));

test("fixed buffers that collide, with gaps of no length: proven infeasible", async () => {
  const buffer = { lower: 0, upper: 2, size: 1, alignment: 2, offset: 2, gaps: [{ lower: 1, upper: 1 }] };
  await expectLeast({ buffers: [buffer, buffer] }, {});
});

test("a capacity: within it, or a proof that nothing is", () =>
  fc.assert(
    fc.asyncProperty(plain(7), fc.integer({ min: -1, max: 1 }), async (buffers, more) => {
      const least = leastHeight({ buffers }, 40)!;
      const capacity = Math.max(0, least + more);
      const { status, height, offsets } = await packByMip({ buffers, capacity }, { minimize: false });
      if (capacity < least) expect(status).toBe("infeasible");
      else {
        expect(height).toBeLessThanOrEqual(capacity);
        expect(faultOfPacking({ buffers, capacity }, offsets)).toBeUndefined();
      }
    }),
    { numRuns: 60 },
  ));

test("the search and the program agree on more buffers than can be tried", () =>
  fc.assert(
    fc.asyncProperty(plain(14), async (buffers) => {
      const searched = pack({ buffers });
      const solved = await packByMip({ buffers });
      expect(solved.status).toBe("optimal");
      expect(searched).toMatchObject({ status: "optimal", height: solved.height });
    }),
    { numRuns: 40 },
  ));

/** (size, first, last): load and optimum are in activation-swapping's tables; the ends are inclusive there. */
const KNOWN: readonly (readonly [number, number, readonly (readonly [number, number, number])[]])[] = [
  [
    4,
    5,
    [
      [3, 0, 0],
      [1, 0, 2],
      [1, 1, 3],
      [2, 1, 1],
      [1, 2, 4],
      [1, 2, 2],
      [2, 3, 3],
      [3, 4, 4],
    ],
  ],
  [
    5,
    6,
    [
      [2, 0, 1],
      [3, 0, 0],
      [2, 1, 2],
      [1, 1, 3],
      [1, 2, 3],
      [1, 2, 2],
      [3, 3, 4],
      [2, 4, 4],
    ],
  ],
  [
    4,
    5,
    [
      [2, 0, 0],
      [2, 0, 1],
      [1, 1, 2],
      [1, 1, 3],
      [1, 2, 3],
      [1, 2, 2],
      [2, 3, 4],
      [2, 4, 5],
      [2, 5, 5],
    ],
  ],
  [
    6,
    7,
    [
      [3, 0, 1],
      [2, 0, 0],
      [1, 0, 2],
      [1, 1, 2],
      [1, 1, 3],
      [2, 2, 3],
      [1, 2, 2],
      [3, 3, 4],
      [3, 4, 4],
    ],
  ],
];

test.each(KNOWN)("load %i, optimum %i, proven by both", async (load, optimum, rows) => {
  const buffers = rows.map(([size, first, last]) => ({ lower: first, upper: last + 1, size }));
  expect(pack({ buffers }, { budget: 1, exact: false }).lowerBound).toBe(load);
  for (const result of [
    pack({ buffers }),
    await packByMip({ buffers }),
    await packByMip({ buffers }, { solver: "glpk" }),
  ])
    expect(result).toMatchObject({ height: optimum, lowerBound: optimum, status: "optimal", bound: "search" });
});

test("two levels: blocks alike are solved once, and the packing holds", () =>
  fc.assert(
    fc.asyncProperty(plain(5), plain(5), fc.integer({ min: 1, max: 4 }), async (inner, outer, blocks) => {
      fc.pre(inner.length > 0);
      const span = 10;
      const buffers = [
        ...outer.map((buffer) => ({ ...buffer, lower: buffer.lower * 4, upper: buffer.upper * 4 })),
        ...Array.from({ length: blocks }, (_, b) =>
          inner.map((buffer) => ({ ...buffer, lower: buffer.lower + b * span, upper: buffer.upper + b * span })),
        ).flat(),
      ];
      const blockOf = buffers.map((_, i) => (i < outer.length ? -1 : Math.floor((i - outer.length) / inner.length)));
      const { result, levelOne, levelTwo } = await packByLevels({ buffers }, blockOf);
      expect(levelOne).toHaveLength(1);
      expect(levelOne[0]!.height).toBe(leastHeight({ buffers: inner }, 40));
      expect(faultOfPacking({ buffers }, result.offsets)).toBeUndefined();
      expect(result.height).toBe(levelTwo.height);
      // Blocks as wholes can only cost.
      expect(result.height).toBeGreaterThanOrEqual(pack({ buffers }).height);
    }),
    { numRuns: 25 },
  ));

test("what it does not know is refused", async () => {
  const buffers = [
    { lower: 0, upper: 2, size: 4 },
    { lower: 0, upper: 2, size: 2, inside: { buffer: 0, distance: 1 } },
  ];
  await expect(packByMip({ buffers })).rejects.toMatchObject({ code: "invalid-packing" });
  await expect(packByMip({ buffers: [], arenas: [{}] })).rejects.toMatchObject({ code: "invalid-packing" });
});
