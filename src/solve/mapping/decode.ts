/** Playing a game by prices: at each access the move of least cost now and to come. */
import { invariant } from "../../errors.ts";
import { extendedMoves, playExtended } from "./extended.ts";
import { faithfulMoves, playFaithful } from "./faithful.ts";
import { WRITE } from "./instance.ts";
import { changes, type Move } from "./moves.ts";
import { holdCost, type PriceTables, stagingCost } from "./prices.ts";
import { DROPPED, isDone, type PlayState, resetState, TO_DROP } from "./state.ts";

export type GameName = "three-action" | "extended";

/** Costs added to decisions, by access: to leaving fast memory (D, R), then to copying (C, X, E). */
export type Bias = Float64Array;

/** Cost of `move` for the next access under the prices, seconds. */
export function moveCost(state: PlayState, move: Move, tables: PriceTables, game: GameName): number {
  const { instance } = state;
  const access = state.position;
  const version = instance.versionOf[access]!;
  const kind = instance.kind[access]!;
  const t = instance.stepOf[access]!;
  const { mu, beta } = tables.prices;
  const { absent, keepClean, keepDirty, store } = tables;
  const size = instance.bytes[version]!;
  const { bandwidth } = instance;
  let flows = 0;
  for (let k = 0; k < move.inSteps.length; k++) flows += move.inBytes[k]! * beta[move.inSteps[k]!]!;
  const fast = instance.fastSeconds[access]! * mu[t]!;
  if (move.action === "D") {
    let cost = (instance.slowBytes[access]! / bandwidth) * (mu[t]! + beta[t]!) + absent[access]!;
    cost += stagingCost(instance, tables, version, t);
    if (move.storeEnd >= 0) {
      for (let k = 0; k < move.storeSteps.length; k++) flows += move.storeBytes[k]! * beta[move.storeSteps[k]!]!;
      const since = instance.stepOf[instance.previous[access]!]! + 1;
      cost += flows / bandwidth + holdCost(tables, size, version, since, move.storeEnd - 1);
    }
    return cost;
  }
  const dirty = changes(kind) || state.dirty[version] === 1;
  const gone = (dirty ? store[access]! : 0) + absent[access]!;
  const kept = dirty ? keepDirty[access]! : keepClean[access]!;
  const arrival = flows / bandwidth + move.stall;
  switch (move.action) {
    case "K":
      return fast + (kind === WRITE ? holdCost(tables, size, version, t, t) : 0) + kept;
    case "R":
      return fast + gone + move.storeStall;
    case "E":
      return fast + holdCost(tables, size, version, t, t) + gone;
    case "X":
      return fast + arrival + holdCost(tables, size, version, move.from, t) + kept;
    case "N": {
      const since = kind === WRITE ? t : instance.stepOf[instance.previous[access]!]! + 1;
      return fast + holdCost(tables, size, version, since, t) + Math.min(gone, kept);
    }
    case "C": {
      const after = game === "extended" ? gone + move.storeStall : Math.min(gone, kept);
      return fast + arrival + holdCost(tables, size, version, move.from, t) + after;
    }
    default:
      return move.action satisfies never;
  }
}

/** Legal moves of the next access in either game. */
export const movesOf = (state: PlayState, moves: Move[], game: GameName): number =>
  game === "extended" ? extendedMoves(state, moves) : faithfulMoves(state, moves, true);

export const playMove = (state: PlayState, move: Move, game: GameName): void =>
  game === "extended" ? playExtended(state, move) : playFaithful(state, move);

/** Plays a game to its end by prices and biases. */
export function decode(
  state: PlayState,
  moves: Move[],
  tables: PriceTables,
  game: GameName,
  bias: Bias | undefined,
): void {
  do resetState(state);
  while (!decodeOn(state, moves, tables, game, bias));
}

/**
 * Drop-backup: a value at which play is stuck is dropped from its first access on, and the game begins again. The
 * game that is stuck is played on before, the access left as it is, so that other dead ends show at once.
 */
function markStuck(state: PlayState): void {
  const version = state.instance.versionOf[state.position++]!;
  invariant(state.banned[version] !== DROPPED, "a dropped value has no legal move");
  state.banned[version] = TO_DROP;
}

/** Plays on from where `state` is. False where the three-action game ran into dead ends: then it is no plan. */
export function decodeOn(
  state: PlayState,
  moves: Move[],
  tables: PriceTables,
  game: GameName,
  bias: Bias | undefined,
): boolean {
  const { accesses } = state.instance;
  let stuck = false;
  while (!isDone(state)) {
    const count = movesOf(state, moves, game);
    if (count === 0) {
      markStuck(state);
      stuck = true;
      continue;
    }
    let best = moves[0]!;
    if (count > 1) {
      let least = Infinity;
      for (let k = 0; k < count; k++) {
        const move = moves[k]!;
        let cost = moveCost(state, move, tables, game);
        if (bias !== undefined) {
          if (move.action === "D" || move.action === "R") cost += bias[state.position]!;
          else if (move.action !== "K" && move.action !== "N") cost += bias[accesses + state.position]!;
        }
        if (cost < least) {
          least = cost;
          best = move;
        }
      }
    }
    playMove(state, best, game);
  }
  return !stuck;
}

/** Latency that the move adds at once, seconds. */
export function immediateCost(state: PlayState, move: Move): number {
  if (move.action === "D") return 0;
  const { instance, position } = state;
  const t = instance.stepOf[position]!;
  const slow = state.slow[t]! - instance.slowBytes[position]!;
  const fast = state.fastTime[t]! + instance.fastSeconds[position]!;
  const time = Math.max(instance.compute[t]!, instance.base[t]! + slow / instance.bandwidth + fast);
  return time - state.time[t]! + move.stall + move.storeStall;
}

/** Greedy play of the three-action game: NoCopy before Copy before Drop, or by what each saves at once. */
export function playGreedy(state: PlayState, moves: Move[], rule: "order" | "myopic"): void {
  do resetState(state);
  while (!greedyOn(state, moves, rule));
}

function greedyOn(state: PlayState, moves: Move[], rule: "order" | "myopic"): boolean {
  let stuck = false;
  while (!isDone(state)) {
    const count = faithfulMoves(state, moves, true);
    if (count === 0) {
      markStuck(state);
      stuck = true;
      continue;
    }
    let best = moves[0]!;
    if (rule === "myopic") {
      let least = Infinity;
      for (let k = 0; k < count; k++) {
        const cost = immediateCost(state, moves[k]!);
        if (cost < least) {
          least = cost;
          best = moves[k]!;
        }
      }
    }
    playFaithful(state, best);
  }
  return !stuck;
}
