/** CopyBytes: what a view shows that starts where no binding may start. One word an invocation, shifted together where needed. */
import { byteSize } from "../../../ir/bytes.ts";
import type { WgslKernel, WgslTable } from "./types.ts";

const WORKGROUP = 64;
const MOST_WORKGROUPS = 65535;

const copyBytes: WgslKernel = ({ inputs: [from], outputs: [to], attrs }) => {
  const offset = attrs.get("offset");
  if (!from || !to || typeof offset !== "number") return undefined;
  const words = Math.ceil(byteSize(to.dtype, to.shape) / 4);
  const first = Math.floor(offset / 4);
  const shift = (offset % 4) * 8;
  const last = Math.ceil(byteSize(from.dtype, from.shape) / 4) - 1;
  const word = (index: string): string => `bitcast<u32>(source[min(${index}, ${last})])`;
  const value =
    shift === 0
      ? word(`index + ${first}`)
      : `(${word(`index + ${first}`)} >> ${shift}u) | (${word(`index + ${first + 1}`)} << ${32 - shift}u)`;
  const groups = Math.ceil(words / WORKGROUP);
  const rows = Math.ceil(groups / MOST_WORKGROUPS);
  return {
    temporaries: [],
    dispatches: [
      {
        label: "CopyBytes",
        writes: { output: 0 },
        reads: [{ name: "source", from: { input: 0 } }],
        workgroupSize: [WORKGROUP, 1, 1],
        workgroups: [Math.ceil(groups / rows), rows, 1],
        code: `fn kernel(index: i32) {
  if (index < ${words}) { result[index] = bitcast<${to.dtype === "float32" ? "f32" : "i32"}>(${value}); }
}`,
      },
    ],
  };
};

export const copyBytesKernels: WgslTable = { CopyBytes: copyBytes };
