/** A run as trace events (the JSON that Perfetto and chrome://tracing open): steps as slices, live bytes as a counter. */
import type { Plan } from "../plan/schema.ts";
import type { MeasuredStep } from "./profile.ts";

const MICROSECONDS = 1e6;

/** The document. Steps stand one after another, each as long as it was measured. */
export function traceEvents(plan: Plan, times: readonly MeasuredStep[]): object {
  const live = liveBytes(plan);
  const events: object[] = [
    { name: "process_name", ph: "M", pid: 1, args: { name: `${plan.model.name} on ${plan.target.name}` } },
    { name: "thread_name", ph: "M", pid: 1, tid: 1, args: { name: "device" } },
    { name: "thread_name", ph: "M", pid: 1, tid: 2, args: { name: "host" } },
  ];
  let at = 0;
  for (const { step, seconds, clock } of times) {
    const planned = plan.steps[step];
    if (planned === undefined) continue;
    const isKernel = planned.kind === "kernel";
    events.push({
      name: isKernel ? planned.kernel : `copy to ${planned.to}`,
      cat: planned.kind,
      ph: "X",
      pid: 1,
      tid: clock === "device" ? 1 : 2,
      ts: at * MICROSECONDS,
      dur: seconds * MICROSECONDS,
      args: {
        step,
        node: isKernel ? planned.node : (plan.values[planned.value]?.name ?? ""),
        ...(isKernel ? { predictedMicroseconds: planned.seconds * MICROSECONDS, flops: planned.flops } : {}),
      },
    });
    events.push({ name: "live bytes", ph: "C", pid: 1, ts: at * MICROSECONDS, args: { arena: live[step] ?? 0 } });
    at += seconds;
  }
  return { displayTimeUnit: "ms", traceEvents: events };
}

function liveBytes(plan: Plan): number[] {
  const change = new Float64Array(plan.steps.length + 2);
  for (const { memory, bytes, from, to, value } of plan.placements) {
    if (memory !== plan.target.arenaMemory || plan.values[value]?.kind === "weight") continue;
    change[from]! += bytes;
    change[to]! -= bytes;
  }
  let sum = 0;
  return plan.steps.map((_, i) => (sum += change[i]!));
}
