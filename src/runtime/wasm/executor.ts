/**
 * The wasm executor: TensorFlow.js WebAssembly kernels, our own where it has none or slow ones, and the
 * reference kernels for the rest, all on one heap with every value at its planned offset. Two allocations
 * at load (arena, weights), none in a steady run.
 */
import type { KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import { storageOn, sizeOf } from "../../kernels/access.ts";
import { attrMap, type Tensor } from "../../kernels/types.ts";
import type { KernelStep, Plan } from "../../plan/schema.ts";
import { copyOut, putInputs } from "../io.ts";
import { missing, plannedRegions, unplannedRegions, type Location, type Move } from "../regions.ts";
import { bindStep, isConcatInPlace, kernelOf, withAbsent } from "../step.ts";
import type { Executable, Executor, LoadOptions } from "../types.ts";
import { fillWeights } from "../weights.ts";
import { wasmBackend, type WasmBackend } from "./backend.ts";
import { ownStep } from "./own/steps.ts";
import { tfjsCall, type StepShape } from "./tfjs-kernels.ts";

export const wasmExecutor: Executor = {
  name: "wasm",
  device: "TensorFlow.js WebAssembly",
  capabilities: { exactOffsets: true, swap: true, timestamps: false },
  load: async (plan, options) => loadWasm(await wasmBackend(), plan, options),
};

function loadWasm(backend: WasmBackend, plan: Plan, options: LoadOptions): Executable {
  const regions = options.unplanned === true ? unplannedRegions(plan) : plannedRegions(plan);
  const bases = regions.bytes.map((bytes, region) =>
    bytes === 0 || !regions.direct[region]! ? 0 : backend.allocate(bytes),
  );
  // What waits for its next use lies outside the heap, which is at most 4 GiB.
  const outside = regions.bytes.map((bytes, region) => (regions.direct[region]! ? undefined : new ArrayBuffer(bytes)));
  const owned: TensorInfo[] = [];
  const address = (at: Location): number => bases[at.region]! + at.offset;
  const bufferOf = (at: Location): ArrayBufferLike => outside[at.region] ?? backend.heap();

  const tensorAt = (id: number, at: Location): Tensor => {
    const { dtype, shape } = plan.values[id]!;
    return { dtype, shape, data: storageOn(dtype, bufferOf(at), address(at), sizeOf(shape)) };
  };
  const locate = (id: number, step: number): Location => regions.at(id, step) ?? missing(plan, id);
  const place = (id: number, step: number): Tensor => tensorAt(id, locate(id, step));

  fillWeights(
    plan,
    (id) => {
      const at = plan.values[id]!.kind === "weight" ? regions.input(id) : undefined;
      return at === undefined ? undefined : tensorAt(id, at);
    },
    options.constant,
  );

  // A tensor of TensorFlow.js for a value in a shape at a place, made once: its caches are keyed by tensor id.
  const shown = new Map<string, TensorInfo>();
  const infoOf = (id: number, step: number, shape: readonly number[]): TensorInfo => {
    const at = address(locate(id, step));
    const key = `${id}:${at}:${shape.join(",")}`;
    let info = shown.get(key);
    if (info === undefined) {
      info = backend.tensorAt(at, shape, "float32");
      shown.set(key, info);
      owned.push(info);
    }
    return info;
  };
  const copyOf = ({ from, to, bytes }: Move): (() => void) => {
    const source = new Uint8Array(bufferOf(from), address(from), bytes);
    const goal = new Uint8Array(bufferOf(to), address(to), bytes);
    return () => goal.set(source);
  };

  /** Steps as closures over one heap buffer; growing the heap makes them stale. */
  const bindKernel = (step: KernelStep, index: number): (() => void) => {
    const at = (id: number): number => address(locate(id, index));
    if (isConcatInPlace(plan, step, (id) => regions.at(id, index))) return () => {};
    const native = bindNative(backend, plan, step, at, (id, shape) => infoOf(id, index, shape));
    if (native !== undefined) return native;
    const kernel = kernelOf(step);
    const call = bindStep(step, (id) => place(id, index));
    return () => kernel(call);
  };
  let boundTo: ArrayBufferLike | undefined;
  let bound: (() => void)[] = [];
  const bind = (): void => {
    boundTo = backend.heap();
    bound = plan.steps.map((step, index) => {
      if (step.kind === "kernel") return bindKernel(step, index);
      const move = regions.moves.get(index);
      return move === undefined ? () => {} : copyOf(move);
    });
  };
  const input = (id: number): Tensor => tensorAt(id, regions.input(id) ?? missing(plan, id));
  const output = (id: number): Tensor => tensorAt(id, regions.output(id) ?? missing(plan, id));

  return {
    peakBytes: regions.bytes.reduce((sum, bytes, region) => (regions.direct[region]! ? sum + bytes : sum), 0),
    allocations: backend.allocations,
    dispose() {
      for (const info of owned.splice(0)) backend.release(info);
      bases.forEach((base) => base !== 0 && backend.free(base));
    },
    async profile(inputs, clock) {
      putInputs(plan, inputs, input);
      return plan.steps.map((_, step) => {
        if (boundTo !== backend.heap()) bind();
        const start = clock();
        bound[step]!();
        return { step, seconds: clock() - start, clock: "host" as const };
      });
    },
    async run(inputs) {
      putInputs(plan, inputs, input);
      for (let i = 0; i < plan.steps.length; i++) {
        // TensorFlow.js packs weights on the first run and may grow the heap under our views.
        if (boundTo !== backend.heap()) bind();
        bound[i]!();
      }
      return copyOut(plan, output);
    },
  };
}

/** A step as shapes, its scratch left out; undefined for a step that nothing here can compute. */
function shapeOf(plan: Plan, step: KernelStep): StepShape | undefined {
  if (step.opaque) return undefined;
  const typeOf = (id: number): Pick<Tensor, "dtype" | "shape"> => plan.values[id]!;
  return {
    inputs: withAbsent(step.reads.map(typeOf), step.absentReads),
    outputs: withAbsent(resultsOf(plan, step).map(typeOf), step.absentWrites),
    attrs: attrMap(step.attrs),
  };
}

const resultsOf = (plan: Plan, step: KernelStep): number[] =>
  step.writes.filter((id) => plan.values[id]!.kind !== "temporary");

/** The step by TensorFlow.js's kernel or ours; undefined where the reference kernel must do. */
function bindNative(
  backend: WasmBackend,
  plan: Plan,
  step: KernelStep,
  at: (id: number) => number,
  infoOf: (id: number, shape: readonly number[]) => TensorInfo,
): (() => void) | undefined {
  const shape = shapeOf(plan, step);
  if (shape === undefined) return undefined;
  const ids = withAbsent(step.reads, step.absentReads);
  const tfjs = tfjsCall(step.kernel, shape);
  const isStale = tfjs?.packed?.some((position) => plan.values[ids[position]!]!.kind !== "weight") ?? false;
  // Where both can, XNNPACK's packed weights are worth it, and nothing else of TensorFlow.js's is.
  const own = tfjs?.packed !== undefined && !isStale ? undefined : bindOwn(backend, plan, step, shape, at);
  if (own !== undefined || tfjs === undefined || isStale) return own;
  const inputs: Record<string, TensorInfo> = {};
  for (const [name, operand] of Object.entries(tfjs.inputs)) inputs[name] = infoOf(ids[operand.at]!, operand.shape);
  const output = infoOf(step.writes[0]!, tfjs.output);
  const kernel: KernelFunc = backend.kernel(tfjs.kernel);
  return () => backend.call(kernel, inputs, tfjs.attrs, output);
}

function bindOwn(
  backend: WasmBackend,
  plan: Plan,
  step: KernelStep,
  shape: StepShape,
  at: (id: number) => number,
): (() => void) | undefined {
  const functions = backend.own;
  const chosen = ownStep(step.kernel, shape);
  if (chosen === undefined || functions === undefined) return undefined;
  const reads = withAbsent(step.reads, step.absentReads);
  const results = withAbsent(resultsOf(plan, step), step.absentWrites);
  const scratch = step.writes.filter((id) => plan.values[id]!.kind === "temporary");
  // A plan of another backend brings other scratch, or none.
  if (
    chosen.scratch.some(({ dtype, shape: dims }, i) => {
      const own = plan.values[scratch[i] ?? -1];
      return own?.dtype !== dtype || sizeOf(own.shape) < sizeOf(dims);
    })
  )
    return undefined;
  return chosen.bind({
    functions,
    heap: backend.heap(),
    input: (position) => at(reads[position]!),
    output: (position) => at(results[position]!),
    scratch: (position) => at(scratch[position]!),
  });
}
