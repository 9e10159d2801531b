import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leastHeight } from "./brute-force.test-util.ts";
import {
  faultOfPacking,
  pack,
  type PackingBuffer,
  type PackingParams,
  type PackingProblem,
  type PackingProgress,
} from "./index.ts";

const box = (lower: number, upper: number, size: number, more: Partial<PackingBuffer> = {}): PackingBuffer => ({
  lower,
  upper,
  size,
  ...more,
});

/** Boxes of a few bytes and moments, dense enough that the bound is not always met. */
const boxes = (most: number, sizes = 4): fc.Arbitrary<PackingBuffer[]> =>
  fc.array(
    fc
      .record({
        lower: fc.integer({ min: 0, max: 5 }),
        time: fc.integer({ min: 1, max: 3 }),
        size: fc.integer({ min: 1, max: sizes }),
      })
      .map(({ lower, time, size }) => box(lower, lower + time, size)),
    { maxLength: most },
  );

/** Buffers with something more for each. */
const withMore = <T>(
  lists: fc.Arbitrary<PackingBuffer[]>,
  more: fc.Arbitrary<T>,
  add: (buffer: PackingBuffer, more: T) => PackingBuffer,
): fc.Arbitrary<PackingBuffer[]> =>
  lists.chain((list) =>
    fc
      .array(more, { minLength: list.length, maxLength: list.length })
      .map((additions) => list.map((buffer, i) => add(buffer, additions[i]!))),
  );

/** Frees fixed buffers that collide with one before them. */
function withoutCollisions(list: readonly PackingBuffer[]): PackingBuffer[] {
  const kept: PackingBuffer[] = [];
  for (const buffer of list) {
    const { offset, ...free } = buffer;
    const collides = kept.some(
      (other) =>
        offset !== undefined &&
        other.offset !== undefined &&
        other.lower < buffer.upper &&
        buffer.lower < other.upper &&
        offset < other.offset + other.size &&
        other.offset < offset + buffer.size,
    );
    kept.push(collides ? free : buffer);
  }
  return kept;
}

/** The result is a packing, at its optimum, which is proven. */
function expectOptimal(problem: PackingProblem, params: PackingParams = {}): void {
  const result = pack(problem, params);
  const least = leastHeight(problem, 40);
  expect(faultOfPacking(problem, result.offsets, result.arenas)).toBeUndefined();
  expect({ height: result.height, lowerBound: result.lowerBound, status: result.status }).toEqual({
    height: least,
    lowerBound: least,
    status: "optimal",
  });
}

describe("brute force", { timeout: 60_000 }, () => {
  it("agrees on plain boxes", () => {
    fc.assert(
      fc.property(boxes(8), fc.integer({ min: 0, max: 9 }), (buffers, seed) => expectOptimal({ buffers }, { seed })),
      { numRuns: 2000, seed: 1 },
    );
  });

  it("agrees with the search alone, and each of its tricks off", () => {
    const tricks = [
      "forced",
      "spans",
      "ceilings",
      "waste",
      "twins",
      "noGoods",
      "weights",
      "locality",
      "lubyRestarts",
      "peel",
      "sums",
      "split",
      "units",
    ] as const;
    fc.assert(
      fc.property(boxes(8), fc.constantFrom(undefined, ...tricks), (buffers, off) =>
        expectOptimal(
          { buffers },
          {
            skyline: false,
            greedyFits: false,
            restarts: false,
            localSearch: false,
            ...(off === undefined ? {} : { [off]: false }),
          },
        ),
      ),
      { numRuns: 1500, seed: 2 },
    );
  });

  it("agrees with alignments and pins", () => {
    const aligned = withMore(
      boxes(6, 5),
      fc.record({
        alignment: fc.constantFrom(1, 1, 2, 3, 4),
        pin: fc.option(fc.integer({ min: 0, max: 2 }), { freq: 5 }),
      }),
      (buffer, { alignment, pin }) => ({ ...buffer, alignment, ...(pin === null ? {} : { offset: pin * alignment }) }),
    );
    fc.assert(
      fc.property(aligned, (list) => expectOptimal({ buffers: withoutCollisions(list) })),
      { numRuns: 1000, seed: 3 },
    );
  });

  it("agrees with one alignment for all", () => {
    fc.assert(
      fc.property(boxes(7, 5), fc.constantFrom(2, 3, 4), (list, alignment) =>
        expectOptimal({ buffers: list.map((buffer) => ({ ...buffer, alignment })) }),
      ),
      { numRuns: 500, seed: 4 },
    );
  });

  it("agrees on whether a capacity suffices", () => {
    fc.assert(
      fc.property(boxes(8), fc.integer({ min: -1, max: 2 }), fc.boolean(), (buffers, more, minimize) => {
        const least = leastHeight({ buffers }, 40);
        const capacity = Math.max(0, least + more);
        const result = pack({ buffers, capacity }, { minimize });
        if (capacity < least) expect(result.status).toBe("infeasible");
        else {
          expect(["optimal", "feasible"]).toContain(result.status);
          expect(faultOfPacking({ buffers, capacity }, result.offsets)).toBeUndefined();
        }
      }),
      { numRuns: 500, seed: 5 },
    );
  });

  it("agrees with gaps, windows and alignments", () => {
    const gapped = withMore(
      boxes(5),
      fc.record({ gap: fc.boolean(), window: fc.boolean(), low: fc.nat(2), alignment: fc.constantFrom(1, 1, 2, 3) }),
      (buffer, { gap, window, low, alignment }) =>
        !gap || buffer.upper - buffer.lower < 3
          ? { ...buffer, alignment }
          : {
              ...buffer,
              alignment,
              gaps: [
                {
                  lower: buffer.lower + 1,
                  upper: buffer.lower + 2,
                  ...(window ? { window: [Math.min(low, buffer.size), buffer.size] as const } : {}),
                },
              ],
            },
    );
    fc.assert(
      fc.property(gapped, (buffers) => expectOptimal({ buffers })),
      { numRuns: 600, seed: 6 },
    );
  });

  it("agrees with buffers inside others", () => {
    const nested = boxes(6).chain((list) =>
      fc.array(fc.tuple(fc.nat(9), fc.nat(4)), { minLength: list.length, maxLength: list.length }).map((more) =>
        list.map((buffer, i) => {
          const [parent, distance] = more[i]!;
          const fits = parent < i && list[parent]!.size >= buffer.size + distance;
          return fits ? { ...buffer, inside: { buffer: parent, distance } } : buffer;
        }),
      ),
    );
    fc.assert(
      fc.property(nested, (buffers) => expectOptimal({ buffers })),
      { numRuns: 400, seed: 7 },
    );
  });

  it("agrees with arenas of some capacity, some of it forbidden", () => {
    const problems = fc.record({
      buffers: withMore(boxes(5), fc.option(fc.nat(1), { freq: 3 }), (buffer, arena) =>
        arena === null ? buffer : { ...buffer, arenas: [arena] },
      ),
      arenas: fc.tuple(
        fc.record({
          capacity: fc.integer({ min: 2, max: 7 }),
          forbidden: fc.constantFrom([], [[1, 2] as const], [[0, 1] as const]),
        }),
        fc.record({ capacity: fc.integer({ min: 3, max: 9 }) }),
      ),
    });
    fc.assert(
      fc.property(problems, (problem) => {
        const least = leastHeight(problem, 9);
        if (least < Infinity) return expectOptimal(problem);
        expect(pack(problem).status).toBe("infeasible");
      }),
      { numRuns: 300, seed: 8 },
    );
  });
});

describe("optimum above the load", () => {
  // (size, first, last) of activation-swapping studies: optimum = load + 1.
  const known: readonly (readonly [optimum: number, text: string])[] = [
    [5, "3,0,0 1,0,2 1,1,3 2,1,1 1,2,4 1,2,2 2,3,3 3,4,4"],
    [6, "2,0,1 3,0,0 2,1,2 1,1,3 1,2,3 1,2,2 3,3,4 2,4,4"],
    [5, "2,0,0 2,0,1 1,1,2 1,1,3 1,2,3 1,2,2 2,3,4 2,4,5 2,5,5"],
    [7, "3,0,1 2,0,0 1,0,2 1,1,2 1,1,3 2,2,3 1,2,2 3,3,4 3,4,4"],
  ];
  it.each(known)("proves %i", (optimum, text) => {
    const buffers = text.split(" ").map((one) => {
      const [size, first, last] = one.split(",").map(Number);
      return box(first!, last! + 1, size!);
    });
    const { height, lowerBound, bound, status } = pack({ buffers });
    expect({ height, lowerBound, bound, status }).toEqual({
      height: optimum,
      lowerBound: optimum,
      bound: "search",
      status: "optimal",
    });
    expect(pack({ buffers, capacity: optimum - 1 }).status).toBe("infeasible");
  });
});

describe("portfolio", () => {
  const alone = { skyline: false, greedyFits: false, restarts: false, localSearch: false, exact: false, peel: false };
  it("is never worse than one technique alone", () => {
    fc.assert(
      fc.property(boxes(40, 30), (buffers) => {
        const { height } = pack({ buffers });
        for (const name of ["skyline", "greedyFits"] as const)
          expect(height).toBeLessThanOrEqual(pack({ buffers }, { ...alone, [name]: true }).height);
      }),
      { numRuns: 200, seed: 9 },
    );
  });

  it("gives the same packing for the same seed and budget", () => {
    fc.assert(
      fc.property(boxes(40, 30), fc.nat(99), (buffers, seed) => {
        const params = { seed, budget: 20_000 };
        expect(pack({ buffers }, params)).toEqual(pack({ buffers }, params));
      }),
      { numRuns: 30, seed: 10 },
    );
  });

  it("does not change with the unit of sizes or of time", () => {
    fc.assert(
      fc.property(boxes(12, 9), (buffers) => {
        const scaled = buffers.map(({ lower, upper, size }) => box(lower * 7 - 3, upper * 7 - 3, size * 4096));
        expect(pack({ buffers: scaled }).height).toBe(pack({ buffers }).height * 4096);
      }),
      { numRuns: 100, seed: 11 },
    );
  });

  it("stops when told to, with the best so far", () => {
    const buffers = Array.from({ length: 200 }, (_, i) =>
      box((i * 37) % 50, ((i * 37) % 50) + 1 + (i % 13), 1 + ((i * 7919) % 997)),
    );
    let asked = 0;
    const result = pack({ buffers }, { shouldStop: () => ++asked > 20 });
    expect(faultOfPacking({ buffers }, result.offsets)).toBeUndefined();
    const seen: number[] = [];
    pack({ buffers }, { budget: 100_000, onProgress: ({ height }) => seen.push(height) });
    expect(seen.length).toBeGreaterThan(0);
  });

  it("tells heights of whole packings and bounds that hold", () => {
    const twice = boxes(12, 30).map((list) => [
      ...list,
      ...list.map((one) => box(one.lower + 9, one.upper + 9, one.size)),
    ]);
    fc.assert(
      fc.property(twice, fc.nat(9), (buffers, seed) => {
        const seen: PackingProgress[] = [];
        const result = pack({ buffers }, { seed, skyline: false, onProgress: (progress) => seen.push(progress) });
        for (const { height, lowerBound } of seen) {
          expect(height).toBeGreaterThanOrEqual(result.height);
          expect(lowerBound).toBeLessThanOrEqual(result.lowerBound);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("keeps sizes to 2^53 exact", () => {
    const big = 2 ** 51 + 1;
    const { height, status } = pack({ buffers: [box(0, 2, big), box(1, 3, big), box(2, 4, big - 1)] });
    expect({ height, status }).toEqual({ height: 2 * big, status: "optimal" });
  });
});

describe("bad problems", () => {
  const code = (problem: PackingProblem): string => {
    try {
      pack(problem);
      return "none";
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  it.each([
    [{ buffers: [box(0, 1, -1)] }],
    [{ buffers: [box(2, 1, 1)] }],
    [{ buffers: [box(0, 1, 0.5)] }],
    [{ buffers: [box(0, 1, 1, { alignment: 0 })] }],
    [{ buffers: [box(0, 1, 1, { offset: 3, alignment: 2 })] }],
    [{ buffers: [box(0, 2, 4, { offset: 0 }), box(1, 3, 4, { offset: 2 })] }],
    [{ buffers: [box(0, 1, 2 ** 53 - 1), box(0, 1, 2)] }],
    [{ buffers: [box(0, 9, 4, { gaps: [{ lower: 5, upper: 4 }] })] }],
    [{ buffers: [box(0, 9, 4, { inside: { buffer: 3, distance: 0 } })] }],
    [{ buffers: [box(0, 9, 4), box(0, 9, 4, { inside: { buffer: 0, distance: 1 } })] }],
    [{ buffers: [box(0, 9, 4, { arenas: [2] })], arenas: [{}, {}] }],
  ])("%j", (problem) => expect(code(problem)).toBe("invalid-packing"));

  it("takes problems without buffers or bytes", () => {
    for (const buffers of [[], [box(0, 0, 7)], [box(0, 3, 0)]])
      expect(pack({ buffers })).toMatchObject({ height: 0, lowerBound: 0, status: "optimal" });
  });
});

it("refuses fixed buffers exactly where two of them collide", () => {
  const fixed = withMore(boxes(12), fc.integer({ min: 0, max: 14 }), (buffer, offset) => ({ ...buffer, offset }));
  const collide = (a: PackingBuffer, b: PackingBuffer): boolean =>
    a.lower < b.upper && b.lower < a.upper && a.offset! < b.offset! + b.size && b.offset! < a.offset! + a.size;
  fc.assert(
    fc.property(fixed, (buffers) => {
      const anyTwo = buffers.some((a, i) => buffers.slice(0, i).some((b) => collide(a, b)));
      if (anyTwo) expect(() => pack({ buffers })).toThrow(/collides with/);
      else expect(pack({ buffers }).offsets).toEqual(buffers.map(({ offset }) => offset));
    }),
    { numRuns: 2000 },
  );
});
