/**
 * The extended game: what happens to a resident value is decided at the start of a gap. A produced value is
 * written slow (D), kept in fast memory (K), or stored from there beside later steps (E). A read of a resident
 * value keeps (K) or releases it (R; a dirty one is stored); a read of an absent one is slow (D), by a copy (C), or by a
 * copy that stays (X). A copy may be late: the program stalls for the rest. There are no dead ends: a dirty value
 * is made only where it can still be stored, and it can always be kept, because every range that reaches
 * past a step contains that step.
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
} from "./moves.ts";
import type { PlayState } from "./state.ts";

/** Fills `moves` with the legal moves of the next access; how many. */
export function extendedMoves(state: PlayState, moves: Move[]): number {
  const { instance } = state;
  const access = state.position;
  const version = instance.versionOf[access]!;
  const kind = instance.kind[access]!;
  const t = instance.stepOf[access]!;
  const after = nextStep(state, access);
  const last = instance.next[access]! < 0;
  const mustStore = instance.mustEndSlow[version] === 1;
  const dirtyAfter = changes(kind) || state.dirty[version] === 1;
  const forgotten = last && !mustStore;
  const next = instance.next[access]!;
  // What is or gets dirty by the next access must still be storable after it.
  const keepable = !last && ((!dirtyAfter && instance.kind[next] !== UPDATE) || instance.storable[next] === 1);
  let count = 0;
  const open = (action: Move["action"]): Move => clearMove((moves[count] ??= newMove()), action);
  if (state.resident[version]! >= 0 && kind !== WRITE) {
    if (keepable && planExtension(state, open("K"), version, after)) count++;
    const move = open("R");
    if (!dirtyAfter || forgotten) count++;
    else if (
      planStore(state, move, version, t + 1, after, true) &&
      planExtension(state, move, version, move.storeEnd - 1)
    )
      count++;
    return count;
  }
  if (kind === WRITE) {
    if (instance.storable[access] === 1) {
      if (keepable && planRange(state, open("K"), version, t, after)) count++;
      const move = open("E");
      if (forgotten) {
        if (planRange(state, move, version, t, t)) count++;
      } else if (
        planStore(state, move, version, t + 1, after, false) &&
        planRange(state, move, version, t, move.storeEnd - 1)
      )
        count++;
    }
  } else if (kind !== UPDATE || instance.storable[access] === 1) {
    let move = open("C");
    let from = planCopyIn(state, move, access, true);
    if (from >= 0) {
      if (!dirtyAfter || forgotten) {
        if (planRange(state, move, version, from, t)) count++;
      } else if (
        planStore(state, move, version, t + 1, after, true) &&
        planRange(state, move, version, from, move.storeEnd - 1)
      )
        count++;
      if (keepable) {
        move = open("X");
        from = planCopyIn(state, move, access, true);
        if (from >= 0 && planRange(state, move, version, from, after)) count++;
      }
    }
  }
  open("D");
  return count + 1;
}

/** Carries out a move that {@link extendedMoves} gave for the next access. */
export function playExtended(state: PlayState, move: Move): void {
  const { instance } = state;
  const access = state.position++;
  const version = instance.versionOf[access]!;
  const kind = instance.kind[access]!;
  const t = instance.stepOf[access]!;
  if (move.action === "D") {
    if (changes(kind)) state.ready[version] = t + 1;
    return;
  }
  serveFast(state, access);
  if (changes(kind)) state.dirty[version] = 1;
  switch (move.action) {
    case "K":
      if (kind === WRITE) beginRange(state, move, version);
      else extendRange(state, version, move.last);
      break;
    case "R":
      if (move.storeEnd >= 0) {
        extendRange(state, version, move.storeEnd - 1);
        bookStore(state, move, version, t + 1);
      }
      state.resident[version] = -1;
      break;
    case "E":
    case "C":
      if (move.action === "C") bookCopyIn(state, move, access);
      beginRange(state, move, version);
      if (move.storeEnd >= 0) bookStore(state, move, version, t + 1);
      state.resident[version] = -1;
      break;
    case "X":
      bookCopyIn(state, move, access);
      beginRange(state, move, version);
      break;
    default:
      break;
  }
}
