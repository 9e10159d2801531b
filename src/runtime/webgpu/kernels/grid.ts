/** Grids of workgroups, and float literals of WGSL. */

/** Most workgroups in one dimension of a grid. */
const MOST_WORKGROUPS = 65535;

/** Invocations of a workgroup where each works for itself. */
export const WORKGROUP = 64;

/** A grid of at least `count` workgroups: flat in x where it fits, else spread over y and z. */
export function spread(count: number): readonly [number, number, number] {
  if (count <= MOST_WORKGROUPS) return [count, 1, 1];
  const rows = Math.ceil(count / MOST_WORKGROUPS);
  if (rows <= MOST_WORKGROUPS) return [Math.ceil(count / rows), rows, 1];
  const planes = Math.ceil(rows / MOST_WORKGROUPS);
  return [MOST_WORKGROUPS, Math.ceil(rows / planes), planes];
}

/** The grid in which each of `count` invocations works for itself. */
export const invocations = (
  count: number,
): {
  readonly workgroupSize: readonly [number, number, number];
  readonly workgroups: readonly [number, number, number];
} => ({
  workgroupSize: [WORKGROUP, 1, 1],
  workgroups: spread(Math.ceil(count / WORKGROUP)),
});

const BITS = new Uint32Array(1);
const FLOAT = new Float32Array(BITS.buffer);

/** Bits of a number rounded to float32. */
export const floatBits = (value: number): number => {
  FLOAT[0] = value;
  return BITS[0]!;
};

/** WGSL of a number rounded to float32; infinities and NaN need `floatOf` of the math functions. */
export function floatLiteral(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) return `floatOf(0x${floatBits(value).toString(16)}u)`;
  const text = `${Math.abs(rounded)}f`;
  return rounded < 0 || Object.is(rounded, -0) ? `(-${text})` : text;
}
