/** When a race is over, and what its results come to together. */
import { isGeneral } from "../items/items.ts";
import { capacityOf } from "../pack.ts";
import type { PackingParams, PackingProblem, PackingResult } from "../types.ts";

/** Whether a result leaves nothing to look for. */
export function settlesOf(problem: PackingProblem, { minimize }: PackingParams): (result: PackingResult) => boolean {
  const anyWillDo = minimize === false && (isGeneral(problem) || capacityOf(problem) < Infinity);
  return ({ status }) => status === "optimal" || status === "infeasible" || (anyWillDo && status === "feasible");
}

/** The lowest packing, the first of several, with the best bound. Steps are those of all. */
export function merged(results: readonly PackingResult[]): PackingResult {
  const steps = results.reduce((sum, result) => sum + result.steps, 0);
  const impossible = results.find(({ status }) => status === "infeasible");
  if (impossible !== undefined) return { ...impossible, steps };
  const best = results.reduce((a, b) => (isLower(b, a) ? b : a));
  const proof = results.reduce((a, b) => (b.lowerBound > a.lowerBound ? b : a));
  const { height } = best;
  const bound = proof.bound === undefined ? {} : { bound: proof.bound };
  const proven = { ...best, lowerBound: proof.lowerBound, ...bound, boundTime: proof.boundTime, steps };
  return isPacking(best) && height <= proof.lowerBound ? { ...proven, status: "optimal" } : proven;
}

const isPacking = ({ status }: PackingResult): boolean => status === "optimal" || status === "feasible";

const isLower = (a: PackingResult, b: PackingResult): boolean =>
  isPacking(a) === isPacking(b) ? a.height < b.height : isPacking(a);
