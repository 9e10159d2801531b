/**
 * Why a problem has no packing within its capacity: an irreducible infeasible subset, a few buffers of which
 * none can be left out. Where more is alive at one time than fits, they are found by counting; otherwise by leaving
 * out more and more (QuickXplain, Junker 2004) with the exact search as the judge.
 */
import { pack } from "./pack.ts";
import type { PackingParams, PackingProblem } from "./types.ts";

export interface Infeasibility {
  /** Indices of the buffers that can't all be packed, ascending. */
  readonly buffers: readonly number[];
  /** Time over which they are in each other's way: [lower, upper) of a moment where they are all alive, or their hull. */
  readonly lower: number;
  readonly upper: number;
  /** Most bytes of them alive at one time. */
  readonly bytes: number;
  readonly capacity: number;
  /** `load`: they are alive together and too large; `search`: all ways to place them were tried. */
  readonly proof: "load" | "search";
  /** Whether leaving out any of them makes the rest fit; false where the budget did not suffice to tell. */
  readonly irreducible: boolean;
  readonly steps: number;
}

/** Undefined where the problem is feasible, has no capacity, or can't be decided within the budget. */
export function explainInfeasible(problem: PackingProblem, params: PackingParams = {}): Infeasibility | undefined {
  const { buffers, arenas } = problem;
  const limit = capacityOf(problem);
  if (limit === Infinity) return undefined;
  const bySum = arenas === undefined || arenas.length <= 1 ? overloaded(problem, limit) : undefined;
  // With alignments or pins, fewer may do already.
  if (bySum?.buffers.every((i) => (buffers[i]!.alignment ?? 1) === 1 && buffers[i]!.offset === undefined)) return bySum;
  let steps = 0;
  let sure = true;
  /** Budget of one question: there are few of them, since each halves what is in doubt. */
  const budget = Math.ceil((params.budget ?? 20_000_000) / 40);
  const infeasible = (subset: readonly number[]): boolean => {
    const place = new Map(subset.map((i, k) => [i, k]));
    const part = subset.map((i) => {
      const { inside, ...buffer } = buffers[i]!;
      const parent = inside === undefined ? undefined : place.get(inside.buffer);
      return parent === undefined ? buffer : { ...buffer, inside: { buffer: parent, distance: inside!.distance } };
    });
    const result = pack({ ...problem, buffers: part }, { ...params, minimize: false, budget, hints: false });
    steps += result.steps;
    if (result.status === "unknown") sure = false;
    return result.status === "infeasible";
  };
  const everything =
    bySum === undefined
      ? buffers.flatMap(({ size, lower, upper }, i) => (size > 0 && upper > lower ? [i] : []))
      : [...bySum.buffers];
  if (!infeasible(everything)) return undefined;
  // In order of time, so that halves are neighbours.
  everything.sort((a, b) => buffers[a]!.lower - buffers[b]!.lower || a - b);
  sure = true;
  /** Of `doubtful`, those needed to be infeasible together with `kept`. */
  const needed = (kept: readonly number[], added: boolean, doubtful: readonly number[]): number[] => {
    if (added && infeasible(kept)) return [];
    if (doubtful.length === 1) return [...doubtful];
    const half = doubtful.length >> 1;
    const [first, second] = [doubtful.slice(0, half), doubtful.slice(half)];
    const ofSecond = needed([...kept, ...first], first.length > 0, second);
    const ofFirst = needed([...kept, ...ofSecond], ofSecond.length > 0, first);
    return [...ofFirst, ...ofSecond];
  };
  const subset = needed([], false, everything).sort((a, b) => a - b);
  const lower = Math.min(...subset.map((i) => buffers[i]!.lower));
  const upper = Math.max(...subset.map((i) => buffers[i]!.upper));
  return {
    buffers: subset,
    lower,
    upper,
    bytes: mostAlive(problem, subset).bytes,
    capacity: limit,
    proof: "search",
    irreducible: sure,
    steps,
  };
}

const capacityOf = ({ capacity = Infinity, arenas }: PackingProblem): number =>
  arenas === undefined
    ? capacity
    : arenas.reduce((sum, arena) => sum + Math.min(capacity, arena.capacity ?? Infinity), 0);

/** Whole bytes alive at the fullest time: where buffers have no gaps, and none lies in another, a reason by itself. */
function mostAlive(
  { buffers }: PackingProblem,
  subset: readonly number[],
): { readonly bytes: number; readonly time: number } {
  const changes = subset
    .flatMap((i) => {
      const { lower, upper, size, gaps = [], inside } = buffers[i]!;
      if (inside !== undefined || upper <= lower) return [];
      const own = [
        [lower, size],
        [upper, -size],
      ];
      for (const gap of gaps) own.push([gap.lower, -size], [gap.upper, size]);
      return own as [number, number][];
    })
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let bytes = 0;
  let load = 0;
  let time = 0;
  changes.forEach(([at, more], k) => {
    load += more;
    if (changes[k + 1]?.[0] !== at && load > bytes) {
      bytes = load;
      time = at;
    }
  });
  return { bytes, time };
}

/** The largest buffers of the fullest moment, as many as it takes to be too many. */
function overloaded(problem: PackingProblem, capacity: number): Infeasibility | undefined {
  const { buffers } = problem;
  const { bytes, time } = mostAlive(
    problem,
    buffers.map((_, i) => i),
  );
  if (bytes <= capacity) return undefined;
  const alive = buffers
    .flatMap(({ lower, upper, gaps = [], inside, size }, i) =>
      size > 0 &&
      inside === undefined &&
      lower <= time &&
      time < upper &&
      !gaps.some((gap) => gap.lower <= time && time < gap.upper)
        ? [i]
        : [],
    )
    .sort((a, b) => buffers[b]!.size - buffers[a]!.size || a - b);
  const subset: number[] = [];
  let sum = 0;
  for (const i of alive) {
    if (sum > capacity) break;
    subset.push(i);
    sum += buffers[i]!.size;
  }
  // The last one tips it over, and each one before is at least as large: none can be left out.
  subset.sort((a, b) => a - b);
  return {
    buffers: subset,
    lower: Math.max(...subset.map((i) => buffers[i]!.lower)),
    upper: Math.min(...subset.map((i) => buffers[i]!.upper)),
    bytes: sum,
    capacity,
    proof: "load",
    irreducible: true,
    steps: 0,
  };
}
