/** Problems that are more than boxes in one arena: as rigid items. */
import { invalidPacking } from "../../errors.ts";
import { newEffort } from "./effort.ts";
import { itemsOf } from "./items/items.ts";
import { packItems } from "./items/pack-items.ts";
import { switchesOf } from "./switches.ts";
import type { PackingParams, PackingProblem, PackingResult } from "./types.ts";

/** Throws InputError `invalid-packing` where aliases contradict one another. */
export function packGeneral(problem: PackingProblem, params: PackingParams): PackingResult {
  const { buffers } = problem;
  const made = itemsOf(problem);
  if (typeof made === "string") throw invalidPacking(0, made);
  const effort = newEffort(params);
  const { item, distance } = made;
  // Any packing within the capacities, or the lowest.
  const goal = params.minimize === false ? Infinity : 0;
  const { places, height, valid, infeasible, bound, method } = packItems(made, goal, switchesOf(params), effort);
  const status = infeasible ? "infeasible" : !valid ? "unknown" : height <= bound.bytes ? "optimal" : "feasible";
  return {
    offsets: buffers.map((_, i) => places.base[item[i]!]! + distance[i]!),
    ...(problem.arenas === undefined ? {} : { arenas: buffers.map((_, i) => places.arena[item[i]!]!) }),
    height,
    lowerBound: bound.bytes,
    bound: bound.by,
    boundTime: bound.time,
    status,
    method,
    steps: effort.count.steps,
  };
}
