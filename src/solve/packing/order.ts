/** Sorted orders of many items without a comparison function where their keys allow it. */

/** Indices of `keys` (integers) by rising key, ties by index. */
export function byKey(keys: Float64Array): Uint32Array {
  const n = keys.length;
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < n; i++) {
    const key = keys[i]!;
    if (key < least) least = key;
    if (key > most) most = key;
  }
  const order = new Uint32Array(n);
  // Key and index as one number: the native sort of plain numbers is several times faster than one that calls back.
  if ((most - least + 1) * n < Number.MAX_SAFE_INTEGER) {
    const joined = new Float64Array(n);
    for (let i = 0; i < n; i++) joined[i] = (keys[i]! - least) * n + i;
    joined.sort();
    for (let i = 0; i < n; i++) order[i] = joined[i]! % n;
    return order;
  }
  for (let i = 0; i < n; i++) order[i] = i;
  return order.sort((a, b) => keys[a]! - keys[b]! || a - b);
}

/** Indices 0 to n - 1 by falling `first`, then falling `second`, then index. */
export const byFalling = (first: ArrayLike<number>, second: ArrayLike<number>): Uint32Array =>
  Uint32Array.from({ length: first.length }, (_, i) => i).sort(
    (a, b) => first[b]! - first[a]! || second[b]! - second[a]! || a - b,
  );
