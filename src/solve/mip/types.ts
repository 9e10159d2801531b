/**
 * Mixed integer programs: min cost * x under lower <= A x <= upper, some x integer. Plain data, so that
 * one model goes to any solver. A bound that is left out is infinite.
 */
export interface MipVariable {
  readonly lower?: number;
  readonly upper?: number;
  readonly integer?: boolean;
  /** Coefficient in the objective, which is minimised; 0 where left out. */
  readonly cost?: number;
}

export interface MipConstraint {
  /** [variable, coefficient]; each variable at most once. */
  readonly terms: readonly (readonly [variable: number, coefficient: number])[];
  readonly lower?: number;
  readonly upper?: number;
}

export interface MipModel {
  readonly variables: readonly MipVariable[];
  readonly constraints: readonly MipConstraint[];
}

export type MipSolverName = "highs" | "glpk";

export interface MipParams {
  readonly solver?: MipSolverName;
  /** Nodes of branch and bound (HiGHS): reproducible on every machine. */
  readonly nodes?: number;
  /** Wall-clock limit; the answer then depends on the machine. GLPK knows no other limit. */
  readonly seconds?: number;
  /** Values for all variables that satisfy the model: a first incumbent (HiGHS). */
  readonly start?: readonly number[];
  /** Stop once objective - bound is at most this; below 1 it still proves optima of integer objectives. */
  readonly absoluteGap?: number;
  readonly seed?: number;
}

/** Within the solver's tolerances (about 1e-6): round and re-check before use, never trust. */
export interface MipResult {
  readonly status: "optimal" | "feasible" | "infeasible" | "unbounded" | "unknown";
  /** One a variable; empty where there is no solution. */
  readonly values: readonly number[];
  readonly objective: number;
  /** No solution is better, up to tolerances; -Infinity where the solver does not say. */
  readonly bound: number;
  /** Nodes of branch and bound; 0 where the solver does not say. */
  readonly nodes: number;
}

/** What stands behind `solveMip`. */
export type MipSolver = (model: MipModel, params: MipParams) => Promise<MipResult>;
