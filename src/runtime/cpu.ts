/** The cpu executor: the reference kernels on one ArrayBuffer a memory, every value at its planned offset. */
import { storageOn, sizeOf } from "../kernels/access.ts";
import type { Tensor } from "../kernels/types.ts";
import type { Plan } from "../plan/schema.ts";
import { copyOut, putInputs } from "./io.ts";
import { type Location, operationsOf, plannedRegions, unplannedRegions } from "./regions.ts";
import { bindStep, kernelOf } from "./step.ts";
import type { Executable, Executor, LoadOptions } from "./types.ts";
import { fillWeights } from "./weights.ts";

export const cpuExecutor: Executor = {
  name: "cpu",
  device: "JavaScript",
  capabilities: { exactOffsets: true, swap: false, timestamps: false },
  load: async (plan, options) => loadCpu(plan, options),
};

function loadCpu(plan: Plan, options: LoadOptions): Executable {
  const regions = options.unplanned === true ? unplannedRegions(plan) : plannedRegions(plan);
  const buffers = regions.bytes.map((size) => new ArrayBuffer(size));
  const placeAt = (id: number, at: Location | undefined): Tensor | undefined => {
    if (at === undefined) return undefined;
    const { dtype, shape } = plan.values[id]!;
    return { dtype, shape, data: storageOn(dtype, buffers[at.region]!, at.offset, sizeOf(shape)) };
  };
  const tensors = plan.values.map((value) => placeAt(value.id, regions.locations[value.id]));
  fillWeights(plan, (id) => tensors[id], options.constant);
  /** Tensor of a value where a step finds it. */
  const found = (id: number, step: number): Tensor => {
    const at = regions.at(id, step);
    return at === regions.locations[id] ? tensors[id]! : placeAt(id, at)!;
  };
  const calls = operationsOf(plan, regions).map((operation): { readonly step: number; readonly run: () => void } => {
    const { index } = operation;
    if ("copy" in operation) {
      const { from, to, bytes } = operation.copy;
      const source = new Uint8Array(buffers[from.region]!, from.offset, bytes);
      const goal = new Uint8Array(buffers[to.region]!, to.offset, bytes);
      return { step: index, run: () => goal.set(source) };
    }
    const kernel = kernelOf(operation.step);
    const call = bindStep(operation.step, (id) => found(id, index));
    return { step: index, run: () => kernel(call) };
  });
  return {
    peakBytes: regions.bytes.reduce((sum, size) => sum + size, 0),
    allocations: () => buffers.length,
    dispose: () => void buffers.splice(0),
    async profile(inputs, clock) {
      putInputs(plan, inputs, (id) => tensors[id]!);
      return calls.map(({ run, step }) => {
        const start = clock();
        run();
        return { step, seconds: clock() - start, clock: "host" as const };
      });
    },
    async run(inputs) {
      putInputs(plan, inputs, (id) => tensors[id]!);
      for (const { run } of calls) run();
      return copyOut(plan, (id) => tensors[id]!);
    },
  };
}
