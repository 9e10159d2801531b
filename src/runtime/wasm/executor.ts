/**
 * The wasm executor: TensorFlow.js WebAssembly kernels, and the reference kernels where it has none
 * or is known to be wrong, all on one heap with every value at its planned offset. Two allocations
 * at load (arena, weights), none in a steady run.
 */
import type { KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import { storageOn, sizeOf } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import type { KernelStep, Plan } from "../../plan/schema.ts";
import { copyOut, putInputs } from "../io.ts";
import { missing, plannedRegions, unplannedRegions, type Location, type Move } from "../regions.ts";
import { bindStep, kernelOf } from "../step.ts";
import type { Executable, Executor, LoadOptions } from "../types.ts";
import { fillWeights } from "../weights.ts";
import { wasmBackend, type WasmBackend } from "./backend.ts";
import { tfjsCall } from "./tfjs-kernels.ts";

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
  const tfjsSteps = plan.steps.map((step, index) =>
    step.kind === "kernel"
      ? prepareTfjs(
          backend,
          step,
          (id) => place(id, index),
          (id, shape) => infoOf(id, index, shape),
        )
      : undefined,
  );
  let boundTo: ArrayBufferLike | undefined;
  let bound: (() => void)[] = [];
  const bind = (): void => {
    boundTo = backend.heap();
    bound = plan.steps.map((step, index) => {
      const tfjs = tfjsSteps[index];
      if (tfjs !== undefined) return tfjs;
      const move = regions.moves.get(index);
      if (step.kind === "copy") return move === undefined ? () => {} : copyOf(move);
      const kernel = kernelOf(step);
      const call = bindStep(step, (id) => place(id, index));
      return () => kernel(call);
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

function prepareTfjs(
  backend: WasmBackend,
  step: KernelStep,
  place: (id: number) => Tensor,
  infoOf: (id: number, shape: readonly number[]) => TensorInfo,
): (() => void) | undefined {
  if (step.opaque) return undefined;
  const call = bindStep(step, place);
  const chosen = tfjsCall(step.kernel, call);
  if (chosen === undefined) return undefined;
  const ids: (number | null)[] = [...step.reads];
  for (const position of step.absentReads) ids.splice(position, 0, null);
  const inputs: Record<string, TensorInfo> = {};
  for (const [name, operand] of Object.entries(chosen.inputs)) inputs[name] = infoOf(ids[operand.at]!, operand.shape);
  const output = infoOf(step.writes[0]!, chosen.output);
  const kernel: KernelFunc = backend.kernel(chosen.kernel);
  return () => backend.call(kernel, inputs, chosen.attrs, output);
}
