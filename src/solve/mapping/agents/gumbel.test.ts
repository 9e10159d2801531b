import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../../random.ts";
import { type Expand, improvedPolicy, newNode, searchAt } from "./gumbel.ts";

/** A tree of depth 3 whose leaves are worth what a hash of the path says; the network knows nothing. */
const worth = (path: readonly number[], seed: number): number => seededRandom(path.reduce((h, a) => h * 7 + a, seed))();

const expand =
  (seed: number): Expand<readonly number[]> =>
  (node, action) => {
    const path = [...node.at!, action];
    const done = path.length === 3;
    return newNode(
      done ? undefined : path,
      done ? [] : [0, 1, 2],
      new Float64Array(6),
      done ? 0 : 0.5,
      done ? worth(path, seed) : 0,
    );
  };

const root = () => newNode<readonly number[]>([], [0, 1, 2], new Float64Array(6), 0, 0);

/** Best leaf below each action. */
const bestBelow = (seed: number): number[] =>
  [0, 1, 2].map((a) => Math.max(...[0, 1, 2].flatMap((b) => [0, 1, 2].map((c) => worth([a, b, c], seed)))));

test("uses its simulations, all of them", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer(), (simulations, seed) => {
      const node = root();
      searchAt(node, simulations, expand(seed), seededRandom(seed));
      expect(node.visits.reduce((sum, n) => sum + n, 0)).toBe(simulations);
    }),
  );
});

test("finds better actions than chance in a tree that only search can see", () => {
  let regret = 0;
  let chance = 0;
  for (let seed = 0; seed < 100; seed++) {
    const best = bestBelow(seed);
    const action = searchAt(root(), 48, expand(seed), undefined);
    regret += Math.max(...best) - best[action]!;
    chance += Math.max(...best) - best.reduce((sum, x) => sum + x, 0) / 3;
  }
  expect(regret).toBeLessThan(0.5 * chance);
});

test("the improved policy is a distribution over legal actions that prefers what paid", () => {
  const node = newNode<readonly number[]>([], [1, 4], new Float64Array(6), 0.5, 0);
  const out = new Float64Array(6);
  node.visits[1] = 4;
  node.sums[1] = 0.4;
  node.bests[1] = 0.1;
  improvedPolicy(node, out);
  expect(out.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
  expect([out[0], out[2], out[3], out[5]]).toEqual([0, 0, 0, 0]);
  expect(out[4]).toBeGreaterThan(out[1]!);
});

test("without noise the same search gives the same action", () => {
  const once = (): number => searchAt(root(), 20, expand(5), undefined);
  expect(once()).toBe(once());
});
