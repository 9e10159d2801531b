/**
 * Teams: the invocations that share one row of a reduction. Short rows take one invocation each, longer
 * ones 8 or a whole workgroup, whose partial results meet in workgroup memory in a fixed order.
 */

export interface Team {
  /** Invocations a row. */
  readonly lanes: 1 | 8 | 64 | 256;
  readonly workgroup: 64 | 256;
}

/** A team for rows of `units`: enough lanes for the row, more where rows are few. */
export function teamFor(rows: number, units: number): Team {
  const few = rows < 512;
  if (units <= (few ? 4 : 8)) return { lanes: 1, workgroup: 64 };
  if (units <= (few ? 32 : 256)) return { lanes: 8, workgroup: 64 };
  if (units <= (few ? 512 : 2048)) return { lanes: 64, workgroup: 64 };
  return { lanes: 256, workgroup: 256 };
}

/** One invocation a row, for rows whose neighbours lie next to each other. */
export const SINGLE: Team = { lanes: 1, workgroup: 64 };

export const rowsPerGroup = ({ lanes, workgroup }: Team): number => workgroup / lanes;

/**
 * `fn NAME(value: f32) -> f32`: all values of a team combined by `combine`, the same for every lane. Each
 * reduction has workgroup memory of its own, so that none waits for the one before. Call in uniform flow.
 */
export function teamReduction(
  name: string,
  { lanes, workgroup }: Team,
  combine: (a: string, b: string) => string,
): string {
  if (lanes === 1) return `fn ${name}(value: f32) -> f32 { return value; }`;
  const fold = (array: string, base: string, count: number): string => {
    // Pairs, so that the additions don't wait for each other and errors stay small.
    let terms = Array.from({ length: count }, (_, k) => `${array}[${base}${k}u]`);
    while (terms.length > 1)
      terms = Array.from({ length: terms.length / 2 }, (_, k) => combine(terms[2 * k]!, terms[2 * k + 1]!));
    return terms[0]!;
  };
  if (lanes === 8)
    return `
var<workgroup> ${name}_a: array<f32, ${workgroup}>;
fn ${name}(value: f32) -> f32 {
  ${name}_a[localIndex] = value;
  workgroupBarrier();
  let base = localIndex & ${~7 >>> 0}u;
  return ${fold(`${name}_a`, "base + ", 8)};
}`;
  const side = Math.sqrt(lanes);
  return `
var<workgroup> ${name}_a: array<f32, ${lanes}>;
var<workgroup> ${name}_b: array<f32, ${side}>;
fn ${name}(value: f32) -> f32 {
  ${name}_a[localIndex] = value;
  workgroupBarrier();
  if (localIndex < ${side}u) {
    let base = localIndex * ${side}u;
    ${name}_b[localIndex] = ${fold(`${name}_a`, "base + ", side)};
  }
  workgroupBarrier();
  return ${fold(`${name}_b`, "", side)};
}`;
}

export const plus = (a: string, b: string): string => `(${a} + ${b})`;
export const larger = (a: string, b: string): string => `max(${a}, ${b})`;
