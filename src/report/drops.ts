/** Why a mapped plan leaves accesses in slow memory, and what more fast memory is worth. */
import type { Plan, PlanMapping } from "../plan/schema.ts";
import { formatBytes, formatSeconds } from "./bytes.ts";
import { formatTable } from "./table.ts";

export type DropReason = PlanMapping["drops"][number]["reason"];

export interface DropRow {
  readonly step: number;
  readonly node: string;
  readonly value: string;
  readonly kind: string;
  readonly bytes: number;
  readonly savedSeconds: number;
  readonly residencySeconds: number;
  readonly copySeconds: number;
  readonly reason: DropReason;
}

/** In words, with the prices of the row. */
export function explainDrop(row: DropRow, fastMemory: string): string {
  const held = formatSeconds(row.residencySeconds);
  const copied = formatSeconds(row.copySeconds);
  switch (row.reason) {
    case "too-large":
      return `larger than ${fastMemory}`;
    case "nothing-saved":
      return "the step takes as long either way";
    case "no-window":
      return "no step in between to copy it in";
    case "space":
      return `its bytes and steps in ${fastMemory} are worth ${held} to others${row.copySeconds > 0 ? `, its copy ${copied}` : ""}`;
    case "bandwidth":
      return `its copy costs others ${copied}${row.residencySeconds > 0 ? `, its bytes ${held}` : ""}`;
    case "close-call":
      return `priced below what it saves (${held} and ${copied}), but whole values don't fit so`;
    default:
      return row.reason satisfies never;
  }
}

/** The drops of a mapped plan, those that would save most first. */
export const dropRows = (plan: Plan): readonly DropRow[] =>
  (plan.certificate.mapping?.drops ?? [])
    .map(({ step, value, ...drop }) => {
      const at = plan.steps[step];
      const { name, kind, bytes } = plan.values[value]!;
      return { step, node: at?.kind === "kernel" ? at.node : "", value: name, kind, bytes, ...drop };
    })
    .sort((a, b) => b.savedSeconds - a.savedSeconds || a.step - b.step);

const MEBIBYTE = 1024 * 1024;

/** Lines for a terminal. Seconds are simulated on the plan's target. */
export function formatDrops(plan: Plan, { fastMemory, secondsPerByte }: PlanMapping, limit: number): string[] {
  const rows = dropRows(plan);
  const worth = rows.filter(({ reason }) => reason !== "nothing-saved").length;
  return [
    `${rows.length} accesses of slow memory, ${worth} of which would be faster in ${fastMemory}; one more MiB of ${fastMemory} takes ${formatSeconds(secondsPerByte * MEBIBYTE)} off the bound`,
    ...formatTable(rows.slice(0, limit), [
      { title: "step", right: true, cell: (row) => String(row.step) },
      { title: "node", cell: (row) => row.node },
      { title: "value", cell: (row) => row.value },
      { title: "kind", cell: (row) => row.kind },
      { title: "size", right: true, cell: (row) => formatBytes(row.bytes) },
      { title: "would save", right: true, cell: (row) => formatSeconds(row.savedSeconds) },
      { title: "why not", cell: (row) => explainDrop(row, fastMemory) },
    ]),
    ...(rows.length > limit ? [`... ${rows.length - limit} more: --limit ${rows.length}, or --json`] : []),
  ];
}
