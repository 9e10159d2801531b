/**
 * Both games as an environment for agents of one's own:
 *
 *     const instance = prepare(problem);
 *     const episode = reset(instance, { game: "extended" });
 *     while (!isOver(episode)) {
 *       const actions = legalActions(episode); // never empty before the end
 *       const { reward } = step(episode, choose(actions)); // seconds saved
 *     }
 *     const plan = planOfEpisode(episode); // checkMapping and simulate take it
 *
 * An episode decides the accesses of the instance in program order; `episode.state.position` is the next one, and
 * the arrays of `instance` say what it is. Accesses that are not decided count as slow, so that there is a complete plan at
 * every moment, and rewards telescope: their sum is the latency of mapping nothing less that of the finished plan,
 * exactly. Everything is deterministic; `fork` copies an episode, to look ahead with the true game.
 *
 * Three-action game (Wang et al., 2023): N keeps in fast memory, C copies in, D drops. An episode that runs into a dead
 * end is backed up to the start of the offending alias group, which is then dropped as a whole; every
 * episode ends in a complete plan. Extended game: see extended.ts; it has no dead ends.
 */
import { broken } from "../../errors.ts";
import { extendedMoves, playExtended } from "./extended.ts";
import { faithfulMoves, playFaithful } from "./faithful.ts";
import type { Instance } from "./instance.ts";
import { type Action, type Move } from "./moves.ts";
import { simulate } from "./simulate.ts";
import { cloneState, isDone, newState, planOf, resetState, type PlayState } from "./state.ts";
import type { MappingPlan } from "./types.ts";

export interface GameRules {
  readonly game: "three-action" | "extended";
  /** Three-action game: a copy must be on time, as in the paper; false lets it stall. */
  readonly strict?: boolean;
  /**
   * Three-action game: a step can hide copies for as long as it takes with nothing mapped, as in the paper, and not
   * for what it really leaves idle. Stalls that this hides come with the last reward.
   */
  readonly staticSupply?: boolean;
  /**
   * Three-action game: values (of the problem) that must share one offset, or be dropped together. In-place
   * writes are merged into one value before and need no group.
   */
  readonly aliasGroups?: readonly (readonly number[])[];
}

/** An episode. Its fields change as it is played. */
export interface Episode {
  readonly instance: Instance;
  readonly rules: GameRules;
  readonly state: PlayState;
  readonly moves: Move[];
  legal: number;
  /** Latency that the rewards so far account for. */
  settled: number;
  readonly actions: Action[];
  /** Group of each version, or -1; -1 offset: undecided, -2: dropped. */
  readonly groupOf: Int32Array;
  readonly groupOffset: Float64Array;
  readonly forced: Uint8Array;
  /** Backups done. */
  backups: number;
}

const UNDECIDED = -1;
const DROPPED = -2;

/** A fresh episode; the extended game where no rules are given. Cost: linear in steps and accesses. */
export function reset(instance: Instance, rules: GameRules = { game: "extended" }): Episode {
  const groups = rules.aliasGroups ?? [];
  const groupOf = new Int32Array(instance.versions).fill(-1);
  groups.forEach((values, g) => {
    for (let v = 0; v < instance.versions; v++) if (values.includes(instance.valueOf[v]!)) groupOf[v] = g;
  });
  // A version that runs into a dead end without a group is a group of its own.
  let count = groups.length;
  for (let v = 0; v < instance.versions; v++) if (groupOf[v]! < 0) groupOf[v] = count++;
  const state = newState(instance);
  if (rules.staticSupply === true && rules.game === "three-action") {
    state.fixedSupply = true;
    resetState(state);
  }
  const episode: Episode = {
    instance,
    rules,
    state,
    moves: [],
    legal: 0,
    settled: state.latency,
    actions: [],
    groupOf,
    groupOffset: new Float64Array(count).fill(UNDECIDED),
    forced: new Uint8Array(count),
    backups: 0,
  };
  findMoves(episode);
  return episode;
}

/** A copy that plays on by itself. Cost: linear in steps and accesses. */
export function fork(episode: Episode): Episode {
  const copy: Episode = {
    ...episode,
    state: cloneState(episode.state),
    moves: [],
    actions: episode.actions.slice(),
    groupOffset: episode.groupOffset.slice(),
    forced: episode.forced.slice(),
  };
  findMoves(copy);
  return copy;
}

export const isOver = (episode: Episode): boolean => isDone(episode.state);

/** Actions of the next access, each once; none only where the episode is over. */
export const legalActions = (episode: Episode): Action[] =>
  episode.moves.slice(0, episode.legal).map((move) => move.action);

/** Plays one action. The reward is in seconds saved. Throws InternalError where the action is not legal. */
export function step(episode: Episode, action: Action): { readonly reward: number; readonly done: boolean } {
  const move = episode.moves.slice(0, episode.legal).find((candidate) => candidate.action === action);
  if (move === undefined) throw broken(`action ${action} is not legal at access ${episode.state.position}`);
  carryOut(episode, move);
  findMoves(episode);
  while (episode.legal === 0 && !isOver(episode)) backUp(episode);
  const done = isOver(episode);
  // The booked latency may have stalls that earliest-deadline-first avoids: the simulator has the last word.
  const now = done ? simulate(episode.instance, planOf(episode.state)).seconds : episode.state.latency;
  const reward = episode.settled - now;
  episode.settled = now;
  return { reward, done };
}

/** The plan of the decisions so far; accesses that are not decided are slow. */
export const planOfEpisode = (episode: Episode): MappingPlan => planOf(episode.state);

function carryOut(episode: Episode, move: Move): void {
  const { state, groupOf, groupOffset, instance } = episode;
  const version = instance.versionOf[state.position]!;
  const group = groupOf[version]!;
  episode.actions.push(move.action);
  if (groupOffset[group] === UNDECIDED) groupOffset[group] = move.action === "D" ? DROPPED : move.offset;
  if (episode.rules.game === "extended") playExtended(state, move);
  else playFaithful(state, move);
}

function findMoves(episode: Episode): void {
  const { state, moves, rules, instance } = episode;
  if (isDone(state)) {
    episode.legal = 0;
    return;
  }
  if (rules.game === "extended") {
    episode.legal = extendedMoves(state, moves);
    return;
  }
  const count = faithfulMoves(state, moves, rules.strict !== true);
  const version = instance.versionOf[state.position]!;
  const group = episode.groupOf[version]!;
  const shared = group < (rules.aliasGroups?.length ?? 0);
  const decided = episode.groupOffset[group]!;
  let kept = 0;
  for (let k = 0; k < count; k++) {
    const move = moves[k]!;
    const drop = move.action === "D";
    if (episode.forced[group] === 1 && !drop) continue;
    // Members of one group are all dropped, or all at one offset.
    if (shared && decided !== UNDECIDED) {
      if (drop !== (decided === DROPPED)) continue;
      if (move.offset >= 0 && move.offset !== decided) continue;
    }
    moves[k] = moves[kept]!;
    moves[kept++] = move;
  }
  episode.legal = kept;
}

/** Back to the first access of the group at which play is stuck, which from now on is dropped. */
function backUp(episode: Episode): void {
  const { state, instance, groupOf } = episode;
  const group = groupOf[instance.versionOf[state.position]!]!;
  if (episode.forced[group] === 1) throw broken(`group ${group} has no legal action even when it is dropped`);
  const log = episode.actions.slice();
  let first = 0;
  while (groupOf[instance.versionOf[first]!] !== group) first++;
  resetState(state);
  episode.actions.length = 0;
  episode.groupOffset.fill(UNDECIDED);
  episode.backups++;
  while (state.position < first) {
    findMoves(episode);
    const action = log[state.position];
    const move = episode.moves.slice(0, episode.legal).find((candidate) => candidate.action === action);
    if (move === undefined) throw broken("a backed-up episode does not replay");
    carryOut(episode, move);
  }
  episode.forced[group] = 1;
  findMoves(episode);
}
