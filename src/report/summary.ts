/** The line that every compile prints. */
import type { Plan } from "../plan/schema.ts";
import { formatBytes, formatSeconds } from "./bytes.ts";

/** `arena 8.31 MB (bound 8.19 MB, unplanned 31.4 MB), 214 values, 0.8 s`; the time where it was measured. */
export function summaryLine(plan: Plan, wallSeconds?: number): string {
  const { arenaBytes, arenaLowerBoundBytes, unplannedBytes } = plan.summary;
  const time = wallSeconds === undefined ? "" : `, ${formatSeconds(wallSeconds)}`;
  return `arena ${formatBytes(arenaBytes)} (bound ${formatBytes(arenaLowerBoundBytes)}, unplanned ${formatBytes(unplannedBytes)}), ${plan.values.length} values${time}`;
}
