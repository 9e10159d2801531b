/** The public API. Everything here is documented where it is defined. */
export { compile, compileModel, dispatchesFor, type Compiled, type CompileOptions } from "./compile.ts";
export { runConformance, type ConformanceReport } from "./conformance/run.ts";
export { InfeasibleError, InputError, InternalError, StrataError } from "./errors.ts";
export { executePlan, type ExecuteOptions, type ExecuteResult } from "./execute.ts";
export type { DType } from "./ir/dtype.ts";
export { parseIr } from "./ir/parse.ts";
export { printGraph, printProgram } from "./ir/print.ts";
export type {
  Diagnostic,
  Graph,
  GraphNode,
  GraphValue,
  KernelStep,
  Program,
  ProgramValue,
  TensorType,
  ValueId,
} from "./ir/types.ts";
export type { Tensor } from "./kernels/types.ts";
export { importModel, type Imported, type ImportOptions } from "./onnx/import.ts";
export type { Model } from "./onnx/model.ts";
export { readModel, readTensor, type ReadOptions } from "./onnx/read.ts";
export { readPlan } from "./plan/read.ts";
export { planJsonSchema, type Placement, type Plan, type PlanValue } from "./plan/schema.ts";
export { simulate } from "./plan/simulate.ts";
export { verify, type Violation } from "./plan/verify.ts";
export { writePlan } from "./plan/write.ts";
export {
  explainInfeasible,
  faultOfPacking,
  pack,
  type Infeasibility,
  type PackingBuffer,
  type PackingParams,
  type PackingProblem,
  type PackingProgress,
  type PackingResult,
} from "./solve/packing/index.ts";
export { packParallel, type ParallelPackingParams } from "./solve/packing/parallel/index.ts";
export { builtinTargets, checkTarget, loadTarget, withCapacity, type Target } from "./target/index.ts";
export { VERSION } from "./version.ts";
