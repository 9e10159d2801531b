/**
 * The tensorflow executor: TensorFlow's native kernels through the user's own @tensorflow/tfjs-node-gpu or
 * tfjs-node, the reference kernels for the rest. TensorFlow allocates by itself and tells nobody where,
 * so a plan's offsets can't be honoured: only its order, and that each value is freed when the plan says
 * that it is dead.
 */
import { broken, wrongBackend } from "../../errors.ts";
import type { KernelStep, Plan } from "../../plan/schema.ts";
import { copyOut, putInputs } from "../io.ts";
import { bindStep, kernelOf, withAbsent } from "../step.ts";
import type { Executable, Executor, LoadOptions } from "../types.ts";
import { fillWeights } from "../weights.ts";
import { tensorflowCall } from "./calls.ts";
import { loadTensorflow, type LoadedTensorflow } from "./load.ts";
import type { TfModule, TfTensor } from "./module.ts";
import { makeStore, type Store } from "./store.ts";

const BACKEND = "tensorflow";

/** The executor on the user's TensorFlow. Throws InputError `provider-missing` where it is not installed. */
export async function tensorflowExecutor(loaded?: LoadedTensorflow): Promise<Executor> {
  const { tf, name, notes } = loaded ?? (await loadTensorflow());
  activate(tf);
  const on = tf.backend().isUsingGpuDevice === true ? "GPU" : "CPU";
  const version = tf.version["tfjs-core"] ?? "";
  return {
    name: BACKEND,
    device: [`${name} ${version} on ${on}, order and lifetimes only: TensorFlow places the bytes`, ...notes].join("; "),
    capabilities: { exactOffsets: false, swap: false, timestamps: false },
    load: async (plan, options) => loadOn(tf, plan, options),
  };
}

/** One engine may serve other backends too (wasm): ours must be the active one while we run. */
function activate(tf: TfModule): void {
  if (tf.getBackend() === BACKEND) return;
  // Not awaited: this backend starts at once, and a run must not be interleaved with another.
  if (tf.setBackend(BACKEND) !== true && tf.getBackend() !== BACKEND)
    throw broken("TensorFlow.js has no backend 'tensorflow'");
}

/** The kernel calls of a plan in order. Copies between memories are left out: all is in one here. */
function callsOf(plan: Plan): readonly KernelStep[] {
  const steps = plan.steps.flatMap((step) => (step.kind === "kernel" ? [step] : []));
  if (steps.some(({ dispatch }) => dispatch !== null))
    throw wrongBackend(BACKEND, plan.target.name, plan.target.executor);
  return steps;
}

function loadOn(tf: TfModule, plan: Plan, options: LoadOptions): Executable {
  activate(tf);
  const store = makeStore(plan, tf);
  const steps = callsOf(plan);

  const kept = new Set<number>(); // bases that outlive a run
  const placed = new Set(plan.placements.map(({ value }) => value));
  const hasPlace = (id: number): boolean => placed.has(plan.values[id]!.storage.value);
  fillWeights(
    plan,
    (id) => {
      if (!hasPlace(id)) return undefined;
      const base = store.base(id);
      if (plan.values[base]!.kind === "weight") kept.add(base);
      return store.write(id);
    },
    options.constant,
  );

  const runs = steps.map((step) => prepare(tf, store, plan, step));
  // Weights that only TensorFlow reads need no second copy on the host.
  const onHost = new Set(steps.flatMap((step, i) => (runs[i]!.native ? [] : step.reads.map(store.base))));
  const read = new Set(steps.flatMap((step) => step.reads.map(store.base)));
  for (const base of kept) if (read.has(base) && !onHost.has(base)) store.freeHost(base);
  const dead = options.unplanned === true ? steps.map(() => []) : deadAfter(plan, steps, store, kept);

  return {
    get peakBytes() {
      return store.bytes().peak;
    },
    allocations: store.allocations,
    dispose: () => store.bases().forEach(store.free),
    // Synchronous in one piece: TensorFlow's engine is one for the process.
    async run(inputs) {
      activate(tf);
      putInputs(plan, inputs, store.write);
      runs.forEach(({ run }, i) => {
        run();
        dead[i]!.forEach(store.free);
      });
      const outputs = copyOut(plan, store.read);
      for (const base of store.bases()) if (!kept.has(base)) store.free(base);
      return outputs;
    },
  };
}

/** Bases that nothing reads after step `i`, by `i`. */
function deadAfter(
  plan: Plan,
  steps: readonly KernelStep[],
  store: Store,
  kept: ReadonlySet<number>,
): readonly (readonly number[])[] {
  const last = new Map<number, number>();
  steps.forEach((step, i) => [...step.reads, ...step.writes].forEach((id) => last.set(store.base(id), i)));
  for (const id of plan.outputs) last.delete(store.base(id));
  const dead: number[][] = steps.map(() => []);
  for (const [base, i] of last) if (!kept.has(base)) dead[i]!.push(base);
  return dead;
}

interface Prepared {
  /** Whether TensorFlow computes it. */
  readonly native: boolean;
  run(): void;
}

function prepare(tf: TfModule, store: Store, plan: Plan, step: KernelStep): Prepared {
  const written = step.writes[0];
  const chosen = step.opaque || written === undefined || !store.isWhole(written) ? undefined : nativeCall(plan, step);
  if (chosen === undefined) {
    const kernel = kernelOf(step);
    const run = (): void => {
      // Operands first: a result may take the place of one, whose tensor is stale then.
      const operands = new Map(step.reads.map((id) => [id, store.read(id)]));
      kernel(bindStep(step, (id) => operands.get(id) ?? store.write(id)));
    };
    return { native: false, run };
  }
  const { call, ids } = chosen;
  const run = (): void => {
    const shown = Object.entries(call.inputs).map(
      ([name, { at, shape }]) => [name, store.show(ids[at]!, shape)] as const,
    );
    const inputs = Object.fromEntries(shown.map(([name, { tensor }]) => [name, tensor]));
    const result = tf.engine().runKernel(call.kernel, inputs, call.attrs);
    for (const [, { tensor, temporary }] of shown) if (temporary) tensor.dispose();
    store.put(written!, only(result, call.kernel, call.output));
  };
  return { native: true, run };
}

const NO_BYTES = new Uint8Array(0);

const nativeCall = (plan: Plan, step: KernelStep) => {
  // Only types and shapes decide: nothing holds bytes yet.
  const typed = bindStep(step, (id) => ({ ...plan.values[id]!, data: NO_BYTES }));
  const call = tensorflowCall(step.kernel, typed);
  if (call === undefined) return undefined;
  return { call, ids: withAbsent(step.reads, step.absentReads) };
};

function only(result: TfTensor | TfTensor[], kernel: string, wanted: readonly number[]): TfTensor {
  const tensor = Array.isArray(result) ? result[0] : result;
  const size = wanted.reduce((product, dim) => product * dim, 1);
  if (tensor === undefined || tensor.size !== size)
    throw broken(`TensorFlow's ${kernel} made [${tensor?.shape.join(",")}] where [${wanted.join(",")}] was planned`);
  return tensor;
}
