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

/** Every technique is a switch, on where left out, so that ablations are free. */
export interface PackingParams {
  /** Placements that may be tried before the search stops with the best so far. */
  readonly budget?: number;
  readonly seed?: number;
  /** Near-linear skyline greedy, lowest gap first. */
  readonly skyline?: boolean;
  /** First fit and best fit in orders of size, area, duration and start. */
  readonly greedyFits?: boolean;
  /** Skyline restarts with random priorities while a gap to the bound remains. */
  readonly restarts?: boolean;
  /** Hill climbing on the order of placement, on small problems with a gap. */
  readonly localSearch?: boolean;
}

export interface PackingResult {
  /** One for each buffer, in their order. */
  readonly offsets: readonly number[];
  /** Highest byte used (of the highest arena, where there are several). */
  readonly height: number;
  /** No packing is lower: the most bytes alive at one time (each rounded up to its alignment). */
  readonly lowerBound: number;
  /** A time at which that many are alive. */
  readonly boundTime: number;
  readonly status: "optimal" | "feasible" | "infeasible" | "unknown";
  /** Technique that found the result. */
  readonly method: string;
  /** Placements tried. */
  readonly steps: number;
}
