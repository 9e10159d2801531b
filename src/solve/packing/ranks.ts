/** A set of ranks 0, 1, ... that knows neighbours: a binary tree of counts, O(log n) for each question. */
export interface Ranks {
  add(rank: number): void;
  remove(rank: number): void;
  /** The greatest member below `rank`, or -1. */
  below(rank: number): number;
  /** The least member above `rank`, or -1. */
  above(rank: number): number;
}

/** `count`: of ranks that there can be. */
export function newRanks(count: number): Ranks {
  let leaves = 1;
  while (leaves < count) leaves *= 2;
  const members = new Int32Array(2 * leaves);
  const change = (rank: number, by: number): void => {
    for (let node = leaves + rank; node > 0; node >>= 1) members[node]! += by;
  };
  /** Up until there is a member on that side (0: below, 1: above), then down on the way that stays nearest. */
  const nearest = (rank: number, side: 0 | 1): number => {
    let node = leaves + rank;
    while (node > 1 && ((node & 1) === side || members[node ^ 1] === 0)) node >>= 1;
    if (node <= 1) return -1;
    for (node ^= 1; node < leaves;) {
      const near = 2 * node + (1 - side);
      node = members[near]! > 0 ? near : near ^ 1;
    }
    return node - leaves;
  };
  return {
    add: (rank) => change(rank, 1),
    remove: (rank) => change(rank, -1),
    below: (rank) => nearest(rank, 0),
    above: (rank) => nearest(rank, 1),
  };
}
