/** Sliding windows over spatial dims, as code: where output positions and taps lie, channels first or last. */
import { sizeOf, stridesOf } from "../../../kernels/access.ts";

export interface Window {
  /** Spatial sizes. */
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Before each spatial dim. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

/** `let NAME0 = ...;` for the coordinates of the flat index `flat` in `shape`. */
export function coordinates(name: string, flat: string, shape: readonly number[]): string {
  const strides = stridesOf(shape);
  return shape
    .map((dim, d) => {
      const whole = strides[d] === 1 ? flat : `(${flat}) / ${strides[d]}`;
      const own = dim === 1 ? "0" : d === 0 ? whole : `(${whole}) % ${dim}`;
      return `let ${name}${d} = ${own};`;
    })
    .join(" ");
}

/** Whether some tap of some position falls outside the input in dim `d`. */
const leaves = (w: Window, d: number): boolean =>
  w.pads[d]! > 0 ||
  (w.output[d]! - 1) * w.strides[d]! - w.pads[d]! + (w.kernel[d]! - 1) * w.dilations[d]! >= w.input[d]!;

/**
 * Loops over the taps of the output position o0, o1, ... that lie in the input; `body` sees the tap's flat
 * number as `tap` and its offset in the spatial plane as `at`. Tests are left out where nothing is padded.
 */
export function overTaps(w: Window, body: string): string {
  const strides = stridesOf(w.input);
  const taps = stridesOf(w.kernel);
  const rank = w.input.length;
  const line = (d: number): string => {
    const index = `o${d} * ${w.strides[d]} - ${w.pads[d]} + t${d} * ${w.dilations[d]}`;
    const inner =
      d + 1 < rank
        ? line(d + 1)
        : `let at = ${strides.map((stride, k) => `i${k} * ${stride}`).join(" + ")};
let tap = ${taps.map((stride, k) => `t${k} * ${stride}`).join(" + ")};
${body}`;
    // Not `continue`: compilers unroll plain bodies.
    const guarded = leaves(w, d) ? `if (i${d} >= 0 && i${d} < ${w.input[d]}) { ${inner} }` : inner;
    return `for (var t${d} = 0; t${d} < ${w.kernel[d]}; t${d}++) { let i${d} = ${index};
${guarded} }`;
  };
  return line(0);
}

export const tapCount = (w: Window): number => sizeOf(w.kernel);
