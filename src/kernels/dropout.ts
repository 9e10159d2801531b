/** Dropout as it is in inference: the operand unchanged, and a mask that keeps everything. */
import { bytesOf, sizeOf, writer } from "./access.ts";
import { operand } from "./elementwise.ts";
import type { Kernel, KernelTable } from "./types.ts";

const dropout: Kernel = (call) => {
  const x = operand(call, 0);
  const [y, mask] = call.outputs;
  if (y) bytesOf(y).set(bytesOf(x));
  if (!mask) return;
  const write = writer(mask);
  const count = sizeOf(mask.shape);
  for (let i = 0; i < count; i++) write(i, 1);
};

export const dropoutKernels: KernelTable = { Dropout: dropout };
