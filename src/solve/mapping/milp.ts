/**
 * The fluid optimum as a mixed integer program: everything but offsets, exactly. Shares nothing with the games, the
 * search or the bounds, so that it can say whether they are right; for problems of a few dozen accesses.
 */
import { solveMip } from "../mip/index.ts";
import type { MipConstraint, MipVariable } from "../mip/types.ts";
import { type Instance, UPDATE, WRITE } from "./instance.ts";

export interface FluidOptimum {
  /** Latency of the best mapping where bytes count and addresses do not, seconds. */
  readonly seconds: number;
  /** Whether the solver proved it. */
  readonly proved: boolean;
}

type Term = [variable: number, coefficient: number];
type State = "absent" | "clean" | "dirty";

/** The optimum within so many nodes of branch and bound. Only for instances whose instructions reach slow memory. */
export async function fluidOptimum(instance: Instance, nodes = 20_000): Promise<FluidOptimum> {
  const { steps, bandwidth } = instance;
  const variables: MipVariable[] = [];
  const constraints: MipConstraint[] = [];
  const variable = (one: MipVariable): number => variables.push(one) - 1;
  // Bytes and seconds of one magnitude: solvers work to absolute tolerances.
  const unit = Math.max(1, instance.largestRoom, ...instance.bytes);
  const clock = unit / bandwidth;
  const time = Array.from({ length: steps }, (_, t) => variable({ lower: instance.compute[t]! / clock, cost: 1 }));
  const memory: Term[][] = time.map((v) => [[v, -1]]);
  const bus: Term[][] = time.map((v) => [[v, -1]]);
  const room: Term[][] = time.map(() => []);

  for (let v = 0; v < instance.versions; v++) {
    const accesses = [...instance.list.subarray(instance.first[v]!, instance.first[v + 1]!)];
    const size = instance.bytes[v]! / unit;
    const footprint = instance.footprint[v]! / unit;
    const fits = instance.footprint[v]! <= instance.largestRoom;
    /** Flow into and out of each state after each access. */
    const into = accesses.map(() => ({ absent: [] as Term[], clean: [] as Term[], dirty: [] as Term[] }));
    const start: Term[] = [];
    const tails: Term[] = [];
    /** Bytes of a copy that `way` makes in steps [from, to). */
    const transfer = (way: number, from: number, to: number): void => {
      const flows = Array.from({ length: to - from }, () => variable({ lower: 0, upper: size }));
      flows.forEach((flow, k) => {
        constraints.push({
          terms: [
            [flow, 1],
            [way, -size],
          ],
          upper: 0,
        });
        bus[from + k]!.push([flow, 1]);
      });
      constraints.push({ terms: [...flows.map((flow): Term => [flow, 1]), [way, -size]], lower: 0, upper: 0 });
    };
    const hold = (way: number, from: number, to: number): void => {
      for (let t = from; t < to; t++) room[t]!.push([way, footprint]);
    };
    const serve = (way: number, a: number, fast: boolean): void => {
      const t = instance.stepOf[a]!;
      if (fast) memory[t]!.push([way, instance.fastSeconds[a]! / clock]);
      else {
        memory[t]!.push([way, instance.slowBytes[a]! / unit]);
        bus[t]!.push([way, instance.slowBytes[a]! / unit]);
      }
    };
    accesses.forEach((a, k) => {
      const t = instance.stepOf[a]!;
      const before = k === 0 ? -1 : instance.stepOf[accesses[k - 1]!]!;
      const changes = instance.kind[a] === UPDATE || instance.kind[a] === WRITE;
      const choose = (from: State, to: State): number => {
        const way = variable({ lower: 0, upper: 1, integer: true });
        if (k === 0) start.push([way, 1]);
        else into[k - 1]![from].push([way, -1]);
        into[k]![to].push([way, 1]);
        serve(way, a, to !== "absent");
        return way;
      };
      if (k === 0 && instance.kind[a] === WRITE) {
        choose("absent", "absent");
        if (fits) hold(choose("absent", "dirty"), t, t + 1);
        return;
      }
      const from: readonly State[] = k === 0 ? ["absent"] : ["absent", "clean", "dirty"];
      for (const state of from) {
        if (state !== "absent" && fits)
          hold(choose(state, changes || state === "dirty" ? "dirty" : "clean"), before + 1, t + 1);
        // A dirty content leaves by a store that is done before step `since`.
        const stores =
          state === "dirty" ? Array.from({ length: Math.max(0, t - before - 1) }, (_, i) => before + 2 + i) : [-1];
        for (const since of stores) {
          const leave = (way: number): void => {
            if (since < 0) return;
            hold(way, before + 1, since);
            transfer(way, before + 1, since);
          };
          leave(choose(state, "absent"));
          if (!fits) continue;
          for (let s = Math.max(before + 1, since); s < t; s++) {
            const way = choose(state, changes ? "dirty" : "clean");
            leave(way);
            hold(way, s, t + 1);
            transfer(way, s, t);
          }
        }
      }
    });
    const last = instance.stepOf[accesses.at(-1)!]!;
    if (instance.mustEndSlow[v] === 1) {
      for (let e = last + 2; e <= steps; e++) {
        const way = variable({ lower: 0, upper: 1, integer: true });
        tails.push([way, -1]);
        hold(way, last + 1, e);
        transfer(way, last + 1, e);
      }
      constraints.push({ terms: [...into.at(-1)!.dirty, ...tails], lower: 0, upper: 0 });
    }
    constraints.push({ terms: start, lower: 1, upper: 1 });
    // What flows into a state flows out of it, until the last access.
    into.slice(0, -1).forEach((states) => {
      for (const terms of [states.absent, states.clean, states.dirty])
        if (terms.length > 0) constraints.push({ terms, lower: 0, upper: 0 });
    });
  }
  for (let t = 0; t < steps; t++) {
    constraints.push({ terms: memory[t]!, upper: -instance.base[t]! / clock });
    constraints.push({ terms: bus[t]!, upper: 0 });
    if (room[t]!.length > 0) constraints.push({ terms: room[t]!, upper: instance.room[t]! / unit });
  }
  const { status, objective } = await solveMip({ variables, constraints }, { nodes });
  return { seconds: objective * clock, proved: status === "optimal" };
}
