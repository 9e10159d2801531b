import { sizeOf } from "../../../kernels/access.ts";
import type { WgslKernel, WgslTable } from "./types.ts";

const WORKGROUP = 64;

/** Scratch example: y = max(x, 0). */
const relu: WgslKernel = ({ inputs: [x], outputs: [y] }) => {
  if (!x || !y || x.dtype !== "float32") return undefined;
  const size = sizeOf(x.shape);
  return {
    temporaries: [],
    dispatches: [
      {
        label: "Relu",
        writes: { output: 0 },
        reads: [{ name: "x", from: { input: 0 }, overwrite: true }],
        workgroupSize: [WORKGROUP, 1, 1],
        workgroups: [Math.ceil(size / WORKGROUP), 1, 1],
        code: `fn kernel(index: i32) { if (index < ${size}) { result[index] = max(x[index], 0.0); } }`,
      },
    ],
  };
};

export const exampleKernels: WgslTable = { Relu: relu };
