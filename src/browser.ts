/** The public API in a browser: planning from bytes, and running on WebGPU or WebAssembly. */
export { compile, compileModel, type Compiled, type CompileOptions } from "./compile.ts";
export { InfeasibleError, InputError, InternalError, StrataError } from "./errors.ts";
export { executePlan, type ExecuteOptions, type ExecuteResult } from "./execute.ts";
export type { DType } from "./ir/dtype.ts";
export type { Tensor } from "./kernels/types.ts";
export { readModel, type ReadOptions } from "./onnx/read.ts";
export type { Model } from "./onnx/model.ts";
export { readPlan } from "./plan/read.ts";
export type { Plan } from "./plan/schema.ts";
export { verify, type Violation } from "./plan/verify.ts";
export { writePlan } from "./plan/write.ts";
export { executorByName, trialInput, type Executable, type Executor } from "./runtime/index.ts";
export { builtinTargets, checkTarget, loadTarget, withCapacity, type Target } from "./target/index.ts";
export { VERSION } from "./version.ts";
