/**
 * Search at a decision by sequential halving over Gumbel-perturbed actions (Danihelka et al., 2022), on whatever
 * model expands its nodes: the true game or the learned dynamics. Values are shares of what can be saved.
 */
import { ACTIONS } from "./actions.ts";

/** A position of a search: what the model knows of it, and what was seen below it. */
export interface SearchNode<T> {
  /** What the model keeps; undefined where the game is over. */
  readonly at: T | undefined;
  readonly legal: readonly number[];
  readonly logits: Float64Array;
  /** What is still to be saved, by the network; 0 where the game is over. */
  readonly value: number;
  /** Saved by the action that led here. */
  readonly reward: number;
  readonly visits: Float64Array;
  readonly sums: Float64Array;
  readonly bests: Float64Array;
  readonly children: (SearchNode<T> | undefined)[];
}

export type Expand<T> = (node: SearchNode<T>, action: number) => SearchNode<T>;

export const newNode = <T>(
  at: T | undefined,
  legal: readonly number[],
  logits: ArrayLike<number>,
  value: number,
  reward: number,
): SearchNode<T> => ({
  at,
  legal,
  logits: Float64Array.from(logits),
  value,
  reward,
  visits: new Float64Array(ACTIONS),
  sums: new Float64Array(ACTIONS),
  bests: new Float64Array(ACTIONS).fill(-Infinity),
  children: Array.from({ length: ACTIONS }, () => undefined),
});

/** How much a difference of values weighs against one of logits; grows with visits, as in the paper. */
const VISIT_OFFSET = 50;
const VALUE_SCALE = 0.5;

/** What is known of an action that was tried: with one player, the best of it counts as much as the mean. */
const seenValue = <T>(node: SearchNode<T>, action: number): number =>
  0.5 * (node.bests[action]! + node.sums[action]! / node.visits[action]!);

/** Values of all legal actions, into `out`: of those that were not tried, the network's mixed with what was seen. */
function completeValues<T>(node: SearchNode<T>, out: Float64Array): void {
  const top = node.legal.reduce((most, a) => Math.max(most, node.logits[a]!), -Infinity);
  let visits = 0;
  let weight = 0;
  let sum = 0;
  for (const a of node.legal) {
    if (node.visits[a] === 0) continue;
    const p = Math.exp(node.logits[a]! - top);
    visits += node.visits[a]!;
    weight += p;
    sum += p * seenValue(node, a);
  }
  const mixed = weight > 0 ? (node.value + (visits * sum) / weight) / (1 + visits) : node.value;
  for (const a of node.legal) out[a] = node.visits[a]! > 0 ? seenValue(node, a) : mixed;
}

const weightOf = <T>(node: SearchNode<T>): number =>
  (VISIT_OFFSET + node.legal.reduce((most, a) => Math.max(most, node.visits[a]!), 0)) * VALUE_SCALE;

/** The policy that the search has found: logits and completed values together. */
export function improvedPolicy<T>(node: SearchNode<T>, out: Float64Array): void {
  out.fill(0);
  completeValues(node, out);
  const weight = weightOf(node);
  let top = -Infinity;
  for (const a of node.legal) top = Math.max(top, (out[a] = node.logits[a]! + weight * out[a]!));
  let sum = 0;
  for (const a of node.legal) sum += out[a] = Math.exp(out[a]! - top);
  for (const a of node.legal) out[a]! /= sum;
}

/** One simulation below `node` through `action`; what it saved in all. */
function simulateOnce<T>(node: SearchNode<T>, action: number, expand: Expand<T>, scratch: Float64Array): number {
  const child = node.children[action];
  let value: number;
  if (child === undefined) {
    const added = expand(node, action);
    node.children[action] = added;
    value = added.reward + added.value;
  } else if (child.at === undefined) value = child.reward;
  else {
    // Deterministic below the root: visits follow the improved policy.
    improvedPolicy(child, scratch);
    const total = child.legal.reduce((sum, a) => sum + child.visits[a]!, 0);
    let chosen = child.legal[0]!;
    let most = -Infinity;
    for (const a of child.legal) {
      const score = scratch[a]! - child.visits[a]! / (1 + total);
      if (score > most) {
        most = score;
        chosen = a;
      }
    }
    value = child.reward + simulateOnce(child, chosen, expand, scratch);
  }
  node.visits[action]!++;
  node.sums[action]! += value;
  node.bests[action] = Math.max(node.bests[action]!, value);
  return value;
}

/** Searches at `root` with so many simulations; the action to play. Gumbel noise only where `random` is given. */
export function searchAt<T>(
  root: SearchNode<T>,
  simulations: number,
  expand: Expand<T>,
  random: (() => number) | undefined,
): number {
  const scratch = new Float64Array(ACTIONS);
  const noise = new Float64Array(ACTIONS);
  if (random !== undefined) for (const a of root.legal) noise[a] = -Math.log(-Math.log(random() + 1e-12) + 1e-12);
  let candidates = [...root.legal].sort((a, b) => root.logits[b]! + noise[b]! - (root.logits[a]! + noise[a]!) || a - b);
  const values = new Float64Array(ACTIONS);
  const score = (a: number): number => root.logits[a]! + noise[a]! + weightOf(root) * values[a]!;
  const rounds = Math.max(1, Math.ceil(Math.log2(candidates.length)));
  let used = 0;
  for (let round = 0; round < rounds && candidates.length > 1; round++) {
    const each = Math.max(1, Math.floor(simulations / rounds / candidates.length));
    for (let k = 0; k < each; k++) {
      for (const a of candidates) {
        if (used >= simulations) break;
        simulateOnce(root, a, expand, scratch);
        used++;
      }
    }
    completeValues(root, values);
    candidates.sort((a, b) => score(b) - score(a) || a - b);
    candidates = candidates.slice(0, Math.max(1, candidates.length >> 1));
  }
  while (used < simulations) {
    simulateOnce(root, candidates[0]!, expand, scratch);
    used++;
  }
  return candidates[0]!;
}
