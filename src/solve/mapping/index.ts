/** The mapping game: environment, simulator, bound and portfolio. */
export type { BoundCertificate } from "./bound.ts";
export { provenBound } from "./check-bound.ts";
export { provenRefinedBound } from "./check-refined.ts";
export { subsetSumCapacity } from "./capacity.ts";
export { checkMapping } from "./check.ts";
export {
  boundAtCapacity,
  capacityCurve,
  type CapacityPoint,
  type Drop,
  type DropReason,
  explainMapping,
  type MappingExplanation,
} from "./explain.ts";
export { type Episode, fork, type GameRules, isOver, legalActions, planOfEpisode, reset, step } from "./environment.ts";
export { type GameFile, readGame } from "./game-file.ts";
export { allFastSeconds, allSlowSeconds, type Instance, prepare } from "./instance.ts";
export type { Action } from "./moves.ts";
export type { Prior } from "./mcts.ts";
export { mapMemory, type MapParams, type MapPreset, type MapProgress, type MapResult } from "./portfolio.ts";
export { anySplitBound, mapSplit, type SplitProblem, splitProblem, type SplitResult } from "./split.ts";
export type { RefinedCertificate } from "./refine.ts";
export { simulate, type Simulation } from "./simulate.ts";
export type * from "./types.ts";
