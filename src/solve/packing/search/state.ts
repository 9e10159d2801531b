/**
 * State of the exact search: per section the floor (lowest address still free), the ceiling, and what is
 * not placed yet; per buffer the least offset that it can still have. Every change goes on a trail, so
 * that a step back costs what the step forward did.
 */
import type { Boxes } from "../boxes.ts";
import { seededRandom } from "../../random.ts";

/** Above every address. */
export const SKY = 1e18;

export interface SearchState {
  readonly boxes: Boxes;
  readonly count: number;
  readonly sections: number;
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly size: Float64Array;
  /**
   * Buffers of section s: members[memberStart[s]] to members[memberStart[s + 1] - 1]; those not placed come first,
   * alive[s] of them (a sparse set, Briggs and Torczon 1993: what was taken out last comes back by counting).
   */
  readonly memberStart: Int32Array;
  readonly members: Int32Array;
  /** Where buffer b lies among the members of section s: place[b's pairStart + s]. */
  readonly pairStart: Int32Array;
  readonly place: Int32Array;
  /** Buffers by the section that they start in: starters[starterStart[s]] to starters[starterStart[s + 1] - 1]. */
  readonly starterStart: Int32Array;
  readonly starters: Int32Array;
  /** Result of `listNear`. */
  readonly near: Int32Array;
  /** Buffers with the same number are interchangeable. */
  readonly kind: Int32Array;
  /** Whether alignments, pins or the topmost buffers' sizes ask for more than the sections tell. */
  readonly strict: boolean;
  readonly alignment: Float64Array;
  /** Highest offset within the capacity; the pin of a pinned buffer (-1 where that is too high). */
  readonly limit: Float64Array;
  /** Units that the rounded sizes of a section's topmost buffer may stick out. */
  readonly pad: Float64Array;

  readonly floor: Float64Array;
  readonly ceiling: Float64Array;
  /** Units and number of buffers not placed yet. */
  readonly total: Float64Array;
  readonly alive: Int32Array;
  /** A buffer, not placed, whose least offset is the section's floor. */
  readonly watch: Int32Array;
  /** Buffers, not placed, alive both in section s - 1 and s. */
  readonly crossing: Int32Array;
  /** -1 where not placed. */
  readonly offset: Float64Array;
  readonly least: Float64Array;

  /** What `chooseSection` found of a section, until something there changes. */
  readonly stale: Uint8Array;
  readonly choices: Int32Array;
  readonly lowest: Int32Array;
  readonly second: Float64Array;

  /**
   * Sections of buffers whose least offset changed lie in [changedFrom, changedTo): those where the sum of `changes` so far
   * is above 0. Empty outside of propagation.
   */
  readonly changes: Int32Array;
  changedFrom: number;
  changedTo: number;
  /** Result of a sweep: pairs of sections. */
  readonly runs: Int32Array;

  /** Trails: (section, floor, watch), (buffer, least), buffer or ~buffer where it went to the ceiling. */
  floorTrail: Float64Array;
  floorTop: number;
  leastTrail: Float64Array;
  leastTop: number;
  readonly placed: Int32Array;
  placedTop: number;

  /** Zobrist keys of buffers, and of the set not placed by first section. */
  readonly keyA: Int32Array;
  readonly keyB: Int32Array;
  readonly hashA: Int32Array;
  readonly hashB: Int32Array;

  /** Failures of each section, and the one that failed last. */
  readonly weight: Float64Array;
  conflict: number;
  placements: number;
}

export function searchState(boxes: Boxes): SearchState {
  const { count: n, size, rules } = boxes;
  const { count: sections, from, to } = boxes.sections;
  const memberStart = new Int32Array(sections + 1);
  const total = new Float64Array(sections);
  const crossing = new Int32Array(sections + 1);
  for (let i = 0; i < n; i++)
    for (let s = from[i]!; s < to[i]!; s++) {
      memberStart[s + 1]!++;
      total[s]! += size[i]!;
      if (s > from[i]!) crossing[s]!++;
    }
  for (let s = 0; s < sections; s++) memberStart[s + 1]! += memberStart[s]!;
  const members = new Int32Array(memberStart[sections]!);
  const next = memberStart.slice();
  const pairStart = new Int32Array(n);
  const place = new Int32Array(members.length);
  for (let i = 0, pairs = 0; i < n; i++) {
    pairStart[i] = pairs - from[i]!;
    pairs += to[i]! - from[i]!;
    for (let s = from[i]!; s < to[i]!; s++) {
      place[pairStart[i]! + s] = next[s]!;
      members[next[s]!++] = i;
    }
  }
  const starterStart = new Int32Array(sections + 1);
  for (let i = 0; i < n; i++) starterStart[from[i]! + 1]!++;
  for (let s = 0; s < sections; s++) starterStart[s + 1]! += starterStart[s]!;
  const starters = new Int32Array(n);
  const nextStarter = starterStart.slice();
  for (let i = 0; i < n; i++) starters[nextStarter[from[i]!]!++] = i;
  const pad = new Float64Array(sections);
  if (rules !== undefined)
    for (let i = 0; i < n; i++) for (let s = from[i]!; s < to[i]!; s++) pad[s] = Math.max(pad[s]!, rules.pad[i]!);
  const random = seededRandom(0x5eed);
  const key = (): number => (random() * 4294967296) | 0;
  const keyA = Int32Array.from({ length: n }, key);
  const keyB = Int32Array.from({ length: n }, key);
  const hashA = new Int32Array(sections);
  const hashB = new Int32Array(sections);
  for (let i = 0; i < n; i++) {
    hashA[from[i]!]! ^= keyA[i]!;
    hashB[from[i]!]! ^= keyB[i]!;
  }
  return {
    boxes,
    count: n,
    sections,
    from,
    to,
    size,
    memberStart,
    members,
    pairStart,
    place,
    starterStart,
    starters,
    near: new Int32Array(n),
    kind: kindsOf(boxes),
    strict: rules !== undefined,
    alignment: rules?.alignment ?? new Float64Array(0),
    limit: new Float64Array(rules === undefined ? 0 : n),
    pad,
    floor: new Float64Array(sections),
    ceiling: new Float64Array(sections),
    total,
    alive: Int32Array.from({ length: sections }, (_, s) => memberStart[s + 1]! - memberStart[s]!),
    watch: Int32Array.from({ length: sections }, (_, s) => members[memberStart[s]!]!),
    crossing,
    offset: new Float64Array(n).fill(-1),
    least: new Float64Array(n),
    stale: new Uint8Array(sections).fill(1),
    choices: new Int32Array(sections),
    lowest: new Int32Array(sections),
    second: new Float64Array(sections),
    changes: new Int32Array(sections + 1),
    changedFrom: sections,
    changedTo: 0,
    runs: new Int32Array(2 * sections),
    floorTrail: new Float64Array(1 << 12),
    floorTop: 0,
    leastTrail: new Float64Array(1 << 12),
    leastTop: 0,
    placed: new Int32Array(n),
    placedTop: 0,
    keyA,
    keyB,
    hashA,
    hashB,
    weight: new Float64Array(sections).fill(1),
    conflict: -1,
    placements: 0,
  };
}

/** Numbers buffers so that interchangeable ones share a number. */
function kindsOf({ count, size, sections, rules }: Boxes): Int32Array {
  const kinds = new Int32Array(count);
  const seen = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const more =
      rules === undefined ? "" : ` ${rules.alignment[i]!} ${rules.pad[i]!}${rules.pin[i]! < 0 ? "" : ` @${i}`}`;
    const name = `${sections.from[i]!} ${sections.to[i]!} ${size[i]!}${more}`;
    const kind = seen.get(name);
    if (kind === undefined) seen.set(name, i);
    kinds[i] = kind ?? i;
  }
  return kinds;
}

/** Sets the capacity in bytes, with nothing placed. False where a pinned buffer is too high. */
export function setCapacity(state: SearchState, bytes: number): boolean {
  const { boxes, ceiling, pad, limit, least, count } = state;
  const { unit, size, rules } = boxes;
  for (let s = 0; s < ceiling.length; s++) ceiling[s] = Math.floor((bytes + pad[s]!) / unit);
  if (rules === undefined) return true;
  let within = true;
  for (let i = 0; i < count; i++) {
    limit[i] = Math.floor((bytes - (size[i]! * unit - rules.pad[i]!)) / unit);
    const pin = rules.pin[i]!;
    if (limit[i]! < Math.max(pin, 0)) within = false;
    if (pin >= 0) {
      limit[i] = pin;
      least[i] = pin;
    }
  }
  return within;
}

/** Leaves in `near` the buffers, not placed, that are alive in any of sections [from, to); returns their number. */
export function listNear(state: SearchState, from: number, to: number): number {
  const { memberStart, members, alive, starterStart, starters, offset, near } = state;
  let count = 0;
  for (let q = memberStart[from]!, end = q + alive[from]!; q < end; q++) near[count++] = members[q]!;
  for (let q = starterStart[from + 1]!, end = starterStart[to]!; q < end; q++) {
    const b = starters[q]!;
    if (offset[b]! < 0) near[count++] = b;
  }
  return count;
}

/** Notes that something about buffer b changed. */
export function noteChange(state: SearchState, b: number): void {
  const first = state.from[b]!;
  const last = state.to[b]!;
  state.changes[first]!++;
  state.changes[last]!--;
  if (first < state.changedFrom) state.changedFrom = first;
  if (last > state.changedTo) state.changedTo = last;
}

/** Forgets the changes; what was found of their sections no longer holds. */
export function dropChanges(state: SearchState): void {
  const { changes, stale, changedFrom, changedTo } = state;
  let touched = 0;
  for (let s = changedFrom; s < changedTo; s++) {
    touched += changes[s]!;
    changes[s] = 0;
    if (touched > 0) stale[s] = 1;
  }
  if (changedFrom < changedTo) changes[changedTo] = 0;
  state.changedFrom = state.sections;
  state.changedTo = 0;
}

/** Moves a buffer that is being placed behind those of the section that are not. */
export function takeOut(state: SearchState, b: number, s: number): void {
  const { members, pairStart, place, alive } = state;
  const last = state.memberStart[s]! + --alive[s]!;
  const at = place[pairStart[b]! + s]!;
  const other = members[last]!;
  members[at] = other;
  place[pairStart[other]! + s] = at;
  members[last] = b;
  place[pairStart[b]! + s] = last;
  if (s > state.from[b]!) state.crossing[s]!--;
  state.stale[s] = 1;
}

/** Takes back everything since the trails had these lengths. */
export function undo(state: SearchState, floorTop: number, leastTop: number, placedTop: number): void {
  const { from, to, size, floorTrail, leastTrail, placed, floor, watch, least, offset } = state;
  const { total, alive, crossing, hashA, hashB, keyA, keyB, ceiling, stale } = state;
  let top = state.floorTop;
  while (top > floorTop) {
    top -= 3;
    const s = floorTrail[top]!;
    stale[s] = 1;
    floor[s] = floorTrail[top + 1]!;
    watch[s] = floorTrail[top + 2]!;
  }
  state.floorTop = top;
  top = state.leastTop;
  while (top > leastTop) {
    top -= 2;
    const b = leastTrail[top]!;
    least[b] = leastTrail[top + 1]!;
    noteChange(state, b);
  }
  dropChanges(state);
  state.leastTop = top;
  top = state.placedTop;
  while (top > placedTop) {
    let b = placed[--top]!;
    const hung = b < 0;
    if (hung) b = ~b;
    offset[b] = -1;
    const z = size[b]!;
    const first = from[b]!;
    hashA[first]! ^= keyA[b]!;
    hashB[first]! ^= keyB[b]!;
    for (let s = first, end = to[b]!; s < end; s++) {
      total[s]! += z;
      alive[s]!++;
      stale[s] = 1;
      if (s > first) crossing[s]!++;
      if (hung) ceiling[s]! += z;
    }
  }
  state.placedTop = top;
}
