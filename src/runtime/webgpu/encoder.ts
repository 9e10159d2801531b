/** Commands of one run: a compute pass is kept open until a copy or a submit ends it. */
import type { GpuDevice } from "./device.ts";
import type { GpuBuffer, GpuBufferBinding, GpuCommandEncoder, GpuComputePass, GpuComputePipeline } from "./gpu.ts";
import type { BoundDispatch } from "./pipelines.ts";

export interface Encoder {
  dispatch(bound: BoundDispatch): void;
  copy(from: GpuBufferBinding, to: GpuBuffer, at: number): void;
  /** From a buffer to a place in the arena. */
  restore(from: GpuBuffer, to: GpuBufferBinding): void;
  /** The commands outside any pass, for what encodes passes of its own. */
  commands(): GpuCommandEncoder;
  /** Sends what was encoded; nothing where nothing was. */
  submit(): void;
}

/** A fresh encoder. */
export function encoderOn({ raw }: GpuDevice): Encoder {
  let commands: GpuCommandEncoder | undefined;
  let pass: GpuComputePass | undefined;
  let pipeline: GpuComputePipeline | undefined;
  const encode = (): GpuCommandEncoder => (commands ??= raw.createCommandEncoder());
  const outsidePass = (): GpuCommandEncoder => {
    pass?.end();
    pass = undefined;
    pipeline = undefined;
    return encode();
  };
  return {
    dispatch(bound) {
      pass ??= encode().beginComputePass();
      if (bound.pipeline !== pipeline) pass.setPipeline((pipeline = bound.pipeline));
      pass.setBindGroup(0, bound.group);
      pass.dispatchWorkgroups(...bound.workgroups);
    },
    commands: outsidePass,
    copy: (from, to, at) => outsidePass().copyBufferToBuffer(from.buffer, from.offset ?? 0, to, at, from.size!),
    restore: (from, to) => outsidePass().copyBufferToBuffer(from, 0, to.buffer, to.offset ?? 0, to.size!),
    submit() {
      if (commands === undefined) return;
      const finished = outsidePass().finish();
      commands = undefined;
      raw.queue.submit([finished]);
    },
  };
}
