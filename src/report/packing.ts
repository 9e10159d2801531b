/** A packing in one line, and as the figures that tools read. */
import type { PackingProblem, PackingResult } from "../solve/packing/types.ts";

/** Whether there are offsets, be they above the capacity. */
export const isPacked = ({ status, height }: PackingResult): boolean => status !== "infeasible" && height < Infinity;

/** `height` is null where nothing was found. */
export interface PackFigures {
  readonly height: number | null;
  readonly lowerBound: number;
  readonly status: PackingResult["status"];
  readonly steps: number;
  readonly seconds: number;
  /** What proves the bound. */
  readonly bound: string;
  /** A time at which the most bytes are alive. */
  readonly boundTime: number;
  readonly method: string;
  readonly buffers: number;
  readonly capacity: number | null;
}

export const packFigures = (problem: PackingProblem, result: PackingResult, seconds: number): PackFigures => ({
  height: isPacked(result) ? result.height : null,
  lowerBound: result.lowerBound,
  status: result.status,
  steps: result.steps,
  seconds,
  bound: result.bound ?? "load",
  boundTime: result.boundTime,
  method: result.method,
  buffers: problem.buffers.length,
  capacity: problem.capacity ?? null,
});

/** `height 1048576 (bound 1048576 by load, optimal) by exact search; 154 buffers, 1234 steps, 0.006 s`. */
export function packLine(problem: PackingProblem, result: PackingResult, seconds: number): string {
  const { height, lowerBound, bound = "load", status, method, steps } = result;
  const { capacity } = problem;
  const least = `bound ${lowerBound} by ${bound}`;
  const effort = `${problem.buffers.length} buffers, ${steps} steps, ${seconds.toFixed(3)} s`;
  if (status === "infeasible") return `infeasible: ${least}, capacity ${capacity ?? "of an arena"}; ${effort}`;
  const found = isPacked(result) ? `height ${height}` : "no packing";
  const room = capacity === undefined ? "" : `, capacity ${capacity}`;
  const gap =
    status === "feasible" && height > lowerBound ? `, gap ${(((height - lowerBound) / height) * 100).toFixed(3)}%` : "";
  return `${found} (${least}${room}, ${status}${gap}) by ${method}; ${effort}`;
}
