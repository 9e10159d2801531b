/** A game in progress: what is decided, what is left of the bandwidth and of the addresses. */
import { type Addresses, clearAddresses, cloneAddresses, newAddresses } from "./addresses.ts";
import { type Instance, allSlowBytes, stepTime } from "./instance.ts";
import type { MappingCopy, MappingPlan, MappingRange } from "./types.ts";

/** A range while it may still grow; `last` is inclusive. */
export interface OpenRange {
  readonly value: number;
  readonly offset: number;
  readonly from: number;
  last: number;
}

/**
 * Mutable, and private to the solver. Accesses that are not decided count as slow, so that `latency` is at every
 * moment that of a complete plan.
 */
export interface PlayState {
  readonly instance: Instance;
  /** Bytes count, addresses do not: offsets are found for the finished plan (see pack.ts). */
  fluid: boolean;
  /** The paper's supply: steps hide copies for as long as they take with nothing mapped, whatever is mapped. */
  fixedSupply: boolean;
  /** Versions that the three-action game must drop, now or from the next game on: they ran into a dead end. */
  readonly banned: Uint8Array;
  /** Next access to decide. */
  position: number;
  latency: number;
  readonly slow: Float64Array;
  readonly fastTime: Float64Array;
  readonly time: Float64Array;
  /** Slow bandwidth left for copies in each step, bytes. */
  readonly idle: Float64Array;
  /** Addresses below it are for ranges; what is staged lies above. */
  readonly ceiling: Float64Array;
  readonly addresses: Addresses;
  /** Open range of each version while it is resident, or -1. */
  readonly resident: Int32Array;
  /** 1 where the only copy is in fast memory. */
  readonly dirty: Uint8Array;
  /** First step at which the slow copy can be used. */
  readonly ready: Int32Array;
  /** Last piece of the resident range in `addresses`. */
  readonly piece: Int32Array;
  readonly fast: Uint8Array;
  ranges: OpenRange[];
  copies: MappingCopy[];
}

export const DROPPED = 1;
export const TO_DROP = 2;

const NEVER = 0x7fffffff;

export function newState(instance: Instance): PlayState {
  const { steps, versions, accesses } = instance;
  const state: PlayState = {
    instance,
    fluid: false,
    fixedSupply: false,
    banned: new Uint8Array(versions),
    position: 0,
    latency: 0,
    slow: new Float64Array(steps),
    fastTime: new Float64Array(steps),
    time: new Float64Array(steps),
    idle: new Float64Array(steps),
    ceiling: new Float64Array(steps),
    addresses: newAddresses(steps),
    resident: new Int32Array(versions),
    dirty: new Uint8Array(versions),
    ready: new Int32Array(versions),
    piece: new Int32Array(versions),
    fast: new Uint8Array(accesses),
    ranges: [],
    copies: [],
  };
  resetState(state);
  return state;
}

/** Back to the beginning, without new arrays; what is banned stays so. */
export function resetState(state: PlayState): void {
  const { instance } = state;
  state.position = 0;
  state.latency = 0;
  state.slow.set(allSlowBytes(instance));
  state.fastTime.fill(0);
  for (let t = 0; t < instance.steps; t++) {
    state.time[t] = stepTime(instance, t, state.slow[t]!, 0);
    state.idle[t] = state.time[t]! * instance.bandwidth - (state.fixedSupply ? 0 : state.slow[t]!);
    state.latency += state.time[t]!;
    state.ceiling[t] = Math.max(0, instance.room[t]! - instance.staged[t]!);
  }
  clearAddresses(state.addresses);
  state.resident.fill(-1);
  state.dirty.fill(0);
  state.piece.fill(-1);
  state.fast.fill(0);
  for (let v = 0; v < instance.versions; v++) if (state.banned[v] === TO_DROP) state.banned[v] = DROPPED;
  for (let v = 0; v < instance.versions; v++) state.ready[v] = instance.produced[v] === 1 ? NEVER : 0;
  state.ranges = [];
  state.copies = [];
}

export const cloneState = (s: PlayState): PlayState => ({
  ...s,
  banned: s.banned.slice(),
  slow: s.slow.slice(),
  fastTime: s.fastTime.slice(),
  time: s.time.slice(),
  idle: s.idle.slice(),
  ceiling: s.ceiling.slice(),
  addresses: cloneAddresses(s.addresses),
  resident: s.resident.slice(),
  dirty: s.dirty.slice(),
  ready: s.ready.slice(),
  piece: s.piece.slice(),
  fast: s.fast.slice(),
  ranges: s.ranges.map((range) => ({ ...range })),
  copies: s.copies.slice(),
});

export const isDone = (state: PlayState): boolean => state.position >= state.instance.accesses;

/** The decisions so far as a plan; what is undecided is slow. */
export function planOf(state: PlayState): MappingPlan {
  const ranges: MappingRange[] = state.ranges.map(({ value, offset, from, last }) => ({
    value,
    offset,
    from,
    to: last + 1,
  }));
  return { fast: Array.from(state.fast, (bit) => bit === 1), ranges, copies: state.copies.slice() };
}
