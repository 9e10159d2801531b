/**
 * Turns of a race: each gives one strand (one seed) a budget of its own. Budgets grow from epoch to epoch, since
 * seeds differ so much in their luck that a short try of each comes before a long one of any.
 */
import { seededRandom } from "../../random.ts";

export interface Turn {
  /** Turns of an earlier epoch count before those of a later one. */
  readonly epoch: number;
  readonly strand: number;
  readonly seed: number;
  /** Steps. */
  readonly budget: number;
}

/** Steps of the opening, half a second at most: what most searches need, where threads would save next to nothing. */
const OPENING = 500_000;
/** All earlier epochs together cost a third of the last. */
const GROWTH = 4;
/** Steps for each buffer without which an epoch would repeat the greedy techniques and do nothing else. */
const GREEDY = 60;

/**
 * First the opening, a short turn of strand 0, which has the seed itself. Then all strands, in each epoch; the last
 * one has the whole budget.
 */
export function turnsOf(seed: number, strands: number, budget: number, buffers: number): readonly Turn[] {
  const opening = { epoch: 0, strand: 0, seed, budget: Math.min(budget, OPENING) };
  const budgets = [Math.min(budget, Number.MAX_SAFE_INTEGER)];
  while (budgets[0]! / GROWTH >= Math.max(OPENING, GREEDY * buffers)) budgets.unshift(Math.ceil(budgets[0]! / GROWTH));
  const seeds = Array.from({ length: strands }, (_, strand) => (strand === 0 ? seed : seedOf(seed, strand)));
  const turns = budgets.flatMap((own, k) =>
    seeds.map((of, strand) => ({ epoch: k + 1, strand, seed: of, budget: own })),
  );
  return [opening, ...turns.filter((turn) => turn.strand !== 0 || turn.budget > opening.budget)];
}

const seedOf = (seed: number, strand: number): number =>
  Math.floor(seededRandom(seed + 0x9e3779b9 * strand)() * 2 ** 31);
