/**
 * Propagation to a fixed point: a section's floor is at least the lowest place that any of its buffers
 * can still take, and no buffer can lie below the highest floor over its lifetime. A section fails when
 * what is still to come does not fit between its floor and its ceiling.
 */
import { dropChanges, listNear, noteChange, SKY, takeOut, type SearchState } from "./state.ts";

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
function setFloor(state: SearchState, s: number, height: number): boolean {
  remember(state, s);
  state.floor[s] = height;
  state.stale[s] = 1;
  if (height + state.total[s]! <= state.ceiling[s]!) return true;
  state.weight[s]!++;
  state.conflict = s;
  return false;
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
  noteChange(state, b);
  return true;
}

/** No buffer of sections [from, to), which have this floor, lies lower. False where that can't be. */
function liftBuffers(state: SearchState, from: number, to: number, height: number): boolean {
  const { near, least } = state;
  for (let i = 0, count = listNear(state, from, to); i < count; i++) {
    const b = near[i]!;
    if (least[b]! < height && !setLeast(state, b, height)) return false;
  }
  return true;
}

/** Raises one section's floor and propagates. False where no packing can follow. */
export function raiseFloor(state: SearchState, s: number, height: number): boolean {
  if (setFloor(state, s, height) && liftBuffers(state, s, s + 1, height)) return propagate(state);
  dropChanges(state);
  return false;
}

/** False where no packing can follow. Either way, no changes are left to see to. */
export function propagate(state: SearchState): boolean {
  while (state.changedFrom < state.changedTo)
    if (!raiseFloors(state)) {
      dropChanges(state);
      return false;
    }
  return true;
}

/** One sweep over what changed: floors rise where their watch lost its support, then the buffers there. */
function raiseFloors(state: SearchState): boolean {
  const { floor, runs } = state;
  const count = sweep(state);
  for (let i = 0; i < count; i += 2) if (!liftBuffers(state, runs[i]!, runs[i + 1]!, floor[runs[i]!]!)) return false;
  return count >= 0;
}

/**
 * Gives sections whose watch lost its support another one, and a higher floor where need be. Leaves in `runs` first and last
 * of neighbours that rose to the same floor, and returns how many numbers there are; -1 where one overflows.
 */
function sweep(state: SearchState): number {
  const { changes, memberStart, members, floor, least, offset, watch, alive, crossing, stale, runs } = state;
  const { changedFrom, changedTo } = state;
  state.changedFrom = state.sections;
  state.changedTo = 0;
  let touched = 0;
  let top = 0;
  // The last section all of whose buffers were looked at, the least place there, and whose it is.
  let seen = -1;
  let lowest = SKY;
  let who = -1;
  for (let s = changedFrom; s < changedTo; s++) {
    touched += changes[s]!;
    changes[s] = 0;
    if (touched === 0) continue;
    stale[s] = 1;
    const count = alive[s]!;
    const f = floor[s]!;
    const w = watch[s]!;
    if (count === 0 || (least[w]! <= f && offset[w]! < 0)) continue;
    // The same buffers as in the section before need no second look.
    if (seen < 0 || seen !== s - 1 || crossing[s] !== count || alive[seen] !== count) {
      lowest = SKY;
      for (let q = memberStart[s]!, end = q + count; q < end; q++) {
        const b = members[q]!;
        const m = least[b]!;
        if (m < lowest) {
          lowest = m;
          who = b;
          if (m <= f) break;
        }
      }
      seen = lowest > f ? s : -1;
    } else seen = s;
    if (lowest > f) {
      if (!setFloor(state, s, lowest)) {
        changes.fill(0, s, changedTo + 1);
        return -1;
      }
      if (top > 0 && runs[top - 1] === s && floor[s - 1] === lowest) runs[top - 1] = s + 1;
      else {
        runs[top++] = s;
        runs[top++] = s + 1;
      }
    }
    watch[s] = who;
  }
  changes[changedTo] = 0;
  return top;
}

/** Propagates from scratch: with pins, floors are higher than 0 before anything is placed. */
export function propagateAll(state: SearchState): boolean {
  for (let s = 0; s < state.sections; s++) if (state.floor[s]! + state.total[s]! > state.ceiling[s]!) return false;
  if (state.strict) for (let b = 0; b < state.count; b++) noteChange(state, b);
  return propagate(state);
}

function emptied(state: SearchState, s: number): void {
  remember(state, s);
  state.floor[s] = SKY;
}

/** Places a buffer at its least offset. False where no packing can follow. */
export function place(state: SearchState, b: number): boolean {
  const { from, to, size, total, alive } = state;
  const h = state.least[b]!;
  const z = size[b]!;
  const above = h + z;
  const first = from[b]!;
  const last = to[b]!;
  settle(state, b, h);
  state.placed[state.placedTop++] = b;
  let fits = true;
  for (let s = first; s < last; s++) {
    total[s]! -= z;
    takeOut(state, b, s);
    if (alive[s] === 0) emptied(state, s);
    else if (fits && !setFloor(state, s, above)) fits = false;
  }
  if (fits && liftBuffers(state, first, last, above)) return propagate(state);
  dropChanges(state);
  return false;
}

/** Hangs a buffer that spans its component from the ceiling. */
export function hang(state: SearchState, b: number): boolean {
  const { from, to, size, total, alive, ceiling } = state;
  const z = size[b]!;
  const first = from[b]!;
  settle(state, b, ceiling[first]! - z);
  state.placed[state.placedTop++] = ~b;
  for (let s = first, end = to[b]!; s < end; s++) {
    total[s]! -= z;
    ceiling[s]! -= z;
    takeOut(state, b, s);
    if (alive[s] === 0) emptied(state, s);
  }
  return propagate(state);
}

function settle(state: SearchState, b: number, offset: number): void {
  const first = state.from[b]!;
  state.placements++;
  state.offset[b] = offset;
  state.hashA[first]! ^= state.keyA[b]!;
  state.hashB[first]! ^= state.keyB[b]!;
  noteChange(state, b);
}
