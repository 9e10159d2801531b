/** The cpu executor: the reference kernels on one ArrayBuffer a memory, every value at its planned offset. */
import { storageOn, sizeOf } from "../kernels/access.ts";
import type { Tensor } from "../kernels/types.ts";
import type { Plan } from "../plan/schema.ts";
import { copyOut, putInputs } from "./io.ts";
import { missing, plannedRegions, unplannedRegions, type Location, type Move } from "./regions.ts";
import { bindStep, isConcatInPlace, kernelOf } from "./step.ts";
import type { Executable, Executor, LoadOptions } from "./types.ts";
import { fillWeights } from "./weights.ts";

export const cpuExecutor: Executor = {
  name: "cpu",
  device: "JavaScript",
  capabilities: { exactOffsets: true, swap: true, timestamps: false },
  load: async (plan, options) => loadCpu(plan, options),
};

function loadCpu(plan: Plan, options: LoadOptions): Executable {
  const regions = options.unplanned === true ? unplannedRegions(plan) : plannedRegions(plan);
  const buffers = regions.bytes.map((size) => new ArrayBuffer(size));
  const tensorAt = (id: number, at: Location): Tensor => {
    const { dtype, shape } = plan.values[id]!;
    return { dtype, shape, data: storageOn(dtype, buffers[at.region]!, at.offset, sizeOf(shape)) };
  };
  const place = (id: number, step: number): Tensor => tensorAt(id, regions.at(id, step) ?? missing(plan, id));
  fillWeights(
    plan,
    (id) => {
      const at = plan.values[id]!.kind === "weight" ? regions.input(id) : undefined;
      return at === undefined ? undefined : tensorAt(id, at);
    },
    options.constant,
  );
  const copyOf = ({ from, to, bytes }: Move): (() => void) => {
    const source = new Uint8Array(buffers[from.region]!, from.offset, bytes);
    const goal = new Uint8Array(buffers[to.region]!, to.offset, bytes);
    return () => goal.set(source);
  };
  const steps: { readonly step: number; run(): void }[] = [];
  plan.steps.forEach((step, index) => {
    const move = regions.moves.get(index);
    if (move !== undefined) steps.push({ step: index, run: copyOf(move) });
    if (step.kind !== "kernel") return;
    const kernel = kernelOf(step);
    if (isConcatInPlace(plan, step, (id) => regions.at(id, index))) {
      steps.push({ step: index, run: () => {} });
      return;
    }
    const call = bindStep(step, (id) => place(id, index));
    steps.push({ step: index, run: () => kernel(call) });
  });
  const input = (id: number): Tensor => tensorAt(id, regions.input(id) ?? missing(plan, id));
  const output = (id: number): Tensor => tensorAt(id, regions.output(id) ?? missing(plan, id));
  return {
    peakBytes: regions.bytes.reduce((sum, size, region) => (regions.direct[region]! ? sum + size : sum), 0),
    allocations: () => buffers.length,
    dispose: () => void buffers.splice(0),
    async profile(inputs, clock) {
      putInputs(plan, inputs, input);
      return steps.map(({ run, step }) => {
        const start = clock();
        run();
        return { step, seconds: clock() - start, clock: "host" as const };
      });
    },
    async run(inputs) {
      putInputs(plan, inputs, input);
      for (const { run } of steps) run();
      return copyOut(plan, output);
    },
  };
}
