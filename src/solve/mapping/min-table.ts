/** Range minima of an array that is known whole, by doubling. */
export interface MinTable {
  readonly length: number;
  readonly levels: readonly Int32Array[];
}

/** Gaps up to this are scanned: cheaper than building and asking the table. */
const SCAN = 12;

export function newMinTable(length: number): MinTable {
  const levels: Int32Array[] = [];
  for (let width = 1; width <= length; width *= 2) levels.push(new Int32Array(length));
  return { length, levels };
}

export function fillMinTable({ length, levels }: MinTable, key: Float64Array): void {
  const bottom = levels[0]!;
  for (let t = 0; t < length; t++) bottom[t] = t;
  for (let k = 1; k < levels.length; k++) {
    const below = levels[k - 1]!;
    const here = levels[k]!;
    const half = 1 << (k - 1);
    for (let t = 0; t + 2 * half <= length; t++) {
      const x = below[t]!;
      const y = below[t + half]!;
      here[t] = key[y]! < key[x]! ? y : x;
    }
  }
}

/** Index of the least key in [from, to), which must not be empty. */
export function leastOf({ levels }: MinTable, key: Float64Array, from: number, to: number): number {
  const width = to - from;
  if (width <= SCAN) {
    let best = from;
    for (let t = from + 1; t < to; t++) if (key[t]! < key[best]!) best = t;
    return best;
  }
  const k = 31 - Math.clz32(width);
  const x = levels[k]![from]!;
  const y = levels[k]![to - (1 << k)]!;
  return key[y]! < key[x]! ? y : x;
}
