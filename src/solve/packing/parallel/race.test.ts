/** A race's outcome must not depend on who runs when: simulated crews of several sizes, on random schedules. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../../random.ts";
import type { PackingResult } from "../types.ts";
import type { Crew } from "./crew.ts";
import { newRace } from "./race.ts";
import type { Turn } from "./turns.ts";

const LEAST = 50;

/** What a turn comes to where nothing stops it. */
interface Script {
  readonly steps: number;
  readonly height: number;
  readonly lowerBound: number;
}

const resultOf = ({ steps, height, lowerBound }: Script, method: string): PackingResult => ({
  offsets: [height],
  height,
  lowerBound,
  bound: "search",
  boundTime: 0,
  status: height === lowerBound ? "optimal" : "feasible",
  method,
  steps,
});

const settles = ({ status }: PackingResult): boolean => status === "optimal";

/** Advances its places in random order by random numbers of steps. */
function simulated(scripts: ReadonlyMap<Turn, Script>, places: number, seed: number): Crew & { finish(): void } {
  const random = seededRandom(seed);
  const limits = new Array<number>(places).fill(Infinity);
  const running = new Map<number, { turn: Turn; at: number; end(result: PackingResult): void }>();
  let ended = false;
  const tick = (): void => {
    const busy = [...running.keys()];
    const place = busy[Math.floor(random() * busy.length)];
    if (place !== undefined) {
      const own = running.get(place)!;
      const script = scripts.get(own.turn)!;
      // It hears of its limit late, or not at all.
      const stopped = own.at > limits[place]! && random() < 0.7;
      own.at = Math.min(script.steps, own.at + Math.ceil(random() * 30));
      if (stopped || own.at === script.steps) {
        running.delete(place);
        const partial = { steps: own.at, height: LEAST + Math.floor(random() * 9), lowerBound: 0 };
        own.end(resultOf(own.at === script.steps ? script : partial, `strand ${own.turn.strand}`));
      }
    }
    if (!ended) setImmediate(tick);
  };
  setImmediate(tick);
  return {
    places,
    take: (place, turn) => new Promise((resolve) => void running.set(place, { turn, at: 0, end: resolve })),
    setLimit: (place, steps) => void (limits[place] = steps),
    close: () => Promise.resolve(),
    finish: () => void (ended = true),
  };
}

async function outcome(scripts: ReadonlyMap<Turn, Script>, places: number, seed: number): Promise<PackingResult> {
  const race = newRace(
    settles,
    () => false,
    () => undefined,
  );
  const crew = simulated(scripts, places, seed);
  await race.run(crew, [...scripts.keys()]);
  crew.finish();
  return race.result();
}

const script = fc.record({
  steps: fc.integer({ min: 1, max: 100 }),
  over: fc.constantFrom(0, 0, 1, 5),
  under: fc.constantFrom(0, 1, 2, 7),
});

/** Epochs of as many strands each. */
const scripts = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.array(script, { minLength: 1, maxLength: 12 }))
  .map(
    ([strands, list]) =>
      new Map(
        list.map(({ steps, over, under }, i) => [
          { epoch: Math.floor(i / strands), strand: i % strands, seed: 0, budget: 100 } satisfies Turn,
          { steps, height: LEAST + over, lowerBound: LEAST - under } satisfies Script,
        ]),
      ),
  );

test("any number of places gives the result of one place, on any schedule", async () => {
  await fc.assert(
    fc.asyncProperty(scripts, fc.integer({ min: 2, max: 6 }), fc.nat(), async (given, places, seed) => {
      expect(await outcome(given, places, seed)).toEqual(await outcome(given, 1, seed + 1));
    }),
    { numRuns: 400 },
  );
});

const lowestOf = (turns: readonly (readonly [Turn, Script])[]): number =>
  Math.min(...turns.map(([, { height }]) => height));
const boundOf = (turns: readonly (readonly [Turn, Script])[]): number =>
  Math.max(...turns.map(([, { lowerBound }]) => lowerBound));

test("the winner is the first in virtual time, by definition", async () => {
  await fc.assert(
    fc.asyncProperty(scripts, fc.nat(), async (given, seed) => {
      const turns = [...given];
      const last = turns.at(-1)![0].epoch;
      let counted: typeof turns = [];
      for (let epoch = 0; epoch <= last; epoch++) {
        const [first] = turns
          .filter(([turn, own]) => turn.epoch === epoch && own.height === own.lowerBound)
          .toSorted(([a, x], [b, y]) => x.steps - y.steps || a.strand - b.strand);
        counted = turns.filter(([turn]) => turn.epoch < epoch || (turn.epoch === epoch && first === undefined));
        if (first !== undefined) counted.push(first);
        // Together they may have settled it, though none of them alone.
        if (lowestOf(counted) === boundOf(counted)) break;
      }
      const [turn, own] = counted.find(([, { height }]) => height === lowestOf(counted))!;
      const steps = counted.reduce((sum, [, one]) => sum + one.steps, 0);
      const expected = resultOf({ ...own, steps, lowerBound: boundOf(counted) }, `strand ${turn.strand}`);
      expect(await outcome(given, 3, seed)).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

test("a turn that fails ends the race", async () => {
  const race = newRace(
    settles,
    () => false,
    () => undefined,
  );
  const turns = [0, 1, 2].map((strand) => ({ epoch: 0, strand, seed: 0, budget: 1 }));
  const crew: Crew = {
    places: 2,
    take: (_, { strand }) => (strand === 1 ? Promise.reject(new Error("broken")) : new Promise(() => undefined)),
    setLimit: () => undefined,
    close: () => Promise.resolve(),
  };
  await expect(race.run(crew, turns)).rejects.toThrow("broken");
});
