/** The packings' part of the certificate. Shares no code with what packs. */
import type { Plan } from "./schema.ts";

/** What is checkable of each packing in linear time: its height, and the blocks that witness its bound. */
export function checkPackings(plan: Plan, report: (code: string, message: string) => void): void {
  for (const packing of plan.certificate.packings ?? []) {
    const { memory, heightBytes, lowerBoundBytes, bound, step, status } = packing;
    const wrong = (message: string): void => report("wrong-certificate", `the packing of ${memory} ${message}`);
    const alignment = plan.target.memories.find(({ name }) => name === memory)?.alignment;
    if (alignment === undefined) {
      report("unknown-memory", `a packing names memory '${memory}'`);
      continue;
    }
    const blocks = plan.placements.filter(
      (placed) => placed.memory === memory && plan.values[placed.value]!.kind !== "weight",
    );
    let height = 0;
    let load = 0;
    let ends = false;
    for (const { offset, bytes, from, to } of blocks) {
      if (bytes === 0) continue;
      const whole = Math.ceil(bytes / alignment) * alignment;
      height = Math.max(height, offset + whole);
      if (offset + whole === lowerBoundBytes) ends = true;
      if (from <= step && step < to) load += whole;
    }
    if (heightBytes !== height) wrong(`states a height of ${heightBytes}, but ends at ${height}`);
    if (lowerBoundBytes > heightBytes) wrong(`is lower than its bound ${lowerBoundBytes}`);
    if ((status === "optimal") !== (heightBytes === lowerBoundBytes))
      wrong(`is called ${status} at ${heightBytes} above the bound ${lowerBoundBytes}`);
    if (bound === "load" ? load !== lowerBoundBytes : load > lowerBoundBytes)
      wrong(`has a bound of ${lowerBoundBytes}, step ${step} witnesses ${load}`);
    if (bound === "pin" && !ends) wrong(`has the end of a pin as its bound ${lowerBoundBytes}, where no block ends`);
  }
}
