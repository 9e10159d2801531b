/** HiGHS compiled to WebAssembly (MIT): single-threaded, deterministic under node limits. */
import type { Highs, ModelData } from "highs";
import type { MipModel, MipParams, MipResult } from "./types.ts";

/** Branch and bound stops here unless told otherwise: a clock would make answers depend on the machine. */
const DEFAULT_NODES = 20_000;

let loaded: Promise<Highs> | undefined;

/** 3.5 MB of WebAssembly: loaded with the first model. */
const highs = (): Promise<Highs> =>
  // The package's types describe its CommonJS file; what Node imports is the ES module, whose default is the loader.
  (loaded ??= import("highs").then((module) => (module.default as unknown as () => Promise<Highs>)()));

export async function solveWithHighs(model: MipModel, params: MipParams): Promise<MipResult> {
  const solver = await highs();
  const { modelStatus } = solver.constants;
  const instance = solver.createModel(modelData(model));
  try {
    instance.options.set({
      output_flag: false,
      random_seed: params.seed ?? 0,
      mip_rel_gap: 0,
      mip_abs_gap: params.absoluteGap ?? 1e-6,
      mip_max_nodes: params.nodes ?? DEFAULT_NODES,
      ...(params.seconds === undefined ? {} : { time_limit: params.seconds }),
    });
    if (params.start !== undefined) instance.setSolution({ colValue: Float64Array.from(params.start) });
    instance.run();
    const status = instance.getModelStatus();
    const integer = model.variables.some((variable) => variable.integer === true);
    const nodes = integer ? Math.max(0, Number(instance.info.get("mip_node_count"))) : 0;
    const none = { values: [], objective: Infinity, nodes };
    if (status === modelStatus.infeasible) return { ...none, status: "infeasible", bound: Infinity };
    if (status === modelStatus.unbounded || status === modelStatus.unboundedOrInfeasible)
      return { ...none, status: "unbounded", bound: -Infinity };
    const objective = Number(instance.info.get("objective_function_value"));
    const dual = integer ? Number(instance.info.get("mip_dual_bound")) : objective;
    const bound = Number.isFinite(dual) ? dual : -Infinity;
    // 2 is HiGHS's code for a feasible point.
    if (Number(instance.info.get("primal_solution_status")) !== 2) return { ...none, status: "unknown", bound };
    return {
      status: status === modelStatus.optimal ? "optimal" : "feasible",
      values: [...instance.getSolution().colValue],
      objective,
      bound: status === modelStatus.optimal && !integer ? objective : bound,
      nodes,
    };
  } finally {
    // The collector does not see WebAssembly's memory.
    instance.dispose();
  }
}

function modelData({ variables, constraints }: MipModel): ModelData {
  const starts = new Int32Array(constraints.length + 1);
  constraints.forEach(({ terms }, row) => (starts[row + 1] = starts[row]! + terms.length));
  const indices = new Int32Array(starts[constraints.length]!);
  const values = new Float64Array(indices.length);
  let at = 0;
  for (const { terms } of constraints)
    for (const [variable, coefficient] of terms) {
      indices[at] = variable;
      values[at++] = coefficient;
    }
  return {
    numCols: variables.length,
    numRows: constraints.length,
    colCost: Float64Array.from(variables, (variable) => variable.cost ?? 0),
    colLower: Float64Array.from(variables, (variable) => variable.lower ?? -Infinity),
    colUpper: Float64Array.from(variables, (variable) => variable.upper ?? Infinity),
    rowLower: Float64Array.from(constraints, (constraint) => constraint.lower ?? -Infinity),
    rowUpper: Float64Array.from(constraints, (constraint) => constraint.upper ?? Infinity),
    integrality: Int32Array.from(variables, (variable) => (variable.integer === true ? 1 : 0)),
    matrix: {
      format: "csr",
      numCols: variables.length,
      numRows: constraints.length,
      starts,
      indices,
      values,
    },
  };
}
