/**
 * The three-action game of "Optimizing Memory Mapping Using Deep Reinforcement Learning" (Wang et al., 2023):
 * NoCopy, Copy or Drop for each access in program order. The copy interval is the latest that the idle bandwidth
 * covers, the offset a best fit; both are the environment's. A value whose only copy is in fast memory holds its
 * range until its next access; to drop it there, it is stored in the gap that ends.
 */
import { UPDATE, WRITE } from "./instance.ts";
import {
  beginRange,
  bookCopyIn,
  bookStore,
  changes,
  clearMove,
  extendRange,
  type Move,
  newMove,
  nextStep,
  planCopyIn,
  planExtension,
  planRange,
  planStore,
  serveFast,
  shortenRange,
} from "./moves.ts";
import { DROPPED, type PlayState } from "./state.ts";

/** Fills `moves` with the legal moves of the next access; how many. None is a dead end. `late` allows stalls. */
export function faithfulMoves(state: PlayState, moves: Move[], late: boolean): number {
  const { instance } = state;
  const access = state.position;
  const version = instance.versionOf[access]!;
  const kind = instance.kind[access]!;
  const t = instance.stepOf[access]!;
  const before = instance.previous[access]!;
  const last = instance.next[access]! < 0;
  const mustStore = instance.mustEndSlow[version] === 1;
  const dirty = state.dirty[version] === 1;
  const dirtyAfter = changes(kind) || dirty;
  // A dirty value that must end in slow memory can't be served fast by its last access: nothing stores it.
  const stranded = dirtyAfter && last && mustStore;
  const hold = dirtyAfter && !last ? nextStep(state, access) : t;
  let count = 0;
  const open = (action: Move["action"]): Move => clearMove((moves[count] ??= newMove()), action);
  if (!stranded && state.banned[version] !== DROPPED) {
    if (kind === WRITE) {
      if (planRange(state, open("N"), version, t, hold)) count++;
    } else if (state.resident[version]! >= 0 && planExtension(state, open("N"), version, hold)) count++;
    if (kind !== WRITE && !dirty) {
      const move = open("C");
      const from = planCopyIn(state, move, access, late);
      if (from >= 0 && planRange(state, move, version, from, hold)) count++;
    }
  }
  const drop = open("D");
  if (kind === WRITE || !dirty) count++;
  else if (instance.staged[t] === 0 && planStore(state, drop, version, instance.stepOf[before]! + 1, t, false)) count++;
  return count;
}

/** Carries out a move that {@link faithfulMoves} gave for the next access. */
export function playFaithful(state: PlayState, move: Move): void {
  const { instance } = state;
  const access = state.position++;
  const version = instance.versionOf[access]!;
  const kind = instance.kind[access]!;
  const t = instance.stepOf[access]!;
  if (move.action === "D") {
    if (kind !== WRITE && state.dirty[version] === 1) {
      shortenRange(state, version, move.storeEnd - 1);
      bookStore(state, move, version, instance.stepOf[instance.previous[access]!]! + 1);
    }
    state.resident[version] = -1;
    if (kind === WRITE || kind === UPDATE) state.ready[version] = t + 1;
    return;
  }
  serveFast(state, access);
  if (move.action === "C") {
    bookCopyIn(state, move, access);
    beginRange(state, move, version);
  } else if (kind === WRITE) beginRange(state, move, version);
  else extendRange(state, version, move.last);
  if (changes(kind)) state.dirty[version] = 1;
}
