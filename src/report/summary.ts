/** The line that every compile prints. */
import type { Plan } from "../plan/schema.ts";
import { formatBytes, formatSeconds } from "./bytes.ts";

/** `arena 8.31 MB (bound 8.19 MB, unplanned 31.4 MB), 214 values, 0.8 s`; the time where it was measured. */
export function summaryLine(plan: Plan, wallSeconds?: number): string {
  const { arenaBytes, arenaLowerBoundBytes, unplannedBytes } = plan.summary;
  const time = wallSeconds === undefined ? "" : `, ${formatSeconds(wallSeconds)}`;
  const line = `arena ${formatBytes(arenaBytes)} (bound ${formatBytes(arenaLowerBoundBytes)}, unplanned ${formatBytes(unplannedBytes)}), ${quality(plan)}${plan.values.length} values${time}`;
  const figures = mappingFigures(plan);
  return figures === undefined ? line : `${mappingLine(plan, figures)}; ${line}`;
}

/** Of the arena's packing, for the lifetimes and the alignment that it was given. */
function quality({ certificate, target }: Plan): string {
  const packing = certificate.packings?.find(({ memory }) => memory === target.arenaMemory);
  if (packing === undefined) return "";
  const { status, heightBytes, lowerBoundBytes } = packing;
  if (status === "optimal") return "optimal, ";
  return `at most ${((100 * (heightBytes - lowerBoundBytes)) / lowerBoundBytes).toFixed(2)}% above optimal, `;
}

/** How well values are mapped to a fast and a slow memory. Seconds are simulated on the plan's target. */
export interface MappingFigures {
  readonly seconds: number;
  /** With nothing mapped. */
  readonly allSlowSeconds: number;
  /** With everything in fast memory and no copies: beyond what any plan can reach. */
  readonly allFastSeconds: number;
  /** No plan of these steps takes less. */
  readonly bound: number;
  /** (seconds - bound) / seconds. */
  readonly gap: number;
  readonly stallSeconds: number;
  readonly copiedBytes: number;
  readonly method: string;
  readonly proof: "lagrangian" | "exhaustive";
}

/** Undefined for plans that map nothing. */
export function mappingFigures(plan: Plan): MappingFigures | undefined {
  const { mapping } = plan.certificate;
  if (mapping === undefined) return undefined;
  const { seconds, secondsLowerBound } = plan.summary;
  const bound = mapping.proof === "exhaustive" ? seconds : secondsLowerBound;
  let stallSeconds = 0;
  let copiedBytes = 0;
  for (const step of plan.steps) {
    if (step.kind !== "copy") continue;
    stallSeconds += step.stallSeconds ?? 0;
    copiedBytes += plan.values[step.value]!.bytes;
  }
  const { allSlowSeconds, allFastSeconds, method, proof } = mapping;
  return {
    seconds,
    allSlowSeconds,
    allFastSeconds,
    bound,
    gap: seconds > 0 ? (seconds - bound) / seconds : 0,
    stallSeconds,
    copiedBytes,
    method,
    proof,
  };
}

function mappingLine(plan: Plan, { seconds, allSlowSeconds, bound, gap, method }: MappingFigures): string {
  const ratio = seconds > 0 ? allSlowSeconds / seconds : 1;
  const { fastMemory } = plan.certificate.mapping!;
  return `${formatSeconds(seconds)} simulated (nothing in ${fastMemory} ${formatSeconds(allSlowSeconds)}, ${ratio.toFixed(3)}x; bound ${formatSeconds(bound)}, gap ${(100 * gap).toFixed(2)}%, ${method})`;
}
