/**
 * Static allocation (offline dynamic storage allocation): buffers with half-open lifetimes and
 * sizes get offsets, so that buffers alive together do not overlap. Problem and result are JSON-able.
 */
export interface PackingGap {
  /** Times [lower, upper) at which the buffer is dead in between. */
  readonly lower: number;
  readonly upper: number;
  /** Bytes [from, to) of the buffer that stay alive in the gap; none where left out. */
  readonly window?: readonly [from: number, to: number];
}

export interface PackingBuffer {
  /** For people and messages; the index where left out. */
  readonly id?: string;
  /** Lifetime [lower, upper) in any integer time. */
  readonly lower: number;
  readonly upper: number;
  /** Bytes. */
  readonly size: number;
  /** Offset must be a multiple of it; 1 where left out. */
  readonly alignment?: number;
  /** Fixed offset (a pin). */
  readonly offset?: number;
  /** Where it would like to lie: a start for the search, never a constraint. */
  readonly hint?: number;
  readonly gaps?: readonly PackingGap[];
  /** Indices of the arenas that may hold it; all where left out. */
  readonly arenas?: readonly number[];
  /** Lies at a fixed distance inside another buffer (concat, slice): shares its bytes, has no space of its own. */
  readonly inside?: { readonly buffer: number; readonly distance: number };
}

export interface PackingArena {
  readonly name?: string;
  readonly capacity?: number;
  /** Address ranges [from, to) that nothing may touch. */
  readonly forbidden?: readonly (readonly [from: number, to: number])[];
}

export interface PackingProblem {
  readonly buffers: readonly PackingBuffer[];
  /** Heights above it are no solution; for one arena. */
  readonly capacity?: number;
  /** Several memories or banks; one without limits where left out. */
  readonly arenas?: readonly PackingArena[];
}

/** How far a solve has come. `height` is that of the best packing so far, Infinity before there is one. */
export interface PackingProgress {
  readonly height: number;
  readonly lowerBound: number;
  readonly steps: number;
  readonly method: string;
}

/** Every technique is a switch, on where left out, so that ablations are free. */
export interface PackingParams {
  /** Steps (placements tried, by greedy passes and by the search alike) before it stops with the best so far. */
  readonly budget?: number;
  readonly seed?: number;
  /** Go on to the least height (default). Off: any packing within the capacity will do. */
  readonly minimize?: boolean;
  /** Asked now and then, with the steps counted so far; true stops with the best so far. */
  readonly shouldStop?: (steps: number) => boolean;
  /** Called when the best packing or the bound improves, and now and then in between. */
  readonly onProgress?: (progress: PackingProgress) => void;

  /** Start from the buffers' hints. */
  readonly hints?: boolean;
  /** Count in units of what divides all sizes, alignments and pins. */
  readonly units?: boolean;
  /** Pack what no buffer joins in time one by one. */
  readonly split?: boolean;
  /** Leave out, until the rest is packed, what fits above or between whatever happens below it. */
  readonly peel?: boolean;
  /** Strengthen the load bound by which sums of sizes can be reached at all. */
  readonly sums?: boolean;
  /** Near-linear skyline greedy, lowest gap first. */
  readonly skyline?: boolean;
  /** First fit and best fit in orders of size, area, duration, start, conflicts and breadth. */
  readonly greedyFits?: boolean;
  /** Skyline restarts with random priorities while a gap to the bound remains. */
  readonly restarts?: boolean;
  /** Every other restart raises the priority of what ended above the bound. */
  readonly squeakyWheel?: boolean;
  /** Hill climbing on the order of placement, on small problems with a gap. */
  readonly localSearch?: boolean;
  /** Exact search, which packs to a given height or proves that nothing does. Its own tricks follow. */
  readonly exact?: boolean;
  /** Luby restarts with redrawn orders; without them one search runs to its end. */
  readonly lubyRestarts?: boolean;
  /** Place at once what alone can lie in a place and harms nothing there. */
  readonly forced?: boolean;
  /** A buffer as wide as its valley lies at its bottom, or above something that crosses the valley's rim. */
  readonly spans?: boolean;
  /** A buffer as wide as its component goes to the ceiling. */
  readonly ceilings?: boolean;
  /** Address space left empty must be paid for by something that blocks each buffer that could have lain there. */
  readonly waste?: boolean;
  /** Of buffers with the same size and lifetime, try one. */
  readonly twins?: boolean;
  /** Remember exhausted states, across restarts too. */
  readonly noGoods?: boolean;
  /** Prefer sections that failed often. */
  readonly weights?: boolean;
  /** Stay near the section that failed last. */
  readonly locality?: boolean;
  /** Half of the restarts choose like those that packed to greater heights. */
  readonly adapt?: boolean;
}

/**
 * What proves the lower bound: `load`, the most bytes alive at one time; `sums`, the same raised to a
 * height that sums of sizes can reach; `pin`, a fixed buffer's end; `search`, exhaustion of everything lower.
 */
export type PackingBound = "load" | "sums" | "pin" | "search";

export interface PackingResult {
  /** One for each buffer, in their order. All 0 where nothing was found. */
  readonly offsets: readonly number[];
  /** Arena of each buffer; left out where the problem names no arenas. */
  readonly arenas?: readonly number[];
  /** Highest byte used (of the highest arena, where there are several); Infinity where nothing was found. */
  readonly height: number;
  /** No packing is lower. */
  readonly lowerBound: number;
  /** What proves the lower bound; `load` where left out. */
  readonly bound?: PackingBound;
  /** A time at which the most bytes are alive. */
  readonly boundTime: number;
  /** `infeasible` is proven; `unknown`: neither a packing within the capacity nor a proof that there is none. */
  readonly status: "optimal" | "feasible" | "infeasible" | "unknown";
  /** Technique that found the result. */
  readonly method: string;
  /** Placements tried. */
  readonly steps: number;
}
