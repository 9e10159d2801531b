/**
 * Static allocation: `pack` gives every buffer its offset, `explainInfeasible` says which few buffers can't all be
 * packed, `faultOfPacking` checks a packing and shares no code with what makes one.
 */
export { faultOfPacking } from "./check.ts";
export { explainInfeasible, type Infeasibility } from "./infeasible.ts";
export { pack } from "./pack.ts";
export type { PackingBuffer, PackingParams, PackingProblem, PackingProgress, PackingResult } from "./types.ts";
