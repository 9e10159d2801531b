/** CopyBytes: the result's bytes, as they lie in the operand from byte `offset` on. */
import { bytesOf } from "./access.ts";
import { numberAttr, operand, result } from "./elementwise.ts";
import type { KernelTable } from "./types.ts";

export const copyBytesKernels: KernelTable = {
  CopyBytes: (call) => {
    const to = bytesOf(result(call));
    const offset = numberAttr(call.attrs, "offset");
    to.set(bytesOf(operand(call, 0)).subarray(offset, offset + to.length));
  },
};
