/**
 * The rules of mapped plans: every access is served by one memory that holds the content, copies have a source, a
 * destination and the time they need, and the seconds are those of a replay. Imports the schema only, and shares no
 * code with the solver.
 */
import {
  fastTimeOf,
  type Machine,
  machineOf,
  type MappedStep,
  mappedSteps,
  slowBytesOf,
  stepFloor,
} from "./mapped-accesses.ts";
import type { Plan, PlanMapping } from "./schema.ts";
import { boundOf, capacityFault } from "./verify-bound.ts";
import { refinedBoundOf } from "./verify-refined.ts";

type Report = (code: string, message: string) => void;
type Placement = Plan["placements"][number];
type Copy = Extract<Plan["steps"][number], { kind: "copy" }>;

/** Relative: sums of rounded numbers in another order. */
const TOLERANCE = 1e-9;

const close = (a: number, b: number, scale = Math.max(Math.abs(a), Math.abs(b))): boolean =>
  Math.abs(a - b) <= TOLERANCE * scale;

const label = (plan: Plan, id: number): string => `'${plan.values[id]?.name ?? id}'`;

/** Checks what mapping adds to a plan; of other plans, that they have none of it. References are whole already. */
export function checkMapping(plan: Plan, report: Report): void {
  const { mapping } = plan.certificate;
  if (mapping === undefined) {
    for (const step of plan.steps)
      if (
        (step.kind === "kernel" && step.fast !== undefined) ||
        (step.kind === "copy" && step.stallSeconds !== undefined)
      )
        report("not-mapped", "a step speaks of a fast memory, but the plan has no mapping");
    return;
  }
  const machine = machineOf(plan, mapping);
  if (machine === undefined) {
    report(
      "unknown-memory",
      `the target does not link two memories '${mapping.slowMemory}' and '${mapping.fastMemory}'`,
    );
    return;
  }
  const kernels = mappedSteps(plan, machine);
  checkFastLists(plan, kernels, machine, report);
  checkContents(plan, mapping, kernels, report);
  checkTime(plan, mapping, kernels, machine, report);
  checkBound(plan, mapping, kernels, machine, report);
  checkDrops(plan, mapping, kernels, machine, report);
}

/** What a step is said to find in fast memory is what it touches, and all of it where kernels reach nothing else. */
function checkFastLists(plan: Plan, kernels: readonly MappedStep[], machine: Machine, report: Report): void {
  for (const { step, accesses } of kernels) {
    const fast = step.fast ?? [];
    if (new Set(fast).size !== fast.length) report("wrong-fast", `step '${step.node}' names a value twice`);
    for (const root of fast)
      if (!accesses.some((access) => access.root === root))
        report("wrong-fast", `step '${step.node}' does not touch ${label(plan, root)}, which it finds in fast memory`);
    if (machine.slowDirect) continue;
    for (const access of accesses)
      if (!access.fast && plan.values[access.root]!.bytes > 0)
        report("not-resident", `step '${step.node}' can't reach ${label(plan, access.root)} in slow memory`);
  }
}

interface Place {
  readonly placed: Placement;
  /** Last step before it holds the content; undefined while it does not. */
  since: number | undefined;
}

/** Every access finds the content in the one memory that serves it; every copy has a source and lands before it is used. */
function checkContents(plan: Plan, mapping: PlanMapping, kernels: readonly MappedStep[], report: Report): void {
  const { values } = plan;
  const places = new Map<number, Place[]>();
  for (const placed of plan.placements) {
    if (placed.memory !== mapping.fastMemory && placed.memory !== mapping.slowMemory)
      report("unmapped-memory", `${label(plan, placed.value)} is placed in ${placed.memory}, which is not mapped`);
    const list = places.get(placed.value);
    if (list === undefined) places.set(placed.value, [{ placed, since: undefined }]);
    else list.push({ placed, since: undefined });
  }
  const placeOf = (root: number, memory: string, step: number): Place | undefined =>
    places.get(root)?.find(({ placed }) => placed.memory === memory && placed.from <= step && step < placed.to);
  for (const value of values) {
    if (value.storage.value !== value.id || (value.kind !== "input" && value.kind !== "weight")) continue;
    const place = placeOf(value.id, mapping.slowMemory, 0);
    if (place !== undefined) place.since = -1;
    else if (value.bytes > 0)
      report("not-resident", `${label(plan, value.id)} is not in ${mapping.slowMemory} at the start`);
  }
  /** Last step in which a copy of the root is under way. */
  const flying = new Map<number, number>();
  const copy = (step: Copy, index: number): void => {
    const name = label(plan, step.value);
    const fault = copyFault(plan, mapping, step, index);
    if (fault !== undefined) {
      report("bad-interval", `the copy of ${name} at ${index} ${fault}`);
      return;
    }
    const source = placeOf(step.value, step.from, index);
    const goal = placeOf(step.value, step.to, index);
    if (source?.since === undefined || source.since >= index || source.placed.to <= step.done)
      report("copy-of-nothing", `the copy of ${name} at ${index} has no content to copy until it is done`);
    if (goal === undefined || goal.placed.to <= step.done)
      report("copy-to-nothing", `the copy of ${name} at ${index} has no place to go to until it is done`);
    else goal.since = step.done;
    flying.set(step.value, Math.max(flying.get(step.value) ?? -1, step.done));
  };
  const run = ({ index, step, accesses }: MappedStep): void => {
    for (const { root, needs, writes, fast } of accesses) {
      if (values[root]!.bytes === 0) continue;
      const memory = fast ? mapping.fastMemory : mapping.slowMemory;
      const place = placeOf(root, memory, index);
      const holds = place?.since !== undefined && place.since < index;
      if (place === undefined || (needs && !holds))
        report("not-resident", `step ${index} '${step.node}' does not find ${label(plan, root)} in ${memory}`);
      if (!writes) continue;
      if ((flying.get(root) ?? -1) >= index)
        report("copy-raced", `step ${index} '${step.node}' writes ${label(plan, root)} while it is copied`);
      for (const other of places.get(root) ?? []) other.since = other === place ? index : undefined;
    }
  };
  let next = 0;
  plan.steps.forEach((step, index) => {
    if (step.kind === "copy") copy(step, index);
    else run(kernels[next++]!);
  });
  const end = Math.max(1, plan.steps.length) - 1;
  for (const root of new Set(plan.outputs.map((id) => values[id]!.storage.value)))
    if (values[root]!.bytes > 0 && placeOf(root, mapping.slowMemory, end)?.since === undefined)
      report("not-resident", `output ${label(plan, root)} is not in ${mapping.slowMemory} at the end`);
}

function copyFault(plan: Plan, mapping: PlanMapping, step: Copy, index: number): string | undefined {
  const names = [mapping.fastMemory, mapping.slowMemory];
  if (!names.includes(step.from) || !names.includes(step.to) || step.from === step.to)
    return `goes from ${step.from} to ${step.to}, not between the mapped memories`;
  if (plan.values[step.value]!.storage.value !== step.value) return "is of a part of a storage";
  if (step.start !== index) return `starts at ${step.start}`;
  if (step.done !== index && (step.done < index || plan.steps[step.done]?.kind !== "kernel"))
    return `is done at ${step.done}, where no kernel ends`;
  return undefined;
}

/**
 * Replays the plan: a kernel takes its roofline with what it finds where; copies move in the slow bandwidth that it
 * leaves, earliest deadline first, and what is left at its deadline is waited for.
 */
function checkTime(
  plan: Plan,
  mapping: PlanMapping,
  kernels: readonly MappedStep[],
  machine: Machine,
  report: Report,
): void {
  const { bandwidth } = machine;
  const queue: { readonly index: number; readonly done: number; left: number }[] = [];
  let seconds = 0;
  let allSlow = 0;
  let allFast = 0;
  let next = 0;
  const stall = (stated: number, actual: number, index: number): void => {
    seconds += actual;
    if (!close(stated, actual, Math.max(stated, actual, seconds)))
      report("wrong-stall", `after step ${index} the program waits for copies for ${actual} s, not ${stated}`);
  };
  plan.steps.forEach((step, index) => {
    if (step.kind === "copy") {
      const { bytes } = plan.values[step.value]!;
      if (step.done === index) stall(step.stallSeconds ?? 0, bytes / bandwidth, index);
      else queue.push({ index, done: step.done, left: bytes });
      return;
    }
    const kernel = kernels[next++]!;
    const { compute, base } = stepFloor(kernel, plan, machine);
    const sum = (of: (access: MappedStep["accesses"][number]) => number): number =>
      kernel.accesses.reduce((total, access) => total + of(access), 0);
    const slow = machine.slowDirect ? sum((access) => (access.fast ? 0 : slowBytesOf(access))) : 0;
    const time = Math.max(
      compute,
      base + slow / bandwidth + sum((access) => (access.fast ? fastTimeOf(access, machine) : 0)),
    );
    if (!close(step.seconds, time))
      report("wrong-seconds", `step ${index} '${step.node}' takes ${time} s as it is mapped, not ${step.seconds}`);
    seconds += time;
    allSlow += Math.max(compute, base + sum(slowBytesOf) / bandwidth);
    allFast += Math.max(compute, base + sum((access) => fastTimeOf(access, machine)));
    queue.sort((a, b) => a.done - b.done || a.index - b.index);
    let idle = time * bandwidth - slow;
    for (const copy of queue) {
      if (idle <= 0) break;
      const moved = Math.min(idle, copy.left);
      copy.left -= moved;
      idle -= moved;
    }
    let stated = 0;
    let actual = 0;
    for (; queue[0] !== undefined && queue[0].done <= index; queue.shift()) {
      const copied = plan.steps[queue[0].index] as Copy;
      stated += copied.stallSeconds ?? 0;
      // What rounding leaves of a copy is no wait.
      if (queue[0].left > TOLERANCE * plan.values[copied.value]!.bytes) actual += queue[0].left / bandwidth;
    }
    stall(stated, actual, index);
  });
  const equal = (what: string, stated: number, actual: number): void => {
    if (!close(stated, actual)) report("wrong-seconds", `${what} is stated as ${stated}, but is ${actual}`);
  };
  equal("seconds", plan.summary.seconds, seconds);
  equal("allSlowSeconds", mapping.allSlowSeconds, allSlow);
  equal("allFastSeconds", mapping.allFastSeconds, allFast);
}

/** The bound is what the stored multipliers prove, and no plan is below it. */
function checkBound(
  plan: Plan,
  mapping: PlanMapping,
  kernels: readonly MappedStep[],
  machine: Machine,
  report: Report,
): void {
  const moments = kernels.length + 1;
  for (const [name, list] of Object.entries({
    capacity: mapping.capacity,
    lambda: mapping.lambda,
    beta: mapping.beta,
    mu: mapping.mu,
  }))
    if (list.length !== moments) {
      report("wrong-certificate", `${name} has ${list.length} entries for ${moments} moments`);
      return;
    }
  if (mapping.kappa.length !== mapping.units.length || mapping.kappa.some((list) => list.length !== moments)) {
    report("wrong-certificate", "the rounding cuts and their prices do not fit together");
    return;
  }
  const fault = capacityFault(plan, mapping, kernels, machine);
  if (fault !== undefined) {
    report("wrong-certificate", fault);
    return;
  }
  const lagrangian = boundOf(plan, mapping, kernels, machine);
  const { seconds, secondsLowerBound: stated } = plan.summary;
  if (!close(mapping.lagrangianSeconds, lagrangian, seconds))
    report("wrong-certificate", `the multipliers prove ${lagrangian} s, not ${mapping.lagrangianSeconds}`);
  const { refined } = mapping;
  if (refined === undefined) {
    if (!close(stated, lagrangian, seconds))
      report("wrong-certificate", `the multipliers prove ${lagrangian} s, not ${stated}`);
    return;
  }
  const proven = refinedBoundOf(plan, mapping, refined, kernels, machine);
  if (proven === undefined) report("wrong-certificate", "the refined multipliers do not fit the plan");
  // A knapsack that is solved further proves more.
  else if (stated > proven && !close(stated, proven, seconds))
    report("wrong-certificate", `the refined multipliers prove ${proven} s, not ${stated}`);
}

/** What is explained is what slow memory serves, each access once. */
function checkDrops(
  plan: Plan,
  mapping: PlanMapping,
  kernels: readonly MappedStep[],
  machine: Machine,
  report: Report,
): void {
  const slow = new Set<string>();
  for (const { index, accesses } of kernels)
    for (const { root, fast } of accesses)
      // Of what is staged, the steps don't say so.
      if (plan.values[root]!.bytes > 0 && (!fast || !machine.slowDirect)) slow.add(`${index},${root}`);
  for (const { step, value } of mapping.drops)
    if (!slow.delete(`${step},${value}`))
      report("wrong-drop", `step ${step} does not find value ${value} in slow memory, but it is explained`);
  if (machine.slowDirect && slow.size > 0)
    report("wrong-drop", `${slow.size} accesses of slow memory are not explained`);
}
