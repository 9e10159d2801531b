/**
 * GLPK compiled to WebAssembly (GPL-3.0, so never installed with this package): an optional second
 * opinion. It knows no node limit, no start and tells no bound.
 */
import type { GLPK } from "glpk.js/node";
import { providerMissing } from "../../errors.ts";
import type { MipModel, MipParams, MipResult } from "./types.ts";

const PACKAGE = "glpk.js";
const DEFAULT_SECONDS = 60;

let loaded: Promise<GLPK> | undefined;

async function glpk(): Promise<GLPK> {
  try {
    return await (loaded ??= import("glpk.js/node").then((module) => module.default()));
  } catch (cause) {
    loaded = undefined;
    throw providerMissing(PACKAGE, "the solver glpk", [`npm install ${PACKAGE}@5.0.0`], [], cause);
  }
}

/** Throws InputError `provider-missing` where glpk.js is not installed. */
export async function solveWithGlpk(model: MipModel, params: MipParams): Promise<MipResult> {
  const solver = await glpk();
  const { variables, constraints } = model;
  const name = (variable: number): string => `x${variable}`;
  const range = (lower: number | undefined, upper: number | undefined): { type: number; lb: number; ub: number } => ({
    type:
      lower === undefined
        ? upper === undefined
          ? solver.GLP_FR
          : solver.GLP_UP
        : upper === undefined
          ? solver.GLP_LO
          : lower === upper
            ? solver.GLP_FX
            : solver.GLP_DB,
    lb: lower ?? 0,
    ub: upper ?? 0,
  });
  const solved = solver.solve(
    {
      name: "model",
      objective: {
        direction: solver.GLP_MIN,
        name: "cost",
        vars: variables.flatMap(({ cost = 0 }, i) => (cost === 0 ? [] : [{ name: name(i), coef: cost }])),
      },
      subjectTo: constraints.map(({ terms, lower, upper }, row) => ({
        name: `c${row}`,
        vars: terms.map(([variable, coef]) => ({ name: name(variable), coef })),
        bnds: range(lower, upper),
      })),
      bounds: variables.map(({ lower, upper }, i) => ({ name: name(i), ...range(lower, upper) })),
      generals: variables.flatMap(({ integer }, i) => (integer === true ? [name(i)] : [])),
    },
    { msglev: solver.GLP_MSG_OFF, presol: true, mipgap: 0, tmlim: params.seconds ?? DEFAULT_SECONDS },
  );
  const { status, z, vars } = solved.result;
  const found = status === solver.GLP_OPT || status === solver.GLP_FEAS;
  return {
    status:
      status === solver.GLP_OPT
        ? "optimal"
        : status === solver.GLP_FEAS
          ? "feasible"
          : status === solver.GLP_NOFEAS || status === solver.GLP_INFEAS
            ? "infeasible"
            : status === solver.GLP_UNBND
              ? "unbounded"
              : "unknown",
    values: found ? variables.map((_, i) => vars[name(i)] ?? 0) : [],
    objective: found ? z : Infinity,
    bound: status === solver.GLP_OPT ? z : -Infinity,
    nodes: 0,
  };
}
