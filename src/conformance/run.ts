/** The conformance run: ONNX backend test folders through the whole toolchain, from bytes to outputs. */
import { compile } from "../compile.ts";
import { InfeasibleError, InputError } from "../errors.ts";
import { executePlan } from "../execute.ts";
import { sizeOf } from "../kernels/access.ts";
import type { Tensor } from "../kernels/types.ts";
import { MAX_KNOWN } from "../onnx/known.ts";
import { readModel } from "../onnx/read.ts";
import type { Plan } from "../plan/schema.ts";
import { findCases, readTensors, toleranceOf, type TestCase } from "./cases.ts";
import { compareTensors, type Tolerance } from "./compare.ts";

export interface ConformanceReport {
  readonly backend: string;
  readonly total: number;
  readonly passed: string[];
  readonly refused: { readonly name: string; readonly code: string; readonly message: string }[];
  readonly failed: { readonly name: string; readonly message: string; readonly maxAbsError: number | null }[];
  /** Of the cases that ran, by GPU plans: kernel steps that are dispatches, and those that the host computes in between. */
  readonly steps: { dispatched: number; onHost: { readonly kernel: string; readonly cases: string[] }[] } | null;
}

class Mismatch extends Error {
  readonly maxAbsError: number;
  constructor(message: string, maxAbsError: number) {
    super(message);
    this.maxAbsError = maxAbsError;
  }
}

const TARGETS: Readonly<Record<string, string>> = { cpu: "tfjs-cpu", webgpu: "tfjs-webgpu" };

/** Counts a plan's kernel steps by who computes them. */
function countSteps({ steps: counts }: ConformanceReport, plan: Plan, name: string): void {
  if (counts === null) return;
  for (const step of plan.steps) {
    if (step.kind !== "kernel") continue;
    if (step.dispatch !== null) counts.dispatched++;
    else {
      let entry = counts.onHost.find(({ kernel }) => kernel === step.kernel);
      if (entry === undefined) counts.onHost.push((entry = { kernel: step.kernel, cases: [] }));
      if (!entry.cases.includes(name)) entry.cases.push(name);
    }
  }
}

/** Runs one case; throws Mismatch where an output is wrong. Inputs that decide shapes are bound to the case's values. */
async function runCase(testCase: TestCase, report: ConformanceReport, tolerance: Tolerance): Promise<void> {
  const { backend } = report;
  const model = await readModel(testCase.model);
  for (const dataSet of testCase.dataSets) {
    const given = await readTensors(dataSet, "input");
    const expected = await readTensors(dataSet, "output");
    const inputs = new Map<string, Tensor>();
    model.graph.inputs.forEach((input, i) => {
      const tensor = given[i];
      if (tensor) inputs.set(input.name, tensor);
    });
    const { plan } = await compile(model, {
      target: TARGETS[backend] ?? "tfjs-wasm",
      shapes: new Map([...inputs].map(([name, tensor]) => [name, tensor.shape])),
      bind: new Map([...inputs].filter(([, tensor]) => sizeOf(tensor.shape) <= MAX_KNOWN)),
    });
    countSteps(report, plan, testCase.name);
    const { outputs } = await executePlan(plan, { model, inputs, backend });
    outputs.forEach((output, i) => {
      const wanted = expected[i];
      if (!wanted) return;
      const difference = compareTensors(output.name, output.tensor, wanted, tolerance);
      if (difference !== undefined) throw new Mismatch(difference.message, difference.maxAbsError);
    });
  }
  if (testCase.dataSets.length === 0) throw new Mismatch("the case has no test_data_set", NaN);
}

/** Runs every case of a folder. `progress` is told after each. */
export async function runConformance(
  folder: string,
  backend: string,
  options: {
    readonly tolerance?: Tolerance;
    readonly progress?: (done: number, total: number) => void;
    readonly signal?: AbortSignal;
    /** Only these cases, by name. */
    readonly only?: (name: string) => boolean;
  } = {},
): Promise<ConformanceReport> {
  const cases = findCases(folder).filter(({ name }) => options.only?.(name) ?? true);
  const steps = backend === "webgpu" ? { dispatched: 0, onHost: [] } : null;
  const report: ConformanceReport = { backend, total: cases.length, passed: [], refused: [], failed: [], steps };
  for (const [i, testCase] of cases.entries()) {
    if (options.signal?.aborted === true) break;
    try {
      await runCase(testCase, report, options.tolerance ?? toleranceOf(testCase.name));
      report.passed.push(testCase.name);
    } catch (error) {
      if (error instanceof InputError || error instanceof InfeasibleError)
        report.refused.push({ name: testCase.name, code: error.code, message: error.message });
      else {
        const maxAbsError = error instanceof Mismatch && Number.isFinite(error.maxAbsError) ? error.maxAbsError : null;
        report.failed.push({
          name: testCase.name,
          message: error instanceof Error ? error.message : String(error),
          maxAbsError,
        });
      }
    }
    options.progress?.(i + 1, cases.length);
  }
  return report;
}
