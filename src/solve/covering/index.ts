/**
 * Covering demands by intervals: each interval, if chosen, gives its size at every time that it covers,
 * at a cost; at every time the sizes of those chosen must reach the demand, at least cost. It is what
 * offloading asks (Bar-Noy et al., "A unified approach to approximating resource allocation and
 * scheduling", 2001: generalised caching), and strongly NP-hard.
 *
 * Method: Lagrangian relaxation of the demands, with sizes cut down to the demand that is left
 * (knapsack-cover inequalities: Carr et al., "Strengthening integrality gaps", 2000), by subgradient
 * steps. Its value is a lower bound; its reduced costs order a greedy choice, whose superfluous
 * intervals are dropped and which is improved by exchanges. Deterministic.
 */
export interface CoveringInterval {
  /** Times [from, to) that it covers. */
  readonly from: number;
  readonly to: number;
  readonly size: number;
  readonly cost: number;
}

export interface CoveringProblem {
  /** Demand at each time, at least 0. */
  readonly demand: readonly number[];
  readonly intervals: readonly CoveringInterval[];
}

export interface CoveringParams {
  /** Subgradient steps; 200 where left out. */
  readonly iterations?: number;
  /** Exchanges tried after the greedy choices; on where left out. */
  readonly exchanges?: boolean;
}

export interface CoveringResult {
  /** Indices of the intervals chosen, ascending; undefined where even all of them do not reach a demand. */
  readonly chosen: readonly number[] | undefined;
  readonly cost: number;
  /** No choice costs less. */
  readonly lowerBound: number;
  /** Where `chosen` is undefined: a time at which most demand is left. */
  readonly shortAt?: number;
}

interface State {
  readonly problem: CoveringProblem;
  /** Times with a demand, ascending, and what they demand. */
  readonly demand: Float64Array;
  /** First and last index in `demand` that each interval covers: [from, to). */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly useful: readonly number[];
}

/** Chooses intervals that cover the demands; see above. */
export function coverDemands(problem: CoveringProblem, params: CoveringParams = {}): CoveringResult {
  const state = compress(problem);
  const short = shortage(state);
  if (short !== undefined) return { chosen: undefined, cost: Infinity, lowerBound: Infinity, shortAt: short };
  if (state.demand.length === 0) return { chosen: [], cost: 0, lowerBound: 0 };
  const { intervals } = problem;
  const costOf = (chosen: readonly number[]): number => chosen.reduce((sum, i) => sum + intervals[i]!.cost, 0);
  let best: readonly number[] | undefined;
  let bestCost = Infinity;
  const offer = (order: readonly number[]): void => {
    const chosen = prune(state, take(state, order));
    const cost = costOf(chosen);
    if (cost < bestCost) {
      best = chosen;
      bestCost = cost;
    }
  };
  const relief = Float64Array.from(intervals, (_, i) => reliefOf(state, i));
  offer(sorted(state.useful, (i) => intervals[i]!.cost / relief[i]!));
  offer(sorted(state.useful, (i) => -relief[i]!));
  offer(sorted(state.useful, (i) => intervals[i]!.cost));
  const { bound, orders } = subgradient(state, bestCost, params.iterations ?? 200);
  for (const order of orders) offer(order);
  if (params.exchanges !== false) {
    const improved = exchange(state, best!);
    if (costOf(improved) < bestCost) {
      best = improved;
      bestCost = costOf(improved);
    }
  }
  return { chosen: [...best!].sort((a, b) => a - b), cost: bestCost, lowerBound: Math.min(bound, bestCost) };
}

const sorted = (items: readonly number[], key: (i: number) => number): number[] =>
  [...items].sort((a, b) => key(a) - key(b) || a - b);

/** Drops times without a demand, and intervals that give nothing. */
function compress(problem: CoveringProblem): State {
  const index = new Int32Array(problem.demand.length + 1);
  const demand: number[] = [];
  problem.demand.forEach((bytes, t) => {
    index[t] = demand.length;
    if (bytes > 0) demand.push(bytes);
  });
  index[problem.demand.length] = demand.length;
  const at = (t: number): number => index[Math.min(Math.max(t, 0), problem.demand.length)]!;
  const from = Int32Array.from(problem.intervals, (interval) => at(interval.from));
  const to = Int32Array.from(problem.intervals, (interval) => at(interval.to));
  const useful = problem.intervals.flatMap(({ size }, i) => (size > 0 && from[i]! < to[i]! ? [i] : []));
  return { problem, demand: Float64Array.from(demand), from, to, useful };
}

/** A time that all intervals together leave short, by most. */
function shortage({ problem, useful }: State): number | undefined {
  const left = Float64Array.from(problem.demand);
  for (const i of useful) {
    const { from, to, size } = problem.intervals[i]!;
    for (let t = Math.max(0, from); t < Math.min(to, left.length); t++) left[t]! -= size;
  }
  let most = 0;
  let at: number | undefined;
  left.forEach((bytes, t) => {
    if (bytes <= most) return;
    most = bytes;
    at = t;
  });
  return at;
}

/** Demand that an interval meets by itself, summed over time. */
function reliefOf({ problem, demand, from, to }: State, i: number): number {
  const { size } = problem.intervals[i]!;
  let sum = 0;
  for (let t = from[i]!; t < to[i]!; t++) sum += Math.min(size, demand[t]!);
  return sum;
}

/** Takes intervals in order as long as each still helps. */
function take({ problem, demand, from, to }: State, order: readonly number[]): number[] {
  const left = demand.slice();
  let open = left.length;
  const chosen: number[] = [];
  for (const i of order) {
    if (open === 0) break;
    let helps = false;
    for (let t = from[i]!; t < to[i]! && !helps; t++) helps = left[t]! > 0;
    if (!helps) continue;
    chosen.push(i);
    const { size } = problem.intervals[i]!;
    for (let t = from[i]!; t < to[i]!; t++) {
      if (left[t]! > 0 && left[t]! <= size) open--;
      left[t]! -= size;
    }
  }
  return chosen;
}

/** Drops what is superfluous, dearest first. */
function prune(state: State, chosen: readonly number[]): number[] {
  const { problem, from, to } = state;
  const over = surplus(state, chosen);
  const kept = new Set(chosen);
  for (const i of sorted(chosen, (k) => -problem.intervals[k]!.cost)) {
    const { size } = problem.intervals[i]!;
    let free = true;
    for (let t = from[i]!; t < to[i]! && free; t++) free = over[t]! >= size;
    if (!free) continue;
    kept.delete(i);
    for (let t = from[i]!; t < to[i]!; t++) over[t]! -= size;
  }
  return [...kept];
}

/** What is given beyond the demand, by time. */
function surplus({ problem, demand, from, to }: State, chosen: Iterable<number>): Float64Array {
  const over = demand.map((bytes) => -bytes);
  for (const i of chosen) for (let t = from[i]!; t < to[i]!; t++) over[t]! += problem.intervals[i]!.size;
  return over;
}

/** Maximises the Lagrangian dual; gives its best value and orders by reduced cost along the way. */
function subgradient(
  state: State,
  target: number,
  iterations: number,
): { readonly bound: number; readonly orders: readonly (readonly number[])[] } {
  const { problem, demand, from, to, useful } = state;
  const n = demand.length;
  // Knapsack cover for the empty set: a size counts only up to the demand, so strengthen by dividing by it.
  const price = new Float64Array(n);
  const given = new Float64Array(n);
  const orders: number[][] = [];
  let bound = 0;
  let scale = 1;
  let stalled = 0;
  for (let k = 0; k < iterations; k++) {
    given.fill(0);
    let value = 0;
    for (let t = 0; t < n; t++) value += price[t]!;
    const reduced = new Map<number, number>();
    for (const i of useful) {
      const { size, cost } = problem.intervals[i]!;
      let paid = 0;
      for (let t = from[i]!; t < to[i]!; t++) paid += price[t]! * Math.min(1, size / demand[t]!);
      reduced.set(i, cost - paid);
      if (cost - paid >= 0) continue;
      value += cost - paid;
      for (let t = from[i]!; t < to[i]!; t++) given[t]! += Math.min(1, size / demand[t]!);
    }
    if (value > bound) {
      bound = value;
      stalled = 0;
    } else if (++stalled >= 10) {
      scale /= 2;
      stalled = 0;
    }
    if (k % 8 === 7) orders.push(sorted(useful, (i) => reduced.get(i)! / Math.max(1, problem.intervals[i]!.cost)));
    if (k % 8 === 3) orders.push(sorted(useful, (i) => reduced.get(i)!));
    let norm = 0;
    for (let t = 0; t < n; t++) norm += (1 - given[t]!) ** 2;
    if (norm === 0 || target - value <= 0) break;
    const step = (scale * (target - value)) / norm;
    for (let t = 0; t < n; t++) price[t] = Math.max(0, price[t]! + step * (1 - given[t]!));
  }
  return { bound, orders };
}

/** Puts one interval in and prunes, as long as that gets cheaper. */
function exchange(state: State, start: readonly number[]): readonly number[] {
  const { problem, useful } = state;
  const costOf = (chosen: readonly number[]): number => chosen.reduce((sum, i) => sum + problem.intervals[i]!.cost, 0);
  let current = start;
  let cost = costOf(current);
  // Each round is quadratic at worst: bounded, as the gain of later rounds is small.
  for (let round = 0; round < 4; round++) {
    let better = false;
    for (const i of useful) {
      if (problem.intervals[i]!.cost >= cost || current.includes(i)) continue;
      const trial = pruneKeeping(state, current, i);
      const found = costOf(trial);
      if (found >= cost) continue;
      current = trial;
      cost = found;
      better = true;
    }
    if (!better) break;
  }
  return current;
}

/** `chosen` and `added`, without what that makes superfluous. */
function pruneKeeping(state: State, chosen: readonly number[], added: number): number[] {
  const { problem, from, to } = state;
  const over = surplus(state, chosen);
  for (let t = from[added]!; t < to[added]!; t++) over[t]! += problem.intervals[added]!.size;
  const kept: number[] = [added];
  for (const i of sorted(chosen, (k) => -problem.intervals[k]!.cost)) {
    const { size } = problem.intervals[i]!;
    let free = true;
    for (let t = from[i]!; t < to[i]! && free; t++) free = over[t]! >= size;
    if (free) for (let t = from[i]!; t < to[i]!; t++) over[t]! -= size;
    else kept.push(i);
  }
  return kept;
}
