/** The 0-1 knapsack by depth-first branch and bound (Horowitz and Sahni, 1974), for a handful of items. */
export interface KnapsackWork {
  /** Items in falling order of profit per size: filled by {@link sortItems}. */
  readonly item: Int32Array;
  readonly size: Float64Array;
  readonly profit: Float64Array;
  count: number;
  /** Bits of the items of the last solution, by position. */
  readonly taken: Uint8Array;
  readonly trial: Uint8Array;
  nodes: number;
}

/** Nodes after which the relaxation is the answer: an upper bound still. */
const MAX_NODES = 400;

export const newKnapsack = (items: number): KnapsackWork => ({
  item: new Int32Array(items),
  size: new Float64Array(items),
  profit: new Float64Array(items),
  count: 0,
  taken: new Uint8Array(items),
  trial: new Uint8Array(items),
  nodes: 0,
});

/** Adds an item, keeping the order; ties stay in order of adding. */
export function addItem(work: KnapsackWork, item: number, size: number, profit: number): void {
  const { item: items, size: sizes, profit: profits } = work;
  let k = work.count++;
  for (; k > 0 && profits[k - 1]! * size < profit * sizes[k - 1]!; k--) {
    items[k] = items[k - 1]!;
    sizes[k] = sizes[k - 1]!;
    profits[k] = profits[k - 1]!;
  }
  items[k] = item;
  sizes[k] = size;
  profits[k] = profit;
}

/**
 * Most profit of items within `room`, or an upper bound on it where that takes too many nodes; `taken` says which. The
 * answer depends on items and room alone.
 */
export function knapsack(work: KnapsackWork, room: number): number {
  work.nodes = 0;
  work.taken.fill(0, 0, work.count);
  work.trial.fill(0, 0, work.count);
  const best = { profit: 0 };
  const relaxed = fractional(work, 0, room);
  if (!descend(work, 0, room, 0, best)) return relaxed;
  return best.profit;
}

/** Dantzig's bound on items from `k` on. */
function fractional({ size, profit, count }: KnapsackWork, k: number, room: number): number {
  let left = room;
  let total = 0;
  for (; k < count; k++) {
    if (size[k]! > left) return total + (profit[k]! * left) / size[k]!;
    left -= size[k]!;
    total += profit[k]!;
  }
  return total;
}

/** False where the nodes ran out. */
function descend(work: KnapsackWork, k: number, room: number, sum: number, best: { profit: number }): boolean {
  if (sum > best.profit) {
    best.profit = sum;
    work.taken.set(work.trial.subarray(0, work.count));
  }
  for (; k < work.count; k++) {
    if (++work.nodes > MAX_NODES) return false;
    if (sum + fractional(work, k, room) <= best.profit) return true;
    if (work.size[k]! > room) continue;
    work.trial[k] = 1;
    const done = descend(work, k + 1, room - work.size[k]!, sum + work.profit[k]!, best);
    work.trial[k] = 0;
    if (!done) return false;
  }
  return true;
}
