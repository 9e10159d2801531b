/** Index arithmetic of strided operands, as WGSL with the strides baked in. */

/** Dims and strides (in elements) of an operand as the result's index walks it. */
export interface Walk {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Offset of index (0, 0, ...). */
  readonly base: number;
}

/** The same walk with the fewest dims: those of 1 dropped, those that run on merged. */
export function merged({ shape, strides, base }: Walk): Walk {
  const dims: number[] = [];
  const steps: number[] = [];
  shape.forEach((dim, d) => {
    if (dim === 1) return;
    const last = dims.length - 1;
    if (last >= 0 && steps[last] === strides[d]! * dim) {
      dims[last]! *= dim;
      steps[last] = strides[d]!;
    } else {
      dims.push(dim);
      steps.push(strides[d]!);
    }
  });
  return { shape: dims, strides: steps, base };
}

/** WGSL (i32) of the operand's offset where the result's flat index is `index` (u32). */
export function offsetOf(walk: Walk, index: string): string {
  const { shape, strides, base } = merged(walk);
  const terms: string[] = [];
  let inner = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    const stride = strides[d]!;
    if (stride !== 0) {
      const high = inner === 1 ? index : `(${index} / ${inner}u)`;
      const coordinate = d === 0 ? high : `(${high} % ${shape[d]}u)`;
      terms.push(stride === 1 ? `i32(${coordinate})` : `i32(${coordinate}) * ${stride < 0 ? `(${stride})` : stride}`);
    }
    inner *= shape[d]!;
  }
  if (base !== 0 || terms.length === 0) terms.push(`${base < 0 ? `(${base})` : base}`);
  return terms.join(" + ");
}

/** Whether every element lies where the result's index says. */
export const isFlat = (walk: Walk): boolean => {
  const { shape, strides, base } = merged(walk);
  return base === 0 && (shape.length === 0 || (shape.length === 1 && strides[0] === 1));
};

/** Whether all indices read one element. */
export const isScalar = (walk: Walk): boolean => walk.shape.every((dim, d) => dim === 1 || walk.strides[d] === 0);

/**
 * The step from element to element where `lanes` of them, from a multiple of `lanes` on, always lie in
 * one row; undefined where rows end in between.
 */
export function laneStep(walk: Walk, lanes: number): number | undefined {
  const { shape, strides } = merged(walk);
  const row = shape.at(-1);
  if (row === undefined) return 0;
  return row % lanes === 0 ? strides.at(-1)! : undefined;
}

/** Whether groups of `lanes` elements can be read as one: they lie together, and start at multiples. */
export function isGrouped(walk: Walk, lanes: number): boolean {
  const { strides, base } = merged(walk);
  return (
    laneStep(walk, lanes) === 1 && base % lanes === 0 && strides.slice(0, -1).every((stride) => stride % lanes === 0)
  );
}

/** The walk over groups of `lanes` elements. */
export function grouped(walk: Walk, lanes: number): Walk {
  const { shape, strides, base } = merged(walk);
  const last = shape.length - 1;
  return {
    shape: shape.map((dim, d) => (d === last ? dim / lanes : dim)),
    strides: strides.map((stride, d) => (d === last ? 1 : stride / lanes)),
    base: base / lanes,
  };
}
