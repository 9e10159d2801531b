/** Running a plan from start to end: verify, load the model's constants, execute, compare. */
import { badInput, planRejected, weightsMissing, wrongBackend } from "./errors.ts";
import { errorsOf } from "./conformance/compare.ts";
import { sha256 } from "./hash.ts";
import { fromBase64 } from "./ir/base64.ts";
import { bytesOf, tensorFromBytes } from "./kernels/access.ts";
import type { Tensor } from "./kernels/types.ts";
import { importModel } from "./onnx/import.ts";
import type { Model } from "./onnx/model.ts";
import { readModel } from "./onnx/read.ts";
import type { Plan } from "./plan/schema.ts";
import { verify } from "./plan/verify.ts";
import {
  checkModel,
  constantReader,
  defaultBackend,
  executorByName,
  trialInput,
  type Executable,
  type LoadOptions,
  type StepTime,
} from "./runtime/index.ts";

export interface ExecuteOptions {
  /** Model file, bytes, or a model that is read already; may be left out where the plan needs no constants. */
  readonly model?: string | Uint8Array | Model | undefined;
  readonly externalData?: string;
  /** `wasm` or `cpu`; the plan's own where left out. */
  readonly backend?: string;
  /** Inputs by name; those left out are made up from `seed`. */
  readonly inputs?: ReadonlyMap<string, Tensor>;
  readonly seed?: number;
  /** Also runs unplanned on the same backend and compares bit for bit. */
  readonly check?: boolean;
  /** Runs; the least time is reported. */
  readonly repeat?: number;
  /** How WebGPU keeps writes from reads, see `LoadOptions`; other backends ignore it. */
  readonly hazards?: LoadOptions["hazards"];
  /** Also measures each step, in one more run; needs `clock`. */
  readonly profile?: boolean;
  /** Seconds, from anywhere; without it no time is measured. */
  readonly clock?: () => number;
}

export interface ExecuteResult {
  readonly backend: string;
  readonly device: string;
  /** Least wall time of a run, loading not included; 0 without a clock. */
  readonly seconds: number;
  readonly peakBytes: number;
  readonly check: { readonly equal: boolean; readonly maxAbsError: number; readonly maxRelError: number } | null;
  readonly outputs: readonly { readonly name: string; readonly tensor: Tensor; readonly sha256: string }[];
  /** What the user should know about where it ran: a GPU that is software, say. */
  readonly warnings: readonly string[];
  /** Names of inputs that were made up. */
  readonly madeUp: readonly string[];
  /** Time of each step where it was asked for and the backend can tell. */
  readonly profile: readonly StepTime[] | null;
  /** Backend allocations during the runs after the first: 0 in steady state. */
  readonly steadyAllocations: number;
}

/** Runs a plan. Throws InputError (invalid plan or inputs, missing weights or kernels), InfeasibleError (out of memory). */
export async function executePlan(plan: Plan, options: ExecuteOptions = {}): Promise<ExecuteResult> {
  // A plan is untrusted input: nothing of it is executed before it is verified.
  const violations = verify(plan);
  if (violations.length > 0) throw planRejected(violations);
  const constant = await constantsOf(plan, options);
  const madeUp: string[] = [];
  const inputs = plan.inputs.map((id, i) => {
    const { name } = plan.values[id]!;
    const given = options.inputs?.get(name);
    if (given === undefined) madeUp.push(name);
    return given ?? trialInput(plan, i, options.seed ?? 0);
  });
  for (const name of options.inputs?.keys() ?? []) {
    if (!plan.inputs.some((id) => plan.values[id]!.name === name))
      throw badInput(name, "the plan has no input of this name");
  }
  const executor = await executorByName(options.backend ?? defaultBackend(plan));
  if (plan.calls.length > 0 && executor.name !== "webgpu")
    throw wrongBackend(executor.name, plan.target.name, plan.target.executor);
  const executable = await executor.load(plan, {
    constant,
    ...(options.hazards === undefined ? {} : { hazards: options.hazards }),
  });
  const now = options.clock ?? (() => 0);
  let seconds = Infinity;
  let results: Tensor[] = [];
  let afterFirst = 0;
  try {
    for (let i = 0; i < Math.max(1, options.repeat ?? 1); i++) {
      const start = now();
      results = await executable.run(inputs);
      seconds = Math.min(seconds, now() - start);
      if (i === 0) afterFirst = executable.allocations();
    }
    // Before what follows, which allocates on the same device.
    const steadyAllocations = executable.allocations() - afterFirst;
    const profile = options.profile === true ? await leastTimes(executable, inputs, now, options.repeat ?? 1) : null;
    const check =
      options.check === true ? await compareUnplanned(plan, inputs, results, constant, executor.load) : null;
    const outputs = results.map((tensor, i) => ({
      name: plan.values[plan.outputs[i]!]!.name,
      tensor,
      sha256: sha256(bytesOf(tensor)),
    }));
    return {
      backend: executor.name,
      device: executable.device ?? executor.device,
      seconds,
      peakBytes: executable.peakBytes,
      check,
      profile,
      outputs,
      warnings: executable.warnings ?? [],
      madeUp,
      steadyAllocations,
    };
  } finally {
    executable.dispose();
  }
}

/** Each step's least time over `runs` profiled runs: the first ones compile. */
async function leastTimes(
  executable: Executable,
  inputs: readonly Tensor[],
  clock: () => number,
  runs: number,
): Promise<readonly StepTime[] | null> {
  if (executable.profile === undefined) return null;
  const least = new Map<number, StepTime>();
  for (let i = 0; i <= runs; i++)
    for (const time of await executable.profile(inputs, clock))
      if (time.seconds < (least.get(time.step)?.seconds ?? Infinity)) least.set(time.step, time);
  return [...least.values()].sort((a, b) => a.step - b.step);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}

async function compareUnplanned(
  plan: Plan,
  inputs: readonly Tensor[],
  planned: readonly Tensor[],
  constant: LoadOptions["constant"],
  load: (
    plan: Plan,
    options: LoadOptions,
  ) => Promise<{ run(inputs: readonly Tensor[]): Promise<Tensor[]>; dispose(): void }>,
): Promise<NonNullable<ExecuteResult["check"]>> {
  const reference = await load(plan, { constant, unplanned: true });
  try {
    const wanted = await reference.run(inputs);
    const errors = planned.map((tensor, i) => errorsOf(tensor, wanted[i]!));
    return {
      equal: planned.every((tensor, i) => sameBytes(bytesOf(tensor), bytesOf(wanted[i]!))),
      maxAbsError: Math.max(0, ...errors.map((error) => error.maxAbsError)),
      maxRelError: Math.max(0, ...errors.map((error) => error.maxRelError)),
    };
  } finally {
    reference.dispose();
  }
}

/** The plan's model constants, found by importing the model again with the plan's dims. */
async function constantsOf(plan: Plan, options: ExecuteOptions): Promise<(name: string) => Uint8Array> {
  const wanted = plan.values.find((value) => value.source?.kind === "model");
  if (wanted === undefined) return constantReader(new Map());
  const { model: given } = options;
  if (given === undefined) throw weightsMissing(wanted.name);
  const model =
    typeof given === "string" || given instanceof Uint8Array
      ? await readModel(given, options.externalData === undefined ? {} : { externalData: options.externalData })
      : given;
  checkModel(plan, model.sha256, model.file ?? model.graph.name);
  const inputs = plan.inputs.map((id) => plan.values[id]!);
  const { constants } = importModel(model, {
    dims: new Map(Object.entries(plan.model.dims)),
    shapes: new Map(inputs.map((value) => [value.name, value.shape])),
    bind: new Map(
      plan.model.specialized.map(({ input, base64 }) => {
        const value = inputs.find((candidate) => candidate.name === input);
        if (value === undefined) throw badInput(input, "the plan is specialised on an input that it does not have");
        return [input, tensorFromBytes(value.dtype, value.shape, fromBase64(base64))];
      }),
    ),
  });
  return constantReader(constants);
}
