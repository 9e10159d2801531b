/**
 * Depth-first search over skylines. A valley is a stretch of sections with one floor between higher
 * neighbours: whatever lies at its bottom lies inside it, and nothing can slip under. So in a section of
 * a valley either one of the buffers that can lie at the bottom does, or nothing does ("waste"): complete
 * without any order among buffers. Components that no buffer joins any more are solved one by one.
 */
import { hashOf, isKnown, remember } from "./no-goods.ts";
import { hang, place, propagate, raiseFloor, setLeast } from "./propagate.ts";
import type { Search } from "./run.ts";
import { chooseSection } from "./section.ts";
import { listNear, SKY, undo } from "./state.ts";

export const SOLVED = 0;
export const FAILED = 1;
/** The limit on nodes of this run is reached, or the recursion is too deep: no answer. */
export const LIMIT = 2;
/** The caller wants to stop. */
export const STOPPED = 3;
export type Outcome = typeof SOLVED | typeof FAILED | typeof LIMIT | typeof STOPPED;

/** Packs what is not placed in sections [from, to). What fails or is cut short is taken back. */
export function solveRange(search: Search, from: number, to: number): Outcome {
  const { alive, crossing, ceiling, floor, total } = search.state;
  const { components } = search;
  const base = search.componentTop;
  let top = base;
  for (let s = from; s < to;) {
    while (s < to && alive[s] === 0) s++;
    if (s >= to) break;
    let end = s + 1;
    while (end < to && crossing[end]! > 0) end++;
    components[top++] = s;
    components[top++] = end;
    s = end;
  }
  if (top === base) return SOLVED;
  if (top === base + 2) return solveComponent(search, components[base]!, components[base + 1]!);
  search.componentTop = top;
  // The one with the least slack first: it is the likeliest to fail.
  const order: { readonly slack: number; readonly at: number }[] = [];
  for (let at = base; at < top; at += 2) {
    let slack = SKY;
    for (let s = components[at]!, end = components[at + 1]!; s < end; s++) {
      const own = ceiling[s]! - floor[s]! - total[s]!;
      if (own < slack) slack = own;
    }
    order.push({ slack, at });
  }
  order.sort((a, b) => a.slack - b.slack || a.at - b.at);
  let outcome: Outcome = SOLVED;
  for (const { at } of order) {
    outcome = solveComponent(search, components[at]!, components[at + 1]!);
    if (outcome !== SOLVED) break;
  }
  search.componentTop = base;
  return outcome;
}

function solveComponent(search: Search, from: number, to: number): Outcome {
  if (!search.tricks.ceilings) return solveNode(search, from, to);
  const { state } = search;
  const { memberStart, members, alive } = state;
  const { floorTop, leastTop, placedTop } = state;
  let any = false;
  // From the last to the first: what is hung moves to the end.
  for (let start = memberStart[from]!, q = start + alive[from]! - 1; q >= start; q--) {
    const b = members[q]!;
    if (state.from[b] !== from || state.to[b] !== to) continue;
    any = true;
    if (!hang(state, b)) {
      undo(state, floorTop, leastTop, placedTop);
      return FAILED;
    }
  }
  if (!any) return solveNode(search, from, to);
  const outcome = solveRange(search, from, to);
  if (outcome !== SOLVED) undo(state, floorTop, leastTop, placedTop);
  return outcome;
}

function solveNode(search: Search, from: number, to: number): Outcome {
  const { state, tricks } = search;
  if (search.nodesLeft-- <= 0 || search.depth > search.maxDepth) return LIMIT;
  search.nodes++;
  if ((search.nodes & 255) === 0 && search.mustStop()) return STOPPED;
  const { floorTop, leastTop, placedTop } = state;
  const base = search.candidateTop;
  if (chooseSection(search, from, to)) {
    for (let i = base; i < search.candidateTop; i++)
      if (!place(state, search.candidates[i]!)) {
        search.candidateTop = base;
        undo(state, floorTop, leastTop, placedTop);
        return FAILED;
      }
    search.candidateTop = base;
    search.depth++;
    const outcome = solveRange(search, from, to);
    search.depth--;
    if (outcome !== SOLVED) undo(state, floorTop, leastTop, placedTop);
    return outcome;
  }
  let hashA = 0;
  let hashB = 0;
  if (tricks.noGoods) {
    hashOf(search, from, to);
    hashA = search.hashA;
    hashB = search.hashB;
    if (isKnown(search.noGoods, hashA, hashB)) return FAILED;
  }
  const { section, valleyFrom, valleyTo, second } = search;
  const span = listCandidates(search, section, valleyFrom, valleyTo);
  const end = search.candidateTop;
  search.depth++;
  const outcome =
    span >= 0
      ? branchOnSpan(search, from, to, span, section, valleyFrom, valleyTo, base, end)
      : branchOnSection(search, from, to, section, second, base, end);
  search.depth--;
  search.candidateTop = base;
  if (outcome === FAILED && tricks.noGoods) remember(search.noGoods, hashA, hashB);
  return outcome;
}

/** Pushes who can lie at the bottom of the section, the best first; returns the largest as wide as the valley, or -1. */
function listCandidates(search: Search, section: number, valleyFrom: number, valleyTo: number): number {
  const { state, tricks, priority, value } = search;
  const { exactWidth, levelTop } = search.choices;
  const { memberStart, members, alive, least, floor, ceiling, from, to, size } = state;
  const h = floor[section]!;
  const first = search.candidateTop;
  const room = first + alive[section]! + 1;
  if (room > search.candidates.length) {
    const grown = new Int32Array(room * 2);
    grown.set(search.candidates);
    search.candidates = grown;
  }
  const { candidates } = search;
  const rimLeft = valleyFrom > search.rangeFrom ? floor[valleyFrom - 1]! : ceiling[section]!;
  const rimRight = valleyTo < search.rangeTo ? floor[valleyTo]! : ceiling[section]!;
  let top = first;
  let span = -1;
  for (let q = memberStart[section]!, end = q + alive[section]!; q < end; q++) {
    const b = members[q]!;
    if (least[b] !== h) continue;
    const left = from[b] === valleyFrom;
    const right = to[b] === valleyTo;
    if (left && right && tricks.spans && (span < 0 || size[b]! > size[span]!)) span = b;
    let p = priority[b]!;
    if (left && right) p *= exactWidth;
    const above = h + size[b]!;
    if ((left && above === rimLeft) || (right && above === rimRight)) p *= levelTop;
    value[b] = p;
    let at = top++;
    while (at > first && value[candidates[at - 1]!]! < p) {
      candidates[at] = candidates[at - 1]!;
      at--;
    }
    candidates[at] = b;
  }
  search.candidateTop = top;
  return span;
}

/**
 * A buffer exactly as wide as the valley lies at the bottom, or above something that crosses the rim:
 * whatever is under it would otherwise lie inside the valley wholly, and could change places with it.
 */
function branchOnSpan(
  search: Search,
  from: number,
  to: number,
  span: number,
  section: number,
  valleyFrom: number,
  valleyTo: number,
  first: number,
  last: number,
): Outcome {
  const { state } = search;
  const { near, least, size, ceiling, kind } = state;
  const { floorTop, leastTop, placedTop } = state;
  if (place(state, span)) {
    const outcome = solveRange(search, from, to);
    if (outcome === SOLVED) return SOLVED;
    undo(state, floorTop, leastTop, placedTop);
    if (outcome !== FAILED) return outcome;
  } else undo(state, floorTop, leastTop, placedTop);
  let above = SKY;
  for (let i = 0, count = listNear(state, valleyFrom, valleyTo); i < count; i++) {
    const d = near[i]!;
    if (state.from[d]! >= valleyFrom && state.to[d]! <= valleyTo) continue;
    const top = least[d]! + size[d]!;
    if (top < above) above = top;
  }
  if (above + size[span]! > ceiling[section]!) return FAILED;
  // Its twins are no better off.
  for (let i = first; i < last; i++) {
    const a = search.candidates[i]!;
    if (kind[a] !== kind[span]) continue;
    markExcluded(search, a, above);
    setLeast(state, a, above);
  }
  const fits = propagate(state);
  const outcome = fits ? solveRange(search, from, to) : FAILED;
  for (let i = first; i < last; i++) {
    const a = search.candidates[i]!;
    if (kind[a] === kind[span]) markExcluded(search, a, above);
  }
  if (outcome !== SOLVED) undo(state, floorTop, leastTop, placedTop);
  return outcome;
}

/** The exclusion is part of the state that no-goods know; a second call takes it back. */
function markExcluded({ state }: Search, a: number, above: number): void {
  const s = state.from[a]!;
  state.hashA[s]! ^= Math.imul((above + 1) % 4294967296, 0x27d4eb2f) ^ state.keyB[a]!;
  state.hashB[s]! ^= Math.imul((above + 7) % 4294967296, 0x165667b1) ^ state.keyA[a]!;
}

function branchOnSection(
  search: Search,
  from: number,
  to: number,
  section: number,
  second: number,
  first: number,
  last: number,
): Outcome {
  const { state, tricks } = search;
  const { floorTop, leastTop, placedTop, kind } = state;
  for (let i = first; i < last; i++) {
    const b = search.candidates[i]!;
    let twin = false;
    if (tricks.twins) for (let j = first; j < i && !twin; j++) twin = kind[search.candidates[j]!] === kind[b];
    if (twin) continue;
    if (place(state, b)) {
      const outcome = solveRange(search, from, to);
      if (outcome === SOLVED) return SOLVED;
      undo(state, floorTop, leastTop, placedTop);
      if (outcome !== FAILED) return outcome;
    } else undo(state, floorTop, leastTop, placedTop);
  }
  const slack = state.ceiling[section]! - state.floor[section]! - state.total[section]!;
  if (slack <= 0) return FAILED;
  if (raiseBottom(search, section, second, first, last)) {
    const outcome = solveRange(search, from, to);
    if (outcome === SOLVED) return SOLVED;
    undo(state, floorTop, leastTop, placedTop);
    return outcome;
  }
  undo(state, floorTop, leastTop, placedTop);
  return FAILED;
}

/**
 * Nothing lies at the bottom of the section. Then each of those that could have lain there is held up by
 * something below it, so the floor rises to the lowest top of such a thing. False where that can't be.
 */
function raiseBottom(search: Search, section: number, second: number, first: number, last: number): boolean {
  const { state, tricks } = search;
  const { near, least, size, from, to } = state;
  const h = state.floor[section]!;
  let raised = second;
  for (let i = first; i < last; i++) {
    const b = search.candidates[i]!;
    for (let k = 0, count = listNear(state, from[b]!, to[b]!); k < count; k++) {
      const d = near[k]!;
      const top = least[d]! + size[d]!;
      if (top < raised && d !== b) raised = top;
    }
  }
  if (raised + state.total[section]! > state.ceiling[section]!) {
    state.weight[section]! += 0.1;
    return false;
  }
  if (!raiseFloor(state, section, raised)) return false;
  if (!tricks.waste) return true;
  for (let i = first; i < last; i++) {
    const b = search.candidates[i]!;
    const above = h + size[b]!;
    let blocked = false;
    for (let k = 0, count = listNear(state, from[b]!, to[b]!); k < count && !blocked; k++)
      blocked = near[k] !== b && least[near[k]!]! < above;
    if (!blocked) return false;
  }
  return true;
}
