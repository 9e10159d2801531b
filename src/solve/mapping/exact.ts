/**
 * Exact search on small problems. Under the prices of the bound every way that a version can take (which accesses
 * are fast, which windows its copies have) has a reduced cost; a plan below the best known has reduced costs that
 * sum to no more than the gap. All ways within it are listed, then combined depth first under the room of each step; what
 * is left is simulated, and packed exactly.
 */
import type { Prices } from "./bound.ts";
import { type Instance, UPDATE, WRITE } from "./instance.ts";
import { holdCost, type PriceTables, stagingCost } from "./prices.ts";
import { simulate } from "./simulate.ts";
import type { MappingCopy, MappingPlan, MappingRange } from "./types.ts";

export interface ExactResult {
  readonly plan: MappingPlan | undefined;
  /** Whether the search ended by itself: then nothing is better than the best known. */
  readonly complete: boolean;
  readonly nodes: number;
}

const MAX_WAYS = 4000;
const MAX_PACKING = 20_000;

interface Way {
  readonly slack: number;
  /** By position in the version's list of accesses. */
  readonly fast: readonly boolean[];
  /** Intervals [from, to). */
  readonly holds: readonly (readonly [from: number, to: number])[];
  readonly copies: readonly MappingCopy[];
}

/** Searches for a plan of less than `upper` seconds. `lower` is the bound that the prices prove. Gives up after `mostNodes`. */
export function exactSearch(
  instance: Instance,
  tables: PriceTables,
  prices: Prices,
  lower: number,
  upper: number,
  mostNodes: number,
  stop: () => boolean,
): ExactResult {
  const margin = 1e-9 * upper;
  const versions: { version: number; ways: Way[] }[] = [];
  for (let v = 0; v < instance.versions; v++) {
    const ways = waysOf(instance, tables, prices, v, upper - lower + margin);
    if (ways === undefined) return { plan: undefined, complete: false, nodes: 0 };
    versions.push({ version: v, ways });
  }
  versions.sort((x, y) => y.ways.length - x.ways.length || x.version - y.version);
  const { steps } = instance;
  const taken = new Float64Array(steps);
  for (let t = 0; t < steps; t++) taken[t] = instance.staged[t]!;
  const chosen: Way[] = [];
  let best = upper;
  let plan: MappingPlan | undefined;
  let nodes = 0;
  let cut = false;

  const occupy = (version: number, way: Way, sign: number): void => {
    const size = sign * instance.footprint[version]!;
    for (const [from, to] of way.holds) for (let t = from; t < to; t++) taken[t]! += size;
    if (instance.problem.hardware.slowDirect) return;
    way.fast.forEach((fast, k) => {
      if (fast) taken[instance.stepOf[instance.list[instance.first[version]! + k]!]!]! -= size;
    });
  };
  const fits = (): boolean => {
    for (let t = 0; t < steps; t++) if (taken[t]! > instance.room[t]!) return false;
    return true;
  };
  const leaf = (): void => {
    const fast = Array.from({ length: instance.accesses }, () => false);
    const copies: MappingCopy[] = [];
    const holds: { value: number; from: number; to: number }[] = [];
    chosen.forEach((way, d) => {
      const { version } = versions[d]!;
      way.fast.forEach((bit, k) => (fast[instance.list[instance.first[version]! + k]!] = bit));
      copies.push(...way.copies);
      for (const [from, to] of way.holds) holds.push({ value: version, from, to });
    });
    const { seconds } = simulate(instance, { fast, ranges: [], copies });
    if (seconds >= best - margin) return;
    const packed = pack(instance, fast, holds);
    if (packed === "unknown") cut = true;
    else if (packed !== undefined) {
      best = seconds;
      plan = { fast, ranges: packed, copies };
    }
  };
  const descend = (depth: number, slack: number): void => {
    if (cut) return;
    if (depth === versions.length) {
      leaf();
      return;
    }
    const { version, ways } = versions[depth]!;
    for (const way of ways) {
      if (slack + way.slack > best - lower - margin) break;
      if (++nodes > mostNodes || (nodes % 1024 === 0 && stop())) {
        cut = true;
        return;
      }
      occupy(version, way, 1);
      if (fits()) {
        chosen.push(way);
        descend(depth + 1, slack + way.slack);
        chosen.pop();
      }
      occupy(version, way, -1);
      if (cut) return;
    }
  };
  descend(0, 0);
  return { plan, complete: !cut, nodes };
}

/** All ways of a version within `most` of its cheapest, cheapest first; undefined where there are too many. */
function waysOf(instance: Instance, tables: PriceTables, prices: Prices, v: number, most: number): Way[] | undefined {
  const { steps, bandwidth, stepOf, kind, slowBytes, fastSeconds } = instance;
  const { beta, mu } = prices;
  const accesses = instance.list.subarray(instance.first[v]!, instance.first[v + 1]!);
  const size = instance.bytes[v]!;
  const fits = instance.footprint[v]! <= instance.largestRoom;
  const mustStore = instance.mustEndSlow[v] === 1;
  const found: { cost: number; way: Omit<Way, "slack"> }[] = [];
  const flow = (release: number, deadline: number): number => {
    let least = Infinity;
    for (let t = release; t < deadline; t++) least = Math.min(least, beta[t]!);
    return (size / bandwidth) * least;
  };
  const hold = (from: number, to: number): number => (to > from ? holdCost(tables, size, v, from, to - 1) : 0);
  let ways = 0;
  let least = Infinity;
  let overflow = false;
  const fast: boolean[] = [];
  const holds: (readonly [number, number])[] = [];
  const copies: MappingCopy[] = [];

  type Where = "absent" | "clean" | "dirty";
  /** Cost of the accesses after the k-th at best: the tables know it. */
  const toGo = (k: number, where: Where): number => {
    const a = accesses[k]!;
    const away = tables.absent[a]!;
    if (where === "absent") return away;
    if (where === "clean") return Math.min(away, tables.keepClean[a]!);
    return Math.min(away + tables.store[a]!, tables.keepDirty[a]!);
  };
  /** After the k-th access, at cost so far; `since` is where the range in progress began, `slowAt` where the slow copy can be used. */
  const walk = (k: number, where: Where, cost: number, since: number, slowAt: number): void => {
    if (overflow) return;
    if (cost + toGo(k, where) > limit()) return;
    const t = stepOf[accesses[k]!]!;
    if (k === accesses.length - 1) {
      const end = (total: number): void => {
        if (total > limit()) return;
        least = Math.min(least, total);
        found.push({ cost: total, way: { fast: [...fast], holds: [...holds], copies: [...copies] } });
        if (++ways > MAX_WAYS) overflow = true;
      };
      if (where === "absent") end(cost);
      else if (where === "clean" || !mustStore) {
        holds.push([since, t + 1]);
        end(cost);
        holds.pop();
      } else {
        for (let e = t + 2; e <= steps; e++) {
          holds.push([since, e]);
          copies.push({ value: v, direction: "out", release: t + 1, deadline: e });
          end(cost + hold(t + 1, e) + flow(t + 1, e));
          copies.pop();
          holds.pop();
        }
      }
      return;
    }
    const b = accesses[k + 1]!;
    const u = stepOf[b]!;
    const update = kind[b] === UPDATE;
    const slow = (slowBytes[b]! / bandwidth) * (mu[u]! + beta[u]!) + stagingCost(instance, tables, v, u);
    const quick = fastSeconds[b]! * mu[u]!;
    const after: Where = update || where === "dirty" ? "dirty" : "clean";
    /** From slow memory that can be used from step `ready` on. */
    const away = (paid: number, ready: number): void => {
      if (ready <= u) {
        fast.push(false);
        walk(k + 1, "absent", paid + slow, -1, update ? u + 1 : ready);
        fast.pop();
      }
      if (!fits) return;
      fast.push(true);
      for (let s = u - 1; s >= Math.max(t + 1, ready); s--) {
        copies.push({ value: v, direction: "in", release: s, deadline: u });
        walk(k + 1, update ? "dirty" : "clean", paid + hold(s, u + 1) + flow(s, u) + quick, s, ready);
        copies.pop();
      }
      fast.pop();
    };
    if (where === "absent") away(cost, slowAt);
    else {
      fast.push(true);
      walk(k + 1, after, cost + hold(t + 1, u + 1) + quick, since, slowAt);
      fast.pop();
      if (where === "clean") {
        holds.push([since, t + 1]);
        away(cost, slowAt);
        holds.pop();
      } else {
        for (let e = t + 2; e <= u; e++) {
          holds.push([since, e]);
          copies.push({ value: v, direction: "out", release: t + 1, deadline: e });
          away(cost + hold(t + 1, e) + flow(t + 1, e), e);
          copies.pop();
          holds.pop();
        }
      }
    }
  };
  let target = Infinity;
  const limit = (): number => target;

  // The cheapest way first, by the same walk with a shrinking limit: its cost is the zero of the reduced costs.
  const run = (): void => {
    found.length = 0;
    ways = 0;
    overflow = false;
    const a = accesses[0]!;
    const t = stepOf[a]!;
    const slow = (slowBytes[a]! / bandwidth) * (mu[t]! + beta[t]!) + stagingCost(instance, tables, v, t);
    const quick = fastSeconds[a]! * mu[t]!;
    if (kind[a] === WRITE) {
      fast.push(false);
      walk(0, "absent", slow, -1, t + 1);
      fast.pop();
      if (fits) {
        fast.push(true);
        walk(0, "dirty", quick + hold(t, t + 1), t, Infinity);
        fast.pop();
      }
      return;
    }
    fast.push(false);
    walk(0, "absent", slow, -1, kind[a] === UPDATE ? t + 1 : 0);
    fast.pop();
    if (!fits) return;
    fast.push(true);
    for (let s = t - 1; s >= 0; s--) {
      copies.push({ value: v, direction: "in", release: s, deadline: t });
      walk(0, kind[a] === UPDATE ? "dirty" : "clean", hold(s, t + 1) + flow(s, t) + quick, s, 0);
      copies.pop();
    }
    fast.pop();
  };
  target = cheapest(instance, tables, prices, v) + most;
  run();
  if (overflow) return undefined;
  const zero = cheapest(instance, tables, prices, v);
  return found.map(({ cost, way }) => ({ ...way, slack: Math.max(0, cost - zero) })).sort((x, y) => x.slack - y.slack);
}

/** Cost of the cheapest way, as the bound counts it: stores and copies of one gap may overlap there. */
function cheapest(instance: Instance, tables: PriceTables, prices: Prices, v: number): number {
  const a = instance.list[instance.first[v]!]!;
  const t = instance.stepOf[a]!;
  const { beta, mu } = prices;
  const size = instance.bytes[v]!;
  const fits = instance.footprint[v]! <= instance.largestRoom;
  const slow =
    (instance.slowBytes[a]! / instance.bandwidth) * (mu[t]! + beta[t]!) +
    stagingCost(instance, tables, v, t) +
    tables.absent[a]!;
  if (!fits) return slow;
  const dirty = Math.min(tables.absent[a]! + tables.store[a]!, tables.keepDirty[a]!);
  const quick = instance.fastSeconds[a]! * mu[t]!;
  if (instance.kind[a] === WRITE) return Math.min(slow, quick + holdCost(tables, size, v, t, t) + dirty);
  const clean = Math.min(tables.absent[a]!, tables.keepClean[a]!);
  let best = slow;
  for (let s = 0; s < t; s++) {
    const copy = holdCost(tables, size, v, s, t) + (size / instance.bandwidth) * beta[s]!;
    best = Math.min(best, copy + quick + (instance.kind[a] === UPDATE ? dirty : clean));
  }
  return best;
}

/** Offsets for the intervals, exactly; undefined where there are none, "unknown" where it takes too long. */
function pack(
  instance: Instance,
  fast: readonly boolean[],
  holds: readonly { readonly value: number; readonly from: number; readonly to: number }[],
): MappingRange[] | undefined | "unknown" {
  const ceiling = instance.room.slice();
  if (!instance.problem.hardware.slowDirect)
    fast.forEach((bit, a) => {
      if (!bit) ceiling[instance.stepOf[a]!]! -= instance.footprint[instance.versionOf[a]!]!;
    });
  const order = [...holds].sort((x, y) => x.from - y.from || y.to - y.from - (x.to - x.from) || x.value - y.value);
  const placed: MappingRange[] = [];
  let tries = 0;
  const place = (k: number): boolean => {
    if (k === order.length) return true;
    const { value, from, to } = order[k]!;
    const size = instance.footprint[value]!;
    let top = Infinity;
    for (let t = from; t < to; t++) top = Math.min(top, ceiling[t]!);
    const near = placed.filter((range) => range.from < to && from < range.to);
    // Left-most, right-most, and flush with what is there already: one of them works if any does for so few.
    const candidates = new Set([0, top - size]);
    for (const range of near) {
      candidates.add(range.offset + instance.footprint[range.value]!);
      candidates.add(range.offset - size);
    }
    for (const offset of [...candidates].sort((x, y) => x - y)) {
      if (offset < 0 || offset + size > top || ++tries > MAX_PACKING) continue;
      const clash = near.some(
        (range) => range.offset < offset + size && offset < range.offset + instance.footprint[range.value]!,
      );
      if (clash) continue;
      placed.push({ value, offset, from, to });
      if (place(k + 1)) return true;
      placed.pop();
    }
    return false;
  };
  if (place(0)) return placed;
  return tries > MAX_PACKING ? "unknown" : undefined;
}
