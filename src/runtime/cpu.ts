/** The cpu executor: the reference kernels on one ArrayBuffer a memory, every value at its planned offset. */
import { storageOn, sizeOf } from "../kernels/access.ts";
import type { KernelCall, Kernel, Tensor } from "../kernels/types.ts";
import type { Plan } from "../plan/schema.ts";
import { copyOut, putInputs } from "./io.ts";
import { plannedRegions, unplannedRegions } from "./regions.ts";
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
  const { bytes, locations } = options.unplanned === true ? unplannedRegions(plan) : plannedRegions(plan);
  const buffers = bytes.map((size) => new ArrayBuffer(size));
  const place = (id: number): Tensor | undefined => {
    const at = locations[id];
    if (at === undefined) return undefined;
    const { dtype, shape } = plan.values[id]!;
    return { dtype, shape, data: storageOn(dtype, buffers[at.region]!, at.offset, sizeOf(shape)) };
  };
  const tensors = plan.values.map((value) => place(value.id));
  fillWeights(plan, (id) => tensors[id], options.constant);
  const calls: { readonly step: number; readonly kernel: Kernel; readonly call: KernelCall }[] = [];
  plan.steps.forEach((step, index) => {
    if (step.kind === "kernel")
      calls.push({ step: index, kernel: kernelOf(step), call: bindStep(step, (id) => tensors[id]!) });
  });
  return {
    peakBytes: bytes.reduce((sum, size) => sum + size, 0),
    allocations: () => buffers.length,
    dispose: () => void buffers.splice(0),
    async profile(inputs, clock) {
      putInputs(plan, inputs, (id) => tensors[id]!);
      return calls.map(({ kernel, call, step }) => {
        const start = clock();
        kernel(call);
        return { step, seconds: clock() - start, clock: "host" as const };
      });
    },
    async run(inputs) {
      putInputs(plan, inputs, (id) => tensors[id]!);
      for (const { kernel, call } of calls) kernel(call);
      return copyOut(plan, (id) => tensors[id]!);
    },
  };
}
