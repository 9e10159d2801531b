/** A packing in one line, and as the figures that tools read. */
import type { Infeasibility } from "../solve/packing/infeasible.ts";
import type { PackingProblem, PackingResult } from "../solve/packing/types.ts";

import { formatTable } from "./table.ts";

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
  /** The few buffers, by id, that can't be packed within the capacity (with --explain: below the height). */
  readonly conflict: {
    readonly buffers: readonly string[];
    /** Times [lower, upper) at which they are in each other's way. */
    readonly lower: number;
    readonly upper: number;
    readonly bytes: number;
    readonly capacity: number;
    readonly proof: Infeasibility["proof"];
    readonly irreducible: boolean;
  } | null;
}

const nameOf = ({ buffers }: PackingProblem, i: number): string => buffers[i]!.id ?? String(i);

export const packFigures = (
  problem: PackingProblem,
  result: PackingResult,
  seconds: number,
  why: Infeasibility | undefined,
): PackFigures => ({
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
  conflict:
    why === undefined
      ? null
      : {
          buffers: why.buffers.map((i) => nameOf(problem, i)),
          lower: why.lower,
          upper: why.upper,
          bytes: why.bytes,
          capacity: why.capacity,
          proof: why.proof,
          irreducible: why.irreducible,
        },
});

/** Buffers that can't be packed together, as a table; what the proof is, above it. */
export function conflictLines(problem: PackingProblem, why: Infeasibility): readonly string[] {
  const { buffers, lower, upper, bytes, capacity, proof, irreducible } = why;
  const rows = buffers.map((i) => problem.buffers[i]!);
  const how =
    proof === "load"
      ? `they are alive together in [${lower}, ${upper}) and take ${bytes}`
      : `at most ${bytes} are alive at once in [${lower}, ${upper}), but every way to place them was tried`;
  const few = irreducible ? "; without any one of them the others fit" : "";
  return [
    `these ${buffers.length} buffers do not fit into ${capacity}: ${how}${few}`,
    ...formatTable(
      rows.map((row, k) => ({ ...row, name: nameOf(problem, buffers[k]!) })),
      [
        { title: "buffer", cell: ({ name }) => name },
        { title: "size", right: true, cell: ({ size }) => String(size) },
        { title: "lower", right: true, cell: (row) => String(row.lower) },
        { title: "upper", right: true, cell: (row) => String(row.upper) },
        { title: "fixed at", right: true, cell: ({ offset }) => (offset === undefined ? "" : String(offset)) },
      ],
    ),
  ];
}

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
