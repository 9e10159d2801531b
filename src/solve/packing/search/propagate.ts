/**
 * Propagation to a fixed point: a section's floor is at least the lowest place that any of its buffers
 * can still take, and no buffer can lie below the highest floor over its lifetime. A section fails when
 * what is still to come does not fit between its floor and its ceiling.
 */
import { SKY, takeOut, type SearchState } from "./state.ts";

const doubled = (old: Float64Array): Float64Array => {
  const grown = new Float64Array(old.length * 2);
  grown.set(old);
  return grown;
};

function remember(state: SearchState, s: number): void {
  const top = state.floorTop;
  if (top + 3 > state.floorTrail.length) state.floorTrail = doubled(state.floorTrail);
  const trail = state.floorTrail;
  trail[top] = s;
  trail[top + 1] = state.floor[s]!;
  trail[top + 2] = state.watch[s]!;
  state.floorTop = top + 3;
}

/** False where the section then overflows. */
export function setFloor(state: SearchState, s: number, height: number): boolean {
  remember(state, s);
  state.floor[s] = height;
  state.stale[s] = 1;
  if (height + state.total[s]! > state.ceiling[s]!) {
    state.weight[s]!++;
    state.conflict = s;
    return false;
  }
  if (state.isRaised[s] === 0) {
    state.isRaised[s] = 1;
    state.raised[state.raisedCount++] = s;
  }
  return true;
}

export function clearQueues(state: SearchState): void {
  const { raised, isRaised, orphaned, isOrphaned } = state;
  for (let i = 0; i < state.raisedCount; i++) isRaised[raised[i]!] = 0;
  state.raisedCount = 0;
  for (let i = 0; i < state.orphanedCount; i++) isOrphaned[orphaned[i]!] = 0;
  state.orphanedCount = 0;
}

/** False where alignment or a pin then stand in the way. */
export function setLeast(state: SearchState, b: number, height: number): boolean {
  if (state.strict) {
    const alignment = state.alignment[b]!;
    if (alignment !== 1) height = Math.ceil(height / alignment) * alignment;
    if (height > state.limit[b]!) {
      const s = state.from[b]!;
      state.weight[s]!++;
      state.conflict = s;
      return false;
    }
  }
  const top = state.leastTop;
  if (top + 2 > state.leastTrail.length) state.leastTrail = doubled(state.leastTrail);
  state.leastTrail[top] = b;
  state.leastTrail[top + 1] = state.least[b]!;
  state.leastTop = top + 2;
  state.least[b] = height;
  const { watch, isOrphaned, orphaned, stale } = state;
  for (let s = state.from[b]!, end = state.to[b]!; s < end; s++) {
    stale[s] = 1;
    if (watch[s] === b && isOrphaned[s] === 0) {
      isOrphaned[s] = 1;
      orphaned[state.orphanedCount++] = s;
    }
  }
  return true;
}

/** False where no packing can follow; the queues are then empty again. */
export function propagate(state: SearchState): boolean {
  const { memberStart, members, floor, least, watch, alive, isRaised, isOrphaned, raised, orphaned } = state;
  for (;;) {
    if (state.raisedCount > 0) {
      const s = raised[--state.raisedCount]!;
      isRaised[s] = 0;
      const f = floor[s]!;
      for (let q = memberStart[s]!, end = q + alive[s]!; q < end; q++) {
        const b = members[q]!;
        if (least[b]! < f && !setLeast(state, b, f)) {
          clearQueues(state);
          return false;
        }
      }
    } else if (state.orphanedCount > 0) {
      const s = orphaned[--state.orphanedCount]!;
      isOrphaned[s] = 0;
      if (alive[s] === 0) continue;
      const f = floor[s]!;
      let lowest = SKY;
      let who = -1;
      for (let q = memberStart[s]!, end = q + alive[s]!; q < end; q++) {
        const b = members[q]!;
        const m = least[b]!;
        if (m < lowest) {
          lowest = m;
          who = b;
          if (m <= f) break;
        }
      }
      if (lowest > f && !setFloor(state, s, lowest)) {
        clearQueues(state);
        return false;
      }
      watch[s] = who;
    } else return true;
  }
}

/** Propagates from scratch: with pins, floors are higher than 0 before anything is placed. */
export function propagateAll(state: SearchState): boolean {
  for (let s = 0; s < state.sections; s++) {
    if (state.floor[s]! + state.total[s]! > state.ceiling[s]!) return false;
    if (!state.strict) continue;
    state.isOrphaned[s] = 1;
    state.orphaned[state.orphanedCount++] = s;
  }
  return propagate(state);
}

function emptied(state: SearchState, s: number): void {
  remember(state, s);
  state.floor[s] = SKY;
}

/** Places a buffer at its least offset. False where no packing can follow. */
export function place(state: SearchState, b: number): boolean {
  const { from, to, size, total, alive, crossing, watch, isOrphaned, orphaned } = state;
  state.placements++;
  const h = state.least[b]!;
  const z = size[b]!;
  const above = h + z;
  const first = from[b]!;
  state.offset[b] = h;
  state.placed[state.placedTop++] = b;
  state.hashA[first]! ^= state.keyA[b]!;
  state.hashB[first]! ^= state.keyB[b]!;
  let fits = true;
  for (let s = first, end = to[b]!; s < end; s++) {
    total[s]! -= z;
    if (s > first) crossing[s]!--;
    takeOut(state, b, s);
    if (alive[s] === 0) emptied(state, s);
    else if (fits) {
      if (!setFloor(state, s, above)) fits = false;
      else if (watch[s] === b && isOrphaned[s] === 0) {
        isOrphaned[s] = 1;
        orphaned[state.orphanedCount++] = s;
      }
    }
  }
  if (!fits) {
    clearQueues(state);
    return false;
  }
  return propagate(state);
}

/** Hangs a buffer that spans its component from the ceiling. */
export function hang(state: SearchState, b: number): boolean {
  const { from, to, size, total, alive, crossing, watch, isOrphaned, orphaned, ceiling } = state;
  state.placements++;
  const z = size[b]!;
  const first = from[b]!;
  state.offset[b] = ceiling[first]! - z;
  state.placed[state.placedTop++] = ~b;
  state.hashA[first]! ^= state.keyA[b]!;
  state.hashB[first]! ^= state.keyB[b]!;
  for (let s = first, end = to[b]!; s < end; s++) {
    total[s]! -= z;
    ceiling[s]! -= z;
    if (s > first) crossing[s]!--;
    takeOut(state, b, s);
    if (alive[s] === 0) emptied(state, s);
    else if (watch[s] === b && isOrphaned[s] === 0) {
      isOrphaned[s] = 1;
      orphaned[state.orphanedCount++] = s;
    }
  }
  return propagate(state);
}
