/** Sliding windows: shapes of convolutions and pools for all opsets, channels first or last. */
import type { OpContext } from "./types.ts";

export interface WindowShape {
  readonly output: readonly number[];
  readonly strides: readonly number[];
  /** All begins, then all ends. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

function perDim(n: OpContext, name: string, rank: number, fallback: number): readonly number[] {
  const given = n.ints(name) ?? Array.from({ length: rank }, () => fallback);
  if (given.length !== rank) n.invalid(`attribute '${name}' has ${given.length} entries for ${rank} spatial dims`);
  if (given.some((value) => value < 1)) n.invalid(`attribute '${name}' is [${given.join(",")}]`);
  return given;
}

/** The window over `input` (spatial dims) of a `kernel`. */
export function windowShape(
  n: OpContext,
  input: readonly number[],
  kernel: readonly number[],
  ceil = false,
): WindowShape {
  const rank = input.length;
  if (kernel.length !== rank) n.invalid(`a window of ${kernel.length} dims over ${rank}`);
  if (kernel.some((size) => size < 1)) n.invalid(`the window is [${kernel.join(",")}]`);
  const strides = perDim(n, "strides", rank, 1);
  const dilations = perDim(n, "dilations", rank, 1);
  const extent = kernel.map((size, d) => (size - 1) * dilations[d]! + 1);
  const auto = n.string("auto_pad", "NOTSET");
  let pads: readonly number[];
  if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
    const total = input.map((size, d) =>
      Math.max(0, (Math.ceil(size / strides[d]!) - 1) * strides[d]! + extent[d]! - size),
    );
    const less = total.map((pad) => Math.floor(pad / 2));
    const more = total.map((pad, d) => pad - less[d]!);
    pads = auto === "SAME_UPPER" ? [...less, ...more] : [...more, ...less];
  } else {
    if (!["NOTSET", "VALID"].includes(auto)) n.invalid(`auto_pad '${auto}' is not known`);
    pads = auto === "VALID" ? input.flatMap(() => [0, 0]) : (n.ints("pads") ?? input.flatMap(() => [0, 0]));
    if (pads.length !== 2 * rank) n.invalid(`${pads.length} pads for ${rank} spatial dims`);
  }
  const output = input.map((size, d) => {
    const room = size + pads[d]! + pads[d + rank]! - extent[d]!;
    const steps = ceil ? Math.ceil(room / strides[d]!) : Math.floor(room / strides[d]!);
    // With ceil_mode a window that starts in the end padding is left out.
    const past = ceil && steps * strides[d]! >= size + pads[d]!;
    return Math.max(0, steps + (past ? 0 : 1));
  });
  if (input.some((size, d) => size + pads[d]! + pads[d + rank]! < extent[d]!))
    n.invalid(`a window of [${extent.join(",")}] does not fit [${input.join(",")}] with pads [${pads.join(",")}]`);
  return { output, strides, pads, dilations };
}
