/** `packParallel` from the compiled package, where threads work, and from sources, where there are none. */
import * as fc from "fast-check";
import { syncBuiltinESMExports } from "node:module";
import workerThreads from "node:worker_threads";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { built, type Built } from "../../../built.test-util.ts";
import { seededRandom } from "../../random.ts";
import { faultOfPacking, pack, type PackingBuffer, type PackingProblem, type PackingProgress } from "../index.ts";
import { packParallel as fromSources } from "./index.ts";

let dist: Built;
let packParallel: typeof fromSources;
beforeAll(async () => {
  dist = built();
  ({ packParallel } = (await import(dist.url("src/solve/packing/parallel/index"))) as {
    packParallel: typeof fromSources;
  });
});
afterAll(() => dist.remove());

/** Random buffers. Where some are aligned, none of the techniques comes to an end. */
function dense(count: number, seed: number, alignments: readonly number[] = [1]): PackingBuffer[] {
  const random = seededRandom(seed);
  const whole = (most: number): number => 1 + Math.floor(random() * most);
  return Array.from({ length: count }, () => {
    const lower = whole(30);
    const alignment = alignments[whole(alignments.length) - 1]!;
    return { lower, upper: lower + whole(12), size: whole(1000), alignment };
  });
}

const aligned = (count: number, seed: number): PackingBuffer[] => dense(count, seed, [1, 64, 512]);

/** A box cut into buffers, so that the bound is met by the one way to put them together. */
function cut(count: number, seed: number): PackingBuffer[] {
  const random = seededRandom(seed);
  const pieces: [lower: number, upper: number, from: number, to: number][] = [[0, 400, 0, 4000]];
  while (pieces.length < count) {
    const at = pieces.reduce((best, [a, b, c, d], i) => {
      const [w, x, y, z] = pieces[best]!;
      return (b - a) * (d - c) > (x - w) * (z - y) ? i : best;
    }, 0);
    const [lower, upper, from, to] = pieces[at]!;
    const share = 0.3 + 0.4 * random();
    const time = Math.round(lower + (upper - lower) * share);
    const byte = Math.round(from + (to - from) * share);
    if (random() < 0.5) pieces.splice(at, 1, [lower, time, from, to], [time, upper, from, to]);
    else pieces.splice(at, 1, [lower, upper, from, byte], [lower, upper, byte, to]);
  }
  return pieces.map(([lower, upper, from, to]) => ({ lower, upper, size: to - from }));
}

/** Counts the threads that start until the test ends; `each` is called with them. */
function watchThreads(each: (worker: workerThreads.Worker) => void = () => undefined): { readonly started: number } {
  const { Worker } = workerThreads;
  const seen = { started: 0 };
  workerThreads.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      seen.started++;
      each(this);
    }
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    workerThreads.Worker = Worker;
    syncBuiltinESMExports();
  });
  return seen;
}

const problems = fc
  .tuple(fc.constantFrom(aligned, aligned, dense, cut), fc.integer({ min: 5, max: 70 }), fc.nat(9999))
  .map(([make, count, seed]): PackingProblem => ({ buffers: make(count, seed) }));

test("1, 2 and 3 workers give the same bytes, and those of the sources", { timeout: 120_000 }, async () => {
  const threads = watchThreads();
  await fc.assert(
    fc.asyncProperty(
      problems,
      fc.record({
        seed: fc.nat(99),
        budget: fc.constantFrom(3000, 20_000, 60_000),
        strands: fc.integer({ min: 1, max: 4 }),
        minimize: fc.boolean(),
      }),
      fc.constantFrom(undefined, 1, 1.02, 1.1),
      async (free, params, room) => {
        const problem =
          room === undefined ? free : { ...free, capacity: Math.floor(pack(free, { budget: 1 }).lowerBound * room) };
        const one = JSON.stringify(await packParallel(problem, { ...params, workers: 1 }));
        for (const workers of [2, 3])
          expect(JSON.stringify(await packParallel(problem, { ...params, workers }))).toBe(one);
        expect(JSON.stringify(await fromSources(problem, { ...params, workers: 2 }))).toBe(one);
      },
    ),
    {
      numRuns: 25,
      // At least this one is left open by its first turn.
      examples: [[{ buffers: aligned(40, 1) }, { seed: 0, budget: 20_000, strands: 4, minimize: true }, undefined]],
    },
  );
  expect(threads.started).toBeGreaterThan(0);
});

test("a challenging problem, over several epochs", async () => {
  const problem = { buffers: aligned(60, 5) };
  const threads = watchThreads();
  const results = [];
  for (const workers of [1, 2, 3]) results.push(await packParallel(problem, { budget: 2_000_000, workers }));
  expect(threads.started).toBe(5);
  expect(results[0]!.status).toBe("feasible");
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});

test("never higher than one strand with the same budget, and no bound lower", async () => {
  await fc.assert(
    fc.asyncProperty(problems, fc.nat(99), async (problem, seed) => {
      const params = { seed, budget: 20_000 };
      const [one, all] = [pack(problem, params), await fromSources(problem, params)];
      expect(faultOfPacking(problem, all.offsets)).toBeUndefined();
      expect(all.height).toBeLessThanOrEqual(one.height);
      expect(all.lowerBound).toBeGreaterThanOrEqual(one.lowerBound);
      expect(all.height).toBeGreaterThanOrEqual(all.lowerBound);
    }),
    { numRuns: 40 },
  );
});

test("general problems: arenas and gaps", async () => {
  const buffers = dense(30, 3).map((buffer, i) =>
    i % 3 > 0 || buffer.upper - buffer.lower < 3
      ? buffer
      : { ...buffer, gaps: [{ lower: buffer.lower + 1, upper: buffer.lower + 2 }] },
  );
  const problem = { buffers, arenas: [{}, {}] };
  const params = { budget: 20_000 };
  const two = await packParallel(problem, { ...params, workers: 2 });
  expect(faultOfPacking(problem, two.offsets, two.arenas)).toBeUndefined();
  expect(two).toEqual(await packParallel(problem, { ...params, workers: 1 }));
});

test("what greedy techniques solve starts no thread", async () => {
  const threads = watchThreads();
  const buffers = Array.from({ length: 300 }, (_, i) => ({ lower: i, upper: i + 2, size: 64 * (1 + (i % 7)) }));
  expect(await packParallel({ buffers }, { workers: 4 })).toMatchObject({ status: "optimal" });
  expect(await packParallel({ buffers, capacity: 64 }, { workers: 4 })).toMatchObject({ status: "infeasible" });
  expect(threads.started).toBe(0);
});

/** Takes far longer than any test may. */
const endless = { problem: { buffers: aligned(40, 1) }, params: { budget: 1e12 } };

test.each([1, 2])("a signal stops %i worker(s) with the best so far", async (workers) => {
  const controller = new AbortController();
  const seen: PackingProgress[] = [];
  const result = await packParallel(endless.problem, {
    ...endless.params,
    workers,
    signal: controller.signal,
    onProgress: (progress) => {
      seen.push(progress);
      if (progress.steps > 700_000) controller.abort();
    },
  });
  expect(result.status).toBe("feasible");
  expect(faultOfPacking(endless.problem, result.offsets)).toBeUndefined();
  expect(result.height).toBeLessThanOrEqual(Math.min(...seen.map(({ height }) => height)));
  for (const [i, { height, lowerBound }] of seen.entries()) {
    expect(height).toBeLessThanOrEqual(seen[i - 1]?.height ?? Infinity);
    expect(lowerBound).toBeGreaterThanOrEqual(seen[i - 1]?.lowerBound ?? 0);
  }
});

test.each([1, 2])("so does shouldStop, with %i worker(s)", async (workers) => {
  let most = 0;
  const shouldStop = (steps: number): boolean => ((most = Math.max(most, steps)), steps > 700_000);
  const result = await packParallel(endless.problem, { ...endless.params, workers, shouldStop });
  expect(most).toBeGreaterThan(700_000);
  expect(faultOfPacking(endless.problem, result.offsets)).toBeUndefined();
});

test.each([1, 2])("what a callback throws is what the caller gets, with %i worker(s)", async (workers) => {
  const onProgress = ({ steps }: PackingProgress): void => {
    if (steps > 700_000) throw new Error("mine");
  };
  await expect(packParallel(endless.problem, { ...endless.params, workers, onProgress })).rejects.toThrow("mine");
});

test("a thread that dies is an error, not a missing answer", async () => {
  const threads = watchThreads((worker) => void setTimeout(() => void worker.terminate(), 300));
  await expect(packParallel(endless.problem, { ...endless.params, workers: 2 })).rejects.toMatchObject({
    name: "InternalError",
    code: "worker-failed",
  });
  expect(threads.started).toBe(2);
});

test.each([
  [{ buffers: [{ lower: 0, upper: 1, size: -1 }] }, {}, "invalid-packing"],
  [{ buffers: [] }, { workers: -1 }, "invalid-option"],
  [{ buffers: [] }, { workers: 0.5 }, "invalid-option"],
  [{ buffers: [] }, { strands: 0 }, "invalid-option"],
] as const)("%j, %j is refused: %s", async (problem, params, code) => {
  await expect(packParallel(problem, params)).rejects.toMatchObject({ name: "InputError", code });
});
