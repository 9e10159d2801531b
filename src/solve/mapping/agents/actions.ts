/** The extended game's actions as indices of the network's policy. */
import type { Action, Move } from "../moves.ts";

export const ACTIONS = 6;

/** Index of an action of the extended game. */
export const actionIndex = (action: Action): number => {
  switch (action) {
    case "K":
    case "N":
      return 0;
    case "R":
      return 1;
    case "D":
      return 2;
    case "C":
      return 3;
    case "X":
      return 4;
    case "E":
      return 5;
    default:
      return action satisfies never;
  }
};

/** Which of the first `count` moves has the action with this index, or -1. */
export function moveOf(moves: readonly Move[], count: number, action: number): number {
  for (let k = 0; k < count; k++) if (actionIndex(moves[k]!.action) === action) return k;
  return -1;
}
