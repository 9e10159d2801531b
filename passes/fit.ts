/**
 * Purpose     Offloads and allocates together: live bytes that fit may still not pack.
 * Requires    What offload and allocate require.
 * Guarantees  The first packing within the capacity, offloading no more than it needs; otherwise the
 *             InfeasibleError of the roomiest try.
 * Method      Offload to the capacity; where the packing is higher, to less and less of what lies between
 *             the capacity and the largest working set, down to that.
 * Cost        That of at most TRIES allocations; one where the program fits.
 */
import { InfeasibleError } from "../src/errors.ts";
import type { Program } from "../src/ir/types.ts";
import type { Target } from "../src/target/schema.ts";
import { allocate, type Allocation, type AllocateOptions } from "./allocate.ts";
import { linksOf, offload, offloadFloor } from "./offload.ts";

export interface Fitted {
  readonly program: Program;
  readonly allocation: Allocation;
}

const TRIES = 9;

/** Offloads what does not fit and places the rest. Throws InfeasibleError `capacity-exceeded`, InputError `invalid-pin`. */
export function fit(
  program: Program,
  target: Target,
  options: AllocateOptions,
  checked: (program: Program) => Program,
): Fitted {
  const capacity = target.memories.find((memory) => memory.name === target.arenaMemory)!.bytes;
  const place = (offloaded: Program): Fitted => ({
    program: checked(offloaded),
    allocation: allocate(offloaded, target, options),
  });
  try {
    return place(offload(program, target));
  } catch (failure) {
    if (!(failure instanceof InfeasibleError) || linksOf(target) === undefined) throw failure;
    const floor = offloadFloor(program, target).bytes;
    if (floor > capacity) throw failure;
    for (let k = 1; k < TRIES; k++) {
      const lower = Math.floor(floor + ((capacity - floor) * (TRIES - 1 - k)) / (TRIES - 1));
      try {
        return place(offload(program, target, { capacity: lower }));
      } catch (error) {
        if (!(error instanceof InfeasibleError)) throw error;
      }
    }
    throw failure;
  }
}
