/** Model -> Plan: the pipeline of passes/index.ts, run and verified. */
import { broken, invalidOption, missingDispatches } from "./errors.ts";
import type { DispatchSource } from "./ir/dispatch.ts";
import { checkIr } from "./ir/check.ts";
import type { Diagnostic, Graph, Program } from "./ir/types.ts";
import { importModel, type ImportOptions } from "./onnx/import.ts";
import type { Model } from "./onnx/model.ts";
import { readModel, type ReadOptions } from "./onnx/read.ts";
import type { Plan } from "./plan/schema.ts";
import { verify } from "./plan/verify.ts";
import { planGraph, type PlanOptions } from "../passes/index.ts";
import { nativeScratch } from "./runtime/wasm/own/steps.ts";
import { loadTarget, type Target } from "./target/index.ts";
import { VERSION } from "./version.ts";

export interface CompileOptions extends ImportOptions, Omit<PlanOptions, "check"> {
  /** A built-in target's name, or a target; `tfjs-wasm` where left out. */
  readonly target?: string | Target;
}

export interface Compiled {
  readonly plan: Plan;
  readonly graph: Graph;
  readonly program: Program;
  readonly diagnostics: readonly Diagnostic[];
}

/** Fails with the pass's name where what it made breaks an invariant: always our bug. */
function check(ir: Graph | Program, pass: string): void {
  const fault = checkIr(ir);
  if (fault !== undefined) throw broken(`after ${pass}: ${fault}`);
}

const targetOf = (options: CompileOptions): Target =>
  typeof options.target === "object" ? options.target : loadTarget(options.target ?? "tfjs-wasm");

/** The tracer that a GPU target's plans are made with; undefined for other targets. Needs no GPU. */
export async function dispatchesFor(target: Target): Promise<DispatchSource | undefined> {
  if (target.executor !== "tfjs-webgpu") return undefined;
  return (await import("./runtime/webgpu/trace.ts")).openTracer();
}

/**
 * Compiles a model that is read already; for a GPU target, `options.dispatches` must be given. No weight byte is read. Throws InputError and
 * InfeasibleError (see src/errors.ts); a plan that our own verifier rejects is an InternalError.
 */
export function compileModel(model: Model, options: CompileOptions = {}): Compiled {
  const target = targetOf(options);
  if (target.executor === "tfjs-webgpu" && options.dispatches === undefined) throw missingDispatches(target.name);
  if (options.half !== undefined && options.dispatches === undefined)
    throw invalidOption("half", options.half, `only GPU targets compute on float16, and ${target.name} is none`);
  const { graph, diagnostics } = importModel(model, options);
  check(graph, "import");
  const { plan, program } = planGraph(
    graph,
    target,
    { ...options, check, ...(target.executor === "tfjs-wasm" ? { nativeScratch } : {}) },
    { file: model.file ?? null, sha256: model.sha256 },
    VERSION,
  );
  const violations = verify(plan);
  if (violations.length > 0)
    throw broken(
      `the plan breaks ${violations.length} rule(s), first: ${violations[0]!.code}: ${violations[0]!.message}`,
    );
  return { plan, graph, program, diagnostics };
}

/** Reads (where needed) and compiles a model. */
export async function compile(
  input: string | Uint8Array | Model,
  options: CompileOptions & ReadOptions = {},
): Promise<Compiled> {
  const model = typeof input === "string" || input instanceof Uint8Array ? await readModel(input, options) : input;
  const target = targetOf(options);
  const dispatches = options.dispatches ?? (await dispatchesFor(target));
  return compileModel(model, { ...options, target, dispatches });
}
