/** Measured step times beside what the target predicts: a table by kernel, and the slowest steps. */
import type { Plan } from "../plan/schema.ts";
import { formatSeconds } from "./bytes.ts";
import { formatTable } from "./table.ts";

/** Time of a step (index into the plan's steps), seconds. */
export interface MeasuredStep {
  readonly step: number;
  readonly seconds: number;
  readonly clock: "device" | "host";
}

interface Row {
  readonly name: string;
  readonly count: number;
  readonly measured: number;
  readonly predicted: number;
}

const SLOWEST = 10;

const ratio = ({ measured, predicted }: Row): string =>
  predicted === 0 ? "" : `${(measured / predicted).toFixed(2)}x`;

function table(title: string, rows: readonly Row[], total: number): string[] {
  return formatTable(rows, [
    { title, cell: ({ name }) => name },
    { title: "steps", right: true, cell: ({ count }) => String(count) },
    { title: "measured", right: true, cell: ({ measured }) => formatSeconds(measured) },
    { title: "share", right: true, cell: ({ measured }) => `${((100 * measured) / total).toFixed(1)}%` },
    { title: "predicted", right: true, cell: ({ predicted }) => formatSeconds(predicted) },
    { title: "ratio", right: true, cell: ratio },
  ]);
}

/** Lines for a terminal. Predicted times are simulated on the plan's target. */
export function formatProfile(plan: Plan, times: readonly MeasuredStep[]): string[] {
  const rows = new Map<string, Row>();
  const steps: Row[] = [];
  for (const { step, seconds } of times) {
    const planned = plan.steps[step];
    if (planned === undefined) continue;
    const name = planned.kind === "kernel" ? planned.kernel : `copy ${planned.from} to ${planned.to}`;
    const predicted = planned.kind === "kernel" ? planned.seconds : 0;
    const known = rows.get(name) ?? { name, count: 0, measured: 0, predicted: 0 };
    rows.set(name, {
      name,
      count: known.count + 1,
      measured: known.measured + seconds,
      predicted: known.predicted + predicted,
    });
    const where = planned.kind === "kernel" ? planned.node : (plan.values[planned.value]?.name ?? "");
    steps.push({ name: `${step} ${name} (${where})`, count: 1, measured: seconds, predicted });
  }
  const total = steps.reduce((sum, { measured }) => sum + measured, 0) || 1;
  const slowestFirst = (a: Row, b: Row): number => b.measured - a.measured || (a.name < b.name ? -1 : 1);
  const clocks = [...new Set(times.map(({ clock }) => clock))].sort().join(" and ");
  return [
    `steps ${formatSeconds(total)} by the ${clocks} clock; predicted: simulated on ${plan.target.name}`,
    ...table("kernel", [...rows.values()].sort(slowestFirst), total),
    "",
    ...table("slowest steps", steps.sort(slowestFirst).slice(0, SLOWEST), total),
  ];
}
