/**
 * Runs of the exact search with restarts: whether boxes fit below a capacity. Runs are cut short after a
 * number of nodes that follows Luby's sequence, and each redraws how it chooses; failures counted per
 * section and exhausted states carry over. A run that ends by itself is an answer, also when it is no.
 */
import { seededRandom } from "../../random.ts";
import type { Boxes } from "../boxes.ts";
import { FAILED, LIMIT, SOLVED, STOPPED, solveRange, type Outcome } from "./branch.ts";
import { keepChoices, nextChoices, type Choices } from "./choices.ts";
import { forget, noGoodTable, type NoGoods } from "./no-goods.ts";
import { propagateAll } from "./propagate.ts";
import { searchState, setCapacity, undo, type SearchState } from "./state.ts";

/** See `PackingParams`. */
export interface SearchTricks {
  readonly lubyRestarts: boolean;
  readonly forced: boolean;
  readonly spans: boolean;
  readonly ceilings: boolean;
  readonly waste: boolean;
  readonly twins: boolean;
  readonly noGoods: boolean;
  readonly weights: boolean;
  readonly locality: boolean;
  readonly adapt: boolean;
}

export interface Search {
  readonly state: SearchState;
  readonly random: () => number;
  readonly all: SearchTricks;
  /** Those of the current run. */
  tricks: SearchTricks;
  readonly noGoods: NoGoods;
  mustStop: () => boolean;
  /** Units. */
  capacity: number;
  /** Runs so far at each capacity: Luby's sequence goes on where the last call left it. */
  readonly runs: Map<number, number>;

  nodes: number;
  nodesLeft: number;
  depth: number;
  readonly maxDepth: number;
  candidates: Int32Array;
  candidateTop: number;
  readonly components: Int32Array;
  componentTop: number;

  /** How this run chooses; how runs chose that packed everything, at any capacity. */
  choices: Choices;
  readonly solved: Choices[];
  readonly priority: Float64Array;
  readonly value: Float64Array;

  /** Results of `chooseSection` and `hashOf`: fields, so that nothing is allocated for a node. */
  section: number;
  valleyFrom: number;
  valleyTo: number;
  rangeFrom: number;
  rangeTo: number;
  second: number;
  hashA: number;
  hashB: number;
}

/** Levels of the recursion that a default stack surely holds, also before the code is optimised (it overflows at 850). */
const MAX_DEPTH = 600;

export function newSearch(boxes: Boxes, tricks: SearchTricks, seed: number): Search {
  const n = boxes.count;
  // Exchange arguments that move what lies above by a buffer's size need every offset to be as good as another.
  const all = boxes.rules === undefined ? tricks : { ...tricks, spans: false, ceilings: false };
  return {
    state: searchState(boxes),
    random: seededRandom(seed),
    all,
    tricks: all,
    noGoods: noGoodTable(tricks.noGoods ? 17 : 0),
    mustStop: () => false,
    capacity: 0,
    runs: new Map(),
    nodes: 0,
    nodesLeft: 0,
    depth: 0,
    maxDepth: MAX_DEPTH,
    candidates: new Int32Array(1 << 12),
    candidateTop: 0,
    // Components of one level of recursion are disjoint, and a level has at least one buffer placed.
    components: new Int32Array(4 * (boxes.sections.count + n) + 16),
    componentTop: 0,
    choices: nextChoices([], all, () => 0),
    solved: [],
    priority: new Float64Array(n),
    value: new Float64Array(n),
    section: 0,
    valleyFrom: 0,
    valleyTo: 0,
    rangeFrom: 0,
    rangeTo: 0,
    second: 0,
    hashA: 0,
    hashB: 0,
  };
}

/** Luby, Sinclair and Zuckerman 1993: 1 1 2 1 1 2 4 ... */
function luby(i: number): number {
  let k = 1;
  while ((1 << k) - 1 < i) k++;
  return (1 << k) - 1 === i ? 1 << (k - 1) : luby(i - (1 << (k - 1)) + 1);
}

/** Length of a run: most packings are found in short ones, proofs and the hardest packings take long ones. */
const lengthOf = (run: number): number => (run % 2 === 1 ? 1 : luby(Math.floor(run / 8) + 1));

/**
 * Whether the boxes fit in `capacity` bytes: SOLVED leaves their offsets, in units, in `offsets`; FAILED is a
 * proof that they don't. STOPPED after `budget` placements, or when the caller says so.
 */
export function decide(
  search: Search,
  capacity: number,
  budget: number,
  shouldStop: () => boolean,
  offsets: Float64Array,
): Outcome {
  const { state, random, all, priority } = search;
  const { width, size } = state.boxes;
  const units = Math.floor(capacity / state.boxes.unit);
  if (units > search.capacity) forget(search.noGoods);
  search.capacity = units;
  if (!setCapacity(state, capacity)) return FAILED;
  const last = state.placements + budget;
  search.mustStop = () => state.placements >= last || shouldStop();
  let outcome: Outcome = propagateAll(state) ? LIMIT : FAILED;
  const { floorTop, leastTop, placedTop } = state;
  let run = search.runs.get(units) ?? 0;
  for (; outcome === LIMIT && !search.mustStop(); run++) {
    const choices = nextChoices(search.solved, all, random);
    search.choices = choices;
    for (let i = 0; i < state.count; i++)
      priority[i] = width[i]! ** choices.byWidth * size[i]! ** choices.bySize * (1 + choices.noise * (random() - 0.5));
    state.conflict = -1;
    search.candidateTop = 0;
    search.componentTop = 0;
    search.depth = 0;
    search.nodesLeft = all.lubyRestarts ? (1.2 * state.count + 20) * lengthOf(run) : Infinity;
    outcome = solveRange(search, 0, state.sections);
    if (outcome === SOLVED) keepChoices(search.solved, choices);
    else undo(state, floorTop, leastTop, placedTop);
    if (!all.lubyRestarts && outcome === LIMIT) break;
  }
  search.runs.set(units, run);
  if (outcome === SOLVED) offsets.set(state.offset);
  undo(state, 0, 0, 0);
  return outcome === LIMIT ? STOPPED : outcome;
}
