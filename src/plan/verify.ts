/**
 * The verifier: decides whether a plan is consistent, from the plan alone. It imports only the schema,
 * shares no code with the passes, and is never off. Small on purpose; one function a rule.
 */
import type { Plan } from "./schema.ts";
import { checkPackings } from "./verify-packing.ts";
import { checkMapping } from "./verify-mapping.ts";

export interface Violation {
  readonly code: string;
  readonly message: string;
}

const BITS: Readonly<Record<Plan["values"][number]["dtype"], number>> = {
  float32: 32,
  float64: 64,
  float16: 16,
  bfloat16: 16,
  int8: 8,
  int16: 16,
  int32: 32,
  int64: 64,
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
  int2: 2,
  int4: 4,
  uint2: 2,
  uint4: 4,
  float8e4m3fn: 8,
  float8e4m3fnuz: 8,
  float8e5m2: 8,
  float8e5m2fnuz: 8,
  float8e8m0: 8,
  float4e2m1: 4,
  bool: 8,
  string: 128,
  complex64: 64,
  complex128: 128,
};

/** Faults reported at most: a broken plan can break every rule everywhere. */
const MAX_VIOLATIONS = 1000;

/** All rules that `plan` breaks; empty where it is consistent. */
export function verify(plan: Plan): Violation[] {
  const found: Violation[] = [];
  const report = (code: string, message: string): void => {
    if (found.length < MAX_VIOLATIONS) found.push({ code, message });
  };
  checkReferences(plan, report);
  // The other rules follow references: they need them whole.
  if (found.length > 0) return found;
  checkValues(plan, report);
  if (found.length > 0) return found;
  checkPlacements(plan, report);
  checkOverlap(plan, report);
  checkContents(plan, report);
  checkResidence(plan, report);
  if (plan.certificate.mapping === undefined) checkMoves(plan, report);
  checkMapping(plan, report);
  checkCopies(plan, report);
  checkPackings(plan, report);
  if (found.length === 0) checkSummary(plan, report);
  return found;
}

type Report = (code: string, message: string) => void;
type Step = Plan["steps"][number];
type Kernel = Extract<Step, { kind: "kernel" }>;

const kernels = (steps: readonly Step[]): Kernel[] => steps.filter((step) => step.kind === "kernel");
const label = (plan: Plan, id: number): string => `'${plan.values[id]?.name ?? id}'`;

/** Every id, memory and position names something. */
function checkReferences(plan: Plan, report: Report): void {
  const { values, target } = plan;
  const memories = new Set(target.memories.map((memory) => memory.name));
  if (memories.size !== target.memories.length) report("duplicate-memory", "two memories have one name");
  for (const name of [target.arenaMemory, target.weightsMemory])
    if (!memories.has(name)) report("unknown-memory", `the target has no memory '${name}'`);
  const known = (id: number | null, where: string): void => {
    if (id !== null && values[id] === undefined) report("unknown-value", `${where} names value ${id}`);
  };
  values.forEach((value, index) => {
    if (value.id !== index) report("wrong-id", `value ${index} has id ${value.id}`);
    known(value.storage.value, `the storage of ${label(plan, index)}`);
    known(value.viewOf, `view ${label(plan, index)}`);
  });
  for (const id of [...plan.inputs, ...plan.outputs]) known(id, "the plan's inputs or outputs");
  for (const step of [...plan.init, ...plan.steps]) {
    if (step.kind === "copy") {
      known(step.value, "a copy");
      for (const name of [step.from, step.to])
        if (!memories.has(name)) report("unknown-memory", `a copy names memory '${name}'`);
    } else {
      for (const id of [...step.reads, ...step.writes]) known(id, `step '${step.node}'`);
      if (step.dispatch !== null && plan.calls[step.dispatch.call] === undefined)
        report("unknown-call", `step '${step.node}' is a dispatch of call ${step.dispatch.call}`);
    }
  }
  for (const call of plan.calls)
    for (const id of [...call.reads, ...call.writes]) known(id, `a call of '${call.node}'`);
  if (plan.calls.length > 0 && plan.trace === null) report("no-trace", "there are calls, but no trace to hold them to");
  for (const { value, memory } of plan.placements) {
    known(value, "a placement");
    if (!memories.has(memory)) report("unknown-memory", `a placement names memory '${memory}'`);
  }
}

/** Sizes follow from types and shapes; storage holds what lies in it; views show something inside. */
function checkValues(plan: Plan, report: Report): void {
  const { values } = plan;
  const names = new Set<string>();
  for (const value of values) {
    if (names.has(value.name)) report("duplicate-name", `two values are called ${label(plan, value.id)}`);
    names.add(value.name);
    const count = value.shape.reduce((product, dim) => product * dim, 1);
    const bytes = Math.ceil((count * BITS[value.dtype]) / 8);
    if (!Number.isSafeInteger(bytes) || bytes !== value.bytes)
      report(
        "wrong-bytes",
        `${label(plan, value.id)} is ${value.dtype}[${value.shape.join(",")}], which is ${bytes} bytes, not ${value.bytes}`,
      );
    const root = values[value.storage.value]!;
    if (root.storage.value !== root.id || root.storage.offset !== 0 || root.viewOf !== null)
      report(
        "storage-not-root",
        `${label(plan, value.id)} lies in ${label(plan, root.id)}, which is no storage of its own`,
      );
    if (value.storage.offset + value.bytes > root.bytes)
      report("outside-storage", `${label(plan, value.id)} reaches past the end of ${label(plan, root.id)}`);
    const element = Math.max(1, (BITS[value.dtype] === 128 ? 64 : BITS[value.dtype]) / 8);
    if (value.storage.offset % element !== 0)
      report(
        "misaligned",
        `${label(plan, value.id)} lies at byte ${value.storage.offset}, not a multiple of ${element}`,
      );
    if (value.viewOf === null) continue;
    const shown = values[value.viewOf]!;
    if (shown.id >= value.id) report("view-order", `view ${label(plan, value.id)} comes before what it shows`);
    const inside = value.storage.offset - shown.storage.offset;
    if (shown.storage.value !== value.storage.value || inside < 0 || inside + value.bytes > shown.bytes)
      report("outside-view", `view ${label(plan, value.id)} shows bytes that are not of ${label(plan, shown.id)}`);
    if ((value.kind === "weight") !== (shown.kind === "weight") && value.kind !== "temporary")
      report("view-kind", `view ${label(plan, value.id)} is a ${value.kind}, what it shows is a ${shown.kind}`);
  }
  for (const id of plan.inputs)
    if (values[id]!.kind !== "input") report("wrong-kind", `input ${label(plan, id)} is of kind ${values[id]!.kind}`);
  const inputs = new Set(plan.inputs);
  if (inputs.size !== plan.inputs.length) report("duplicate-input", "an input stands twice");
  for (const value of values) {
    if (value.kind === "input" && !inputs.has(value.id))
      report("wrong-kind", `${label(plan, value.id)} is of kind input but not among the inputs`);
    if (value.kind === "input" && value.storage.value !== value.id)
      report("wrong-kind", `input ${label(plan, value.id)} has no storage of its own`);
    if (value.source !== null && (value.viewOf !== null || (value.kind !== "weight" && value.kind !== "temporary")))
      report("wrong-kind", `${label(plan, value.id)} has a source but is no constant`);
  }
}

/** Every placement is a whole storage root, inside its memory, aligned, in an interval of the run. */
function checkPlacements(plan: Plan, report: Report): void {
  const end = Math.max(1, plan.steps.length);
  const { mapping } = plan.certificate;
  const memories = new Map(plan.target.memories.map((memory) => [memory.name, memory]));
  for (const placed of plan.placements) {
    const value = plan.values[placed.value]!;
    const memory = memories.get(placed.memory)!;
    const name = label(plan, placed.value);
    if (value.storage.value !== value.id)
      report("not-a-root", `${name} is placed, but lies in ${label(plan, value.storage.value)}`);
    if (placed.bytes !== value.bytes)
      report("wrong-bytes", `${name} has ${value.bytes} bytes, its placement ${placed.bytes}`);
    if (placed.offset % memory.alignment !== 0)
      report("misaligned", `${name} lies at ${placed.offset}, not a multiple of ${memory.alignment}`);
    if (placed.offset + placed.bytes > memory.bytes)
      report(
        "outside-memory",
        `${name} ends at ${placed.offset + placed.bytes}, ${placed.memory} has ${memory.bytes} bytes`,
      );
    if (placed.from >= placed.to || placed.to > end)
      report("bad-interval", `${name} is placed for [${placed.from},${placed.to})`);
    // Mapped plans have copies of weights in the fast memory too.
    const isCopy = mapping !== undefined && placed.memory === mapping.fastMemory;
    if (
      value.kind === "weight" &&
      !isCopy &&
      (placed.memory !== plan.target.weightsMemory || placed.from !== 0 || placed.to !== end)
    )
      report("weight-not-resident", `weight ${name} must be in ${plan.target.weightsMemory} for the whole run`);
  }
}

/** No two placements share an address at one time: a sweep over time with the live ones kept by address. */
function checkOverlap(plan: Plan, report: Report): void {
  for (const { name } of plan.target.memories) {
    const placed = plan.placements
      .filter((placement) => placement.memory === name && placement.bytes > 0)
      .sort((a, b) => a.from - b.from);
    const leaving = [...placed].sort((a, b) => a.to - b.to);
    /** Live placements by offset; they are disjoint as long as nothing was reported. */
    const live: Plan["placements"] = [];
    const at = (offset: number): number => {
      let low = 0;
      let high = live.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (live[middle]!.offset < offset) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    let next = 0;
    for (const placement of placed) {
      for (; next < leaving.length && leaving[next]!.to <= placement.from; next++) {
        const index = live.indexOf(leaving[next]!, Math.max(0, at(leaving[next]!.offset)));
        if (index >= 0) live.splice(index, 1);
      }
      const index = at(placement.offset);
      const above = live[index];
      const below = live[index - 1];
      for (const other of [below, above]) {
        if (
          other === undefined ||
          other.offset >= placement.offset + placement.bytes ||
          placement.offset >= other.offset + other.bytes
        )
          continue;
        report(
          "overlap",
          `${label(plan, placement.value)} [${placement.from},${placement.to}) and ${label(plan, other.value)} [${other.from},${other.to}) share bytes of ${name}`,
        );
        // Disjointness is lost: the pairs after this one are not looked for.
        return;
      }
      live.splice(index, 0, placement);
    }
  }
}

interface Written {
  /** Value whose content the bytes from `start` to `end` of a storage hold. */
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

/** Every read is of a value that was written before and not overwritten since, whole. */
function checkContents(plan: Plan, report: Report): void {
  const { values } = plan;
  const held = new Map<number, Written[]>();
  const origin = (id: number): number => (values[id]!.viewOf === null ? id : origin(values[id]!.viewOf!));
  const write = (id: number): void => {
    const { storage, bytes } = values[id]!;
    const start = storage.offset;
    const end = start + bytes;
    const kept = (held.get(storage.value) ?? []).flatMap((old) => {
      if (old.end <= start || old.start >= end) return [old];
      return [
        { ...old, end: Math.min(old.end, start) },
        { ...old, start: Math.max(old.start, end) },
      ].filter((part) => part.start < part.end);
    });
    kept.push({ value: id, start, end });
    held.set(storage.value, kept);
  };
  const holds = (id: number): boolean => {
    const { storage, bytes } = values[id]!;
    const wanted = origin(id);
    if (bytes === 0) return true;
    return (held.get(storage.value) ?? []).some(
      (part) => part.value === wanted && part.start <= storage.offset && storage.offset + bytes <= part.end,
    );
  };
  const written = new Set<number>();
  const run = (step: Kernel, atLoad: boolean): void => {
    for (const id of step.reads) {
      if (!written.has(origin(id)))
        report("read-before-write", `step '${step.node}' reads ${label(plan, id)}, which was never written`);
      else if (!holds(id))
        report("read-overwritten", `step '${step.node}' reads ${label(plan, id)}, whose bytes were overwritten`);
      if (atLoad && !isConstant(values[id]!.kind))
        report("load-reads-run", `load-time step '${step.node}' reads ${label(plan, id)}`);
    }
    for (const id of step.writes) {
      const value = values[id]!;
      if (value.viewOf !== null)
        report("writes-view", `step '${step.node}' writes ${label(plan, id)}, which is a view`);
      if (written.has(id)) report("written-twice", `${label(plan, id)} is written twice, by '${step.node}' too`);
      if (value.source !== null || value.kind === "input")
        report("writes-constant", `step '${step.node}' writes ${label(plan, id)}, which is given`);
      if (atLoad !== (value.kind === "weight") && !(atLoad && value.kind === "temporary"))
        report(
          "wrong-kind",
          `step '${step.node}' writes ${label(plan, id)} of kind ${value.kind} at ${atLoad ? "load" : "run"} time`,
        );
      if (!atLoad && values[value.storage.value]!.kind === "weight")
        report("weight-overwritten", `step '${step.node}' writes into weight ${label(plan, value.storage.value)}`);
    }
    checkWithinStep(plan, step, report);
    for (const id of step.writes) {
      written.add(id);
      write(id);
    }
  };
  for (const value of values) {
    if (value.kind !== "input" && value.source === null) continue;
    written.add(value.id);
    write(value.id);
  }
  for (const step of plan.init) run(step, true);
  for (const step of kernels(plan.steps)) run(step, false);
  for (const value of values) {
    if (value.kind === "weight" && !written.has(origin(value.id)))
      report("read-before-write", `weight ${label(plan, value.id)} is never made`);
  }
  for (const id of plan.outputs) {
    if (!written.has(origin(id))) report("read-before-write", `output ${label(plan, id)} is never written`);
    else if (!holds(id)) report("read-overwritten", `output ${label(plan, id)} is overwritten before the end`);
  }
}

const isConstant = (kind: string): boolean => kind === "weight" || kind === "temporary";

/** Whether a step concatenates operands that lie end to end where its one result does: it has nothing to move. */
function isConcatInPlace(plan: Plan, step: Kernel): boolean {
  const { values } = plan;
  const { kernel, reads, writes, attrs } = step.dispatch === null ? step : plan.calls[step.dispatch.call]!;
  const result = values[step.writes[0]!]!;
  const axis = attrs.find(({ name }) => name === "axis")?.value;
  const isWhole = step.writes.length === 1 && `${reads};${writes}` === `${step.reads};${step.writes}`;
  if (kernel !== "Concat" || !isWhole || typeof axis !== "number") return false;
  if (result.shape.slice(0, axis).some((dim) => dim !== 1)) return false;
  let at = result.storage.offset;
  for (const id of step.reads) {
    const { storage, bytes, dtype } = values[id]!;
    if (storage.value !== result.storage.value || storage.offset !== at || dtype !== result.dtype) return false;
    at += bytes;
  }
  return at === result.storage.offset + result.bytes;
}

/** What one step writes is apart from what else it writes, and lies over an operand only as a whole, in place. */
function checkWithinStep(plan: Plan, step: Kernel, report: Report): void {
  const { values } = plan;
  const share = (a: number, b: number): boolean => {
    const x = values[a]!;
    const y = values[b]!;
    return (
      x.storage.value === y.storage.value &&
      x.storage.offset < y.storage.offset + y.bytes &&
      y.storage.offset < x.storage.offset + x.bytes
    );
  };
  step.writes.forEach((id, i) => {
    for (const other of step.writes.slice(i + 1))
      if (share(id, other))
        report(
          "writes-overlap",
          `step '${step.node}' writes ${label(plan, id)} and ${label(plan, other)} to the same bytes`,
        );
    for (const operand of step.reads) {
      if (!share(id, operand)) continue;
      const same =
        values[id]!.storage.offset === values[operand]!.storage.offset && values[id]!.bytes === values[operand]!.bytes;
      if (i > 0 || !(same || isConcatInPlace(plan, step)))
        report(
          "in-place-partial",
          `step '${step.node}' writes ${label(plan, id)} over a part of its operand ${label(plan, operand)}`,
        );
    }
  });
}

/** Everything a step touches is placed while it runs; inputs from the start, outputs to the end, content kept in between. */
function checkResidence(plan: Plan, report: Report): void {
  const { values } = plan;
  const end = Math.max(1, plan.steps.length);
  const placed = new Map<number, Plan["placements"]>();
  for (const placement of plan.placements)
    placed.set(placement.value, [...(placed.get(placement.value) ?? []), placement]);
  const needs = new Map<number, { from: number; to: number }>();
  const need = (id: number, from: number, to: number): void => {
    const root = values[id]!.storage.value;
    const known = needs.get(root);
    needs.set(root, { from: Math.min(from, known?.from ?? from), to: Math.max(to, known?.to ?? to) });
  };
  for (const id of plan.inputs) need(id, 0, 1);
  plan.steps.forEach((step, i) => {
    if (step.kind === "kernel") for (const id of [...step.reads, ...step.writes]) need(id, i, i + 1);
  });
  for (const id of plan.outputs) need(id, end - 1, end);
  for (const [root, { from, to }] of needs) {
    const spans = [...(placed.get(root) ?? [])].sort((a, b) => a.from - b.from);
    let reached = from;
    for (const span of spans) if (span.from <= reached) reached = Math.max(reached, span.to);
    if (reached < to)
      report(
        "not-resident",
        `${label(plan, root)} is needed for [${from},${to}), but placed for ${spans.map((span) => `[${span.from},${span.to})`).join(" ") || "nothing"}`,
      );
  }
}

/**
 * Storage with several places, or with one that kernels can't reach: each place holds the content only
 * after a write or a copy put it there, and until a write elsewhere makes it stale.
 */
function checkMoves(plan: Plan, report: Report): void {
  const { values, target } = plan;
  const indirect = new Set(target.memories.flatMap((memory) => (memory.direct === false ? [memory.name] : [])));
  interface Place {
    readonly placed: Plan["placements"][number];
    /** Step after which it holds the content; undefined while it does not. */
    since: number | undefined;
  }
  const places = new Map<number, Place[]>();
  for (const placed of plan.placements) {
    if (values[placed.value]!.kind === "weight") continue;
    const list = places.get(placed.value);
    if (list === undefined) places.set(placed.value, [{ placed, since: undefined }]);
    else list.push({ placed, since: undefined });
  }
  for (const [root, list] of places)
    if (list.length === 1 && !indirect.has(list[0]!.placed.memory)) places.delete(root);
  if (places.size === 0) return;
  const at = (root: number, step: number): Place[] =>
    (places.get(root) ?? []).filter(({ placed }) => placed.from <= step && step < placed.to);
  const reached = (root: number, step: number): Place[] =>
    at(root, step).filter(({ placed }) => !indirect.has(placed.memory));
  const write = (root: number, step: number): void => {
    const here = reached(root, step);
    for (const place of places.get(root)!) place.since = here.includes(place) ? step : undefined;
    if (here.length === 0)
      report("not-resident", `${label(plan, root)} is written at ${step} where no kernel reaches it`);
  };
  for (const id of plan.inputs) {
    if (!places.has(id)) continue;
    const here = reached(id, 0).length > 0 ? reached(id, 0) : at(id, 0);
    for (const place of here) place.since = -1;
  }
  plan.steps.forEach((step, i) => {
    if (step.kind === "copy") {
      const source = at(step.value, i).find(({ placed }) => placed.memory === step.from);
      const goal = at(step.value, i).find(({ placed }) => placed.memory === step.to);
      if (step.start > i || i > step.done)
        report(
          "bad-interval",
          `the copy of ${label(plan, step.value)} at ${i} runs from step ${step.start} to ${step.done}`,
        );
      if (source?.since === undefined || source.since >= step.start || goal === undefined)
        report("copy-of-nothing", `the copy of ${label(plan, step.value)} at ${i} has no content to copy, or no place`);
      else goal.since = step.done;
      return;
    }
    for (const id of step.reads) {
      const root = values[id]!.storage.value;
      if (places.has(root) && !reached(root, i).some(({ since }) => since !== undefined && since < i))
        report(
          "not-resident",
          `step '${step.node}' reads ${label(plan, id)} at ${i}, where no kernel reaches its content`,
        );
    }
    for (const root of new Set(step.writes.map((id) => values[id]!.storage.value)))
      if (places.has(root)) write(root, i);
  });
  const end = Math.max(1, plan.steps.length);
  for (const root of new Set(plan.outputs.map((id) => values[id]!.storage.value)))
    if (places.has(root) && !at(root, end - 1).some(({ since }) => since !== undefined))
      report("not-resident", `output ${label(plan, root)} is nowhere at the end`);
}

/** Copies go along a link, within its bandwidth, between places that hold the value. */
function checkCopies(plan: Plan, report: Report): void {
  const starts = [0];
  for (const step of plan.steps) starts.push(starts.at(-1)! + (step.kind === "kernel" ? step.seconds : 0));
  plan.steps.forEach((step, i) => {
    if (step.kind !== "copy") return;
    const name = label(plan, step.value);
    const link = plan.target.links.find((candidate) => candidate.from === step.from && candidate.to === step.to);
    if (link === undefined) {
      report("no-link", `the copy of ${name} at ${i} goes from ${step.from} to ${step.to}, where there is no link`);
      return;
    }
    if (step.start > step.done || step.done >= plan.steps.length) {
      report("bad-interval", `the copy of ${name} runs from step ${step.start} to ${step.done}`);
      return;
    }
    // Copies of mapped plans share the bandwidth: a replay shows whether they are in time (verify-mapping.ts).
    if (plan.certificate.mapping !== undefined) return;
    const seconds = starts[step.done + 1]! - starts[step.start]!;
    if (link.overlapsCompute && plan.values[step.value]!.bytes / link.bytesPerSecond > seconds * (1 + 1e-9))
      report("too-fast", `the copy of ${name} takes longer than steps ${step.start} to ${step.done}`);
    for (const [memory, at] of [
      [step.from, step.start],
      [step.to, step.done],
    ] as const) {
      const there = plan.placements.some(
        (placement) =>
          placement.value === step.value && placement.memory === memory && placement.from <= at && at < placement.to,
      );
      if (!there) report("not-resident", `the copy of ${name} needs it in ${memory} at step ${at}`);
    }
  });
}

/** Peaks, bytes, seconds and bounds are what the placements and steps give. */
function checkSummary(plan: Plan, report: Report): void {
  const { summary, target, values } = plan;
  const equal = (what: string, stated: number | undefined, computed: number): void => {
    if (stated !== computed) report("wrong-summary", `${what} is stated as ${stated}, but is ${computed}`);
  };
  const isWeight = (id: number): boolean => values[id]!.kind === "weight";
  const top = (placements: Plan["placements"]): number =>
    placements.reduce((most, placed) => Math.max(most, placed.offset + placed.bytes), 0);
  const bounds = lowerBounds(plan);
  for (const { name } of target.memories) {
    const peak = top(plan.placements.filter((placed) => placed.memory === name));
    equal(`peakBytes of ${name}`, summary.peakBytes[name], peak);
    equal(`lowerBoundBytes of ${name}`, summary.lowerBoundBytes[name], bounds.bytes.get(name) ?? 0);
    if (peak < (bounds.bytes.get(name) ?? 0)) report("below-bound", `the peak of ${name} is below its lower bound`);
  }
  for (const record of [summary.peakBytes, summary.lowerBoundBytes]) {
    for (const name of Object.keys(record))
      if (!target.memories.some((memory) => memory.name === name))
        report("unknown-memory", `the summary names memory '${name}'`);
  }
  equal(
    "arenaBytes",
    summary.arenaBytes,
    top(plan.placements.filter((placed) => !isWeight(placed.value) && placed.memory === target.arenaMemory)),
  );
  equal("arenaLowerBoundBytes", summary.arenaLowerBoundBytes, bounds.arena);
  equal(
    "weightsBytes",
    summary.weightsBytes,
    plan.placements
      .filter((placed) => isWeight(placed.value) && placed.memory === target.weightsMemory)
      .reduce((sum, placed) => sum + placed.bytes, 0),
  );
  const written = new Set([...plan.inputs, ...kernels(plan.steps).flatMap((step) => step.writes)]);
  equal(
    "unplannedBytes",
    summary.unplannedBytes,
    [...written].reduce((sum, id) => sum + values[id]!.bytes, 0),
  );
  const seconds = kernels(plan.steps).reduce((sum, step) => sum + step.seconds, 0);
  const close = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
  if (plan.steps.every((step) => step.kind === "kernel") && !close(summary.seconds, seconds))
    report("wrong-summary", `seconds is stated as ${summary.seconds}, but is ${seconds}`);
  if (summary.secondsLowerBound > summary.seconds && !close(summary.secondsLowerBound, summary.seconds))
    report("below-bound", "seconds is below its lower bound");
  for (const { memory, step, bytes } of plan.certificate.loads) {
    if (bytes !== bounds.bytes.get(memory))
      report(
        "wrong-certificate",
        `the certificate of ${memory} names ${bytes} bytes, the bound is ${bounds.bytes.get(memory) ?? 0}`,
      );
    else if (memory === target.arenaMemory && bounds.loadAt(step) !== bounds.arena)
      report("wrong-certificate", `step ${step} does not witness the bound of ${memory}`);
  }
}

/** Bytes that must be live at once whatever the offsets: recomputed from what steps need, not from placements. */
function lowerBounds(plan: Plan): {
  readonly bytes: ReadonlyMap<string, number>;
  readonly arena: number;
  loadAt(step: number): number;
} {
  const { values, steps, target } = plan;
  const count = Math.max(1, steps.length);
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  const use = (id: number, from: number, to: number): void => {
    const root = values[id]!.storage.value;
    if (values[root]!.kind === "weight") return;
    first.set(root, Math.min(first.get(root) ?? from, from));
    last.set(root, Math.max(last.get(root) ?? to, to));
  };
  for (const id of plan.inputs) use(id, 0, 1);
  steps.forEach((step, i) => {
    if (step.kind === "kernel") for (const id of [...step.reads, ...step.writes]) use(id, i, i + 1);
  });
  for (const id of plan.outputs) use(id, count - 1, count);
  const change = new Float64Array(count + 1);
  const swapped = new Set(steps.flatMap((step) => (step.kind === "copy" ? [values[step.value]!.storage.value] : [])));
  for (const { value, memory } of plan.placements) if (memory !== target.arenaMemory) swapped.add(value);
  for (const [root, from] of first) {
    // A value that is copied away need not stay: it counts nowhere, which keeps the bound valid.
    if (swapped.has(root)) continue;
    change[from]! += values[root]!.bytes;
    change[last.get(root)!]! -= values[root]!.bytes;
  }
  const load = new Float64Array(count);
  let live = 0;
  let arena = 0;
  for (let i = 0; i < count; i++) {
    live += change[i]!;
    load[i] = live;
    arena = Math.max(arena, live);
  }
  const weights = plan.placements
    .filter((placed) => values[placed.value]!.kind === "weight" && placed.memory === target.weightsMemory)
    .reduce((sum, placed) => sum + placed.bytes, 0);
  const bytes = new Map(
    target.memories.map(({ name }) => [
      name,
      (name === target.arenaMemory ? arena : 0) + (name === target.weightsMemory ? weights : 0),
    ]),
  );
  return { bytes, arena, loadAt: (step) => load[step] ?? -1 };
}
