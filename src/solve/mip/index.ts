/** `solveMip(model, params)`: one mixed integer program, any solver. */
import { solveWithGlpk } from "./glpk.ts";
import { solveWithHighs } from "./highs.ts";
import type { MipModel, MipParams, MipResult, MipSolver, MipSolverName } from "./types.ts";

export type { MipConstraint, MipModel, MipParams, MipResult, MipSolverName, MipVariable } from "./types.ts";

const SOLVERS: Readonly<Record<MipSolverName, MipSolver>> = { highs: solveWithHighs, glpk: solveWithGlpk };

/** Throws InputError `provider-missing` where the solver's package is not installed. */
export const solveMip = (model: MipModel, params: MipParams = {}): Promise<MipResult> =>
  SOLVERS[params.solver ?? "highs"](model, params);
