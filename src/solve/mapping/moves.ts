/** What both games are made of: planning a copy, a store and a range, and carrying out what was planned. */
import { bestFit, cutShort, isFree, take } from "./addresses.ts";
import { stepTime, UPDATE, WRITE } from "./instance.ts";
import type { PlayState } from "./state.ts";

/**
 * D drop: served by slow memory. N: in fast memory, held (three-action game). C: by a copy. Of the extended game:
 * K keep to the next access, R release after this one, X copy and keep, E produce in fast memory and store.
 */
export type Action = "D" | "N" | "C" | "K" | "R" | "X" | "E";

/** One legal action with all that it entails. Reused: valid until the next call that fills it. */
export interface Move {
  action: Action;
  /** Offset of a new range, or -1 where none begins. */
  offset: number;
  /** First and last step (inclusive) of what is taken now. */
  from: number;
  last: number;
  /** Stall of a late copy in, charged to the step before the access, and of a late store. */
  stall: number;
  storeStall: number;
  /** Bytes booked in the idle bandwidth of steps, for the copy in and for the store. */
  readonly inSteps: number[];
  readonly inBytes: number[];
  readonly storeSteps: number[];
  readonly storeBytes: number[];
  /** Deadline of the store, or -1 where there is none. */
  storeEnd: number;
}

export const newMove = (): Move => ({
  action: "D",
  offset: -1,
  from: 0,
  last: -1,
  stall: 0,
  storeStall: 0,
  inSteps: [],
  inBytes: [],
  storeSteps: [],
  storeBytes: [],
  storeEnd: -1,
});

export function clearMove(move: Move, action: Action): Move {
  move.action = action;
  move.offset = -1;
  move.from = 0;
  move.last = -1;
  move.stall = 0;
  move.storeStall = 0;
  move.storeEnd = -1;
  move.inSteps.length = 0;
  move.inBytes.length = 0;
  move.storeSteps.length = 0;
  move.storeBytes.length = 0;
  return move;
}

/** Bytes that count as nothing, relative to a copy's size: rounding. */
const DUST = 1e-9;

/** Step of the access after `access`, or the number of steps where it is the last one. */
export const nextStep = (state: PlayState, access: number): number => {
  const next = state.instance.next[access]!;
  return next < 0 ? state.instance.steps : state.instance.stepOf[next]!;
};

/** Room for `access`'s version at step t: what is staged for its own accesses there gives way. */
function roomAt(state: PlayState, version: number, t: number): number {
  const { instance, ceiling } = state;
  if (instance.staged[t] === 0) return ceiling[t]!;
  for (let a = instance.accessAt[t]!; a < instance.accessAt[t + 1]!; a++)
    if (instance.versionOf[a] === version && state.fast[a] === 0) return ceiling[t]! + instance.footprint[version]!;
  return ceiling[t]!;
}

/** Whether the bytes alone leave room at step t. */
export const hasRoom = (state: PlayState, version: number, t: number): boolean =>
  state.addresses.taken[t]! + state.instance.footprint[version]! <= roomAt(state, version, t);

/**
 * Last step that a range may have to reach if its content gets dirty: there must be room under the ceiling until
 * then, so that a value that can't be stored in time can always be kept.
 */
function horizon(state: PlayState, version: number, last: number): number {
  const { instance } = state;
  let dirty = instance.produced[version] === 1;
  const end = instance.first[version + 1]!;
  for (let k = instance.first[version]!; k < end && !dirty; k++) dirty = instance.kind[instance.list[k]!] === UPDATE;
  if (!dirty) return last;
  return instance.mustEndSlow[version] === 1 ? instance.steps - 1 : instance.stepOf[instance.list[end - 1]!]!;
}

/** Lowest ceiling over the steps, or -1 where the bytes alone don't fit. */
function clearance(state: PlayState, version: number, from: number, last: number): number {
  const { taken } = state.addresses;
  const size = state.instance.footprint[version]!;
  let lowest = Infinity;
  for (let t = from; t <= last; t++) {
    const room = roomAt(state, version, t);
    if (taken[t]! + size > room) return -1;
    if (room < lowest) lowest = room;
  }
  if (state.instance.flatRoom) return lowest;
  for (let t = horizon(state, version, last); t > last; t--) lowest = Math.min(lowest, roomAt(state, version, t));
  return lowest;
}

/** Plans a new range for steps from..last. */
export function planRange(state: PlayState, move: Move, version: number, from: number, last: number): boolean {
  const ceiling = clearance(state, version, from, last);
  if (ceiling < 0) return false;
  const offset = state.fluid ? 0 : bestFit(state.addresses, state.instance.footprint[version]!, from, last, ceiling);
  if (offset < 0) return false;
  move.offset = offset;
  move.from = from;
  move.last = last;
  return true;
}

/** Plans to let the resident range go on until step `last`. */
export function planExtension(state: PlayState, move: Move, version: number, last: number): boolean {
  const range = state.ranges[state.resident[version]!]!;
  const size = state.instance.footprint[version]!;
  for (let t = range.last + 1; t <= last; t++)
    if ((state.fluid ? state.addresses.taken[t]! : range.offset) + size > roomAt(state, version, t)) return false;
  if (!state.fluid && last > range.last && !isFree(state.addresses, range.offset, size, range.last + 1, last))
    return false;
  move.from = range.last + 1;
  move.last = last;
  return true;
}

/**
 * Plans the copy in for `access`: latest fit in the idle bandwidth after the previous access, as far back as
 * there is room. What does not fit is a stall before the access, where `late` allows it. Gives the first step
 * of the range, or -1.
 */
export function planCopyIn(state: PlayState, move: Move, access: number, late: boolean): number {
  const { instance, idle } = state;
  const version = instance.versionOf[access]!;
  const t = instance.stepOf[access]!;
  const before = instance.previous[access]!;
  const lowest = Math.max(before < 0 ? 0 : instance.stepOf[before]! + 1, state.ready[version]!);
  if (lowest >= t) return -1;
  const bytes = instance.bytes[version]!;
  let need = bytes;
  let from = t;
  for (let s = t - 1; s >= lowest && need > DUST * bytes; s--) {
    if (!hasRoom(state, version, s)) break;
    const free = idle[s]!;
    if (free <= DUST * bytes) continue;
    const moved = free < need ? free : need;
    move.inSteps.push(s);
    move.inBytes.push(moved);
    need -= moved;
    from = s;
  }
  if (need > DUST * bytes) {
    if (!late || !hasRoom(state, version, t - 1)) return -1;
    move.stall = need / instance.bandwidth;
  }
  return Math.min(from, t - 1);
}

/** Plans the store of `version` in the idle bandwidth of steps [from, limit); what is left stalls where `late`. */
export function planStore(
  state: PlayState,
  move: Move,
  version: number,
  from: number,
  limit: number,
  late: boolean,
): boolean {
  const { instance, idle } = state;
  const bytes = instance.bytes[version]!;
  let need = bytes;
  let s = from;
  for (; s < limit && need > DUST * bytes; s++) {
    const free = idle[s]!;
    if (free <= DUST * bytes) continue;
    const moved = free < need ? free : need;
    move.storeSteps.push(s);
    move.storeBytes.push(moved);
    need -= moved;
  }
  if (need > DUST * bytes) {
    if (!late || limit <= from) return false;
    move.storeStall = need / instance.bandwidth;
  }
  move.storeEnd = s;
  return s > from;
}

/** The access is served by fast memory. */
export function serveFast(state: PlayState, access: number): void {
  const { instance } = state;
  const t = instance.stepOf[access]!;
  const bytes = instance.slowBytes[access]!;
  state.slow[t]! -= bytes;
  // Sums of exact bytes stay exact; this keeps zero a zero where they were not.
  if (state.slow[t]! < 0) state.slow[t] = 0;
  state.fastTime[t]! += instance.fastSeconds[access]!;
  const time = stepTime(instance, t, state.slow[t]!, state.fastTime[t]!);
  if (!state.fixedSupply) state.idle[t]! += (time - state.time[t]!) * instance.bandwidth + bytes;
  state.latency += time - state.time[t]!;
  state.time[t] = time;
  state.fast[access] = 1;
  if (instance.staged[t]! > 0) state.ceiling[t]! += instance.footprint[instance.versionOf[access]!]!;
}

/** Begins the range of `move` for the version. */
export function beginRange(state: PlayState, move: Move, version: number): void {
  const size = state.instance.footprint[version]!;
  state.resident[version] = state.ranges.length;
  state.ranges.push({ value: version, offset: move.offset, from: move.from, last: move.last });
  state.piece[version] = take(state.addresses, move.offset, size, move.from, move.last);
}

/** Lets the resident range go on until `last`. */
export function extendRange(state: PlayState, version: number, last: number): void {
  const range = state.ranges[state.resident[version]!]!;
  if (last <= range.last) return;
  const size = state.instance.footprint[version]!;
  state.piece[version] = take(state.addresses, range.offset, size, range.last + 1, last);
  range.last = last;
}

/** Ends the resident range after `last`, which must lie in its last piece. */
export function shortenRange(state: PlayState, version: number, last: number): void {
  const range = state.ranges[state.resident[version]!]!;
  if (last >= range.last) return;
  cutShort(state.addresses, state.piece[version]!, last);
  range.last = last;
}

/** Books the copy in of `move`. */
export function bookCopyIn(state: PlayState, move: Move, access: number): void {
  const { instance } = state;
  for (let k = 0; k < move.inSteps.length; k++) state.idle[move.inSteps[k]!]! -= move.inBytes[k]!;
  state.latency += move.stall;
  state.copies.push({
    value: instance.versionOf[access]!,
    direction: "in",
    release: move.from,
    deadline: instance.stepOf[access]!,
  });
}

/** Books the store of `move`, released at step `from`. */
export function bookStore(state: PlayState, move: Move, version: number, from: number): void {
  for (let k = 0; k < move.storeSteps.length; k++) state.idle[move.storeSteps[k]!]! -= move.storeBytes[k]!;
  state.latency += move.storeStall;
  state.copies.push({ value: version, direction: "out", release: from, deadline: move.storeEnd });
  state.ready[version] = move.storeEnd;
  state.dirty[version] = 0;
}

/** Whether the access changes the content, so that a fast copy of it becomes the only one. */
export const changes = (kind: number): boolean => kind === WRITE || kind === UPDATE;
