/** The mapping game: environment, simulator, bound and portfolio. */
export { ascend, type BoundCertificate, certificate, newAscent } from "./bound.ts";
export { provenBound } from "./check-bound.ts";
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
export type { Action, Move } from "./moves.ts";
export type { Prior } from "./mcts.ts";
export { mapMemory, type MapParams, type MapPreset, type MapProgress, type MapResult } from "./portfolio.ts";
export { simulate, type Simulation } from "./simulate.ts";
export type * from "./types.ts";
