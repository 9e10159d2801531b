/** What a machine is to the planner: its memories, links and speeds. */
import { z } from "zod";

const memory = z.strictObject({
  name: z.string().min(1),
  /** Capacity, bytes. */
  bytes: z.int().min(0),
  /** Every placement starts at a multiple of it. */
  alignment: z.int().min(1),
  readBytesPerSecond: z.number().positive(),
  writeBytesPerSecond: z.number().positive(),
  direct: z.boolean().optional().describe("whether kernels read and write it where it is; they do where left out"),
});

const link = z.strictObject({
  from: z.string(),
  to: z.string(),
  bytesPerSecond: z.number().positive(),
  channels: z.int().min(1),
  /** Whether copies run beside kernels. */
  overlapsCompute: z.boolean(),
});

export const targetSchema = z.strictObject({
  name: z.string().min(1),
  summary: z.string(),
  executor: z.enum(["tfjs-webgpu", "tfjs-wasm", "tfjs-cpu", "none"]),
  /** Layout that the kernels of 2-D convolutions want. */
  layout: z.enum(["nchw", "nhwc"]),
  memories: z.array(memory).min(1),
  links: z.array(link),
  flopsPerSecond: z.number().positive(),
  /** Fixed cost of one kernel, seconds. */
  launchSeconds: z.number().min(0),
  /** Memory of inputs, activations, outputs and temporaries. */
  arenaMemory: z.string(),
  /** Memory of the weights. */
  weightsMemory: z.string(),
  /** Where each figure comes from. */
  sources: z.array(z.string()),
});

export type Target = z.infer<typeof targetSchema>;
