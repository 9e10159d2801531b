/**
 * The simulator: executes a plan's placements on tagged shadow memory, byte by byte. Each byte holds
 * the id of the value whose content it is; a placement that begins poisons its bytes, and so does one
 * that ends. It is the oracle that the verifier is tested against: it knows no rule, it only looks
 * whether every byte that a step reads is still the byte that was written.
 */
import { limitExceeded } from "../errors.ts";
import type { Plan } from "./schema.ts";
import type { Violation } from "./verify.ts";

const POISON = -1;

type Kernel = Extract<Plan["steps"][number], { kind: "kernel" }>;

interface Flight {
  readonly source: Plan["placements"][number];
  readonly target: Plan["placements"][number];
  /** Tags of the source when the copy started. */
  readonly moved: Int32Array;
}
/** Larger plans are simulated with every block scaled down to at most this many tags. */
const MAX_TAGS = 64 * 1024 * 1024;

/** What goes wrong when `plan` runs; empty where every read finds what it needs. Throws InputError `limit-exceeded` for plans too large to shadow. */
export function simulate(plan: Plan): Violation[] {
  const found: Violation[] = [];
  const report = (code: string, message: string): void => {
    if (found.length < 100) found.push({ code, message });
  };
  const { values } = plan;
  const name = (id: number): string => `'${values[id]?.name ?? id}'`;
  const grain = grainOf(plan);
  const shadows = new Map<string, Int32Array>();
  for (const { name: memory, bytes } of plan.target.memories) {
    const top = plan.placements
      .filter((placed) => placed.memory === memory)
      .reduce((most, placed) => Math.max(most, placed.offset + placed.bytes), 0);
    if (top > bytes) report("outside-memory", `${memory} has ${bytes} bytes, a placement ends at ${top}`);
    shadows.set(memory, new Int32Array(Math.ceil(top / grain)).fill(POISON));
  }
  const end = Math.max(1, plan.steps.length);
  const starting = bucket(plan.placements, (placed) => placed.from);
  const ending = bucket(plan.placements, (placed) => placed.to);
  /** Where each root lives now: memory and offset, one entry a live placement. */
  const resident = new Map<number, Plan["placements"]>();

  const range = (id: number, placed: Plan["placements"][number]): [number, number] => {
    const { storage, bytes } = values[id]!;
    const start = placed.offset + storage.offset;
    return [Math.floor(start / grain), bytes === 0 ? Math.floor(start / grain) : Math.ceil((start + bytes) / grain)];
  };
  const origin = (id: number, depth = 0): number => {
    const { viewOf } = values[id]!;
    return viewOf === null || depth > values.length ? id : origin(viewOf, depth + 1);
  };
  const intact = (id: number, placed: Plan["placements"][number]): boolean => {
    const tags = shadows.get(placed.memory)!;
    const [from, to] = range(id, placed);
    const wanted = origin(id);
    for (let i = from; i < to; i++) if (tags[i] !== wanted) return false;
    return true;
  };
  const indirect = new Set(plan.target.memories.flatMap((memory) => (memory.direct === false ? [memory.name] : [])));
  const { mapping } = plan.certificate;
  const placesOf = (id: number): Plan["placements"] => resident.get(values[id]!.storage.value) ?? [];
  /** Where a kernel reaches a value now: in mapped plans, in the memory that the step names. */
  const reached = (id: number, step?: Kernel): Plan["placements"] => {
    if (mapping === undefined || step === undefined || values[id]!.bytes === 0)
      return placesOf(id).filter((placed) => !indirect.has(placed.memory) || values[id]!.bytes === 0);
    const fast = step.fast?.includes(values[id]!.storage.value) === true;
    const memory = fast ? mapping.fastMemory : mapping.slowMemory;
    return indirect.has(memory) ? [] : placesOf(id).filter((placed) => placed.memory === memory);
  };
  /** Where the caller puts an input: where kernels reach it, or else wherever it is; in the slow memory of a mapping. */
  const given = (id: number): Plan["placements"] => {
    if (mapping !== undefined) return placesOf(id).filter((placed) => placed.memory === mapping.slowMemory);
    return reached(id).length > 0 ? reached(id) : placesOf(id);
  };
  const mark = (id: number, tag: number, places: Plan["placements"]): void => {
    for (const placed of places) {
      const [from, to] = range(id, placed);
      shadows.get(placed.memory)!.fill(tag, from, to);
    }
  };
  const read = (id: number, who: string, places: Plan["placements"]): void => {
    if (places.length === 0) report("not-resident", `${who} reads ${name(id)}, which is nowhere`);
    else if (!places.some((placed) => intact(id, placed)))
      report("wrong-content", `${who} reads ${name(id)}, whose bytes hold something else`);
  };

  /** Copies under way: they read their source until they are done. */
  const flying: { readonly value: number; readonly done: number; readonly flight: Flight }[] = [];
  const land = (id: number, { source, target, moved }: Flight): void => {
    const from = shadows.get(source.memory)!.subarray(...range(id, source));
    const to = shadows.get(target.memory)!.subarray(...range(id, target));
    // A byte that changed on the way arrived before or after it did.
    moved.forEach((tag, k) => (to[k] = from[k] === tag ? tag : POISON));
  };

  const made = new Set<number>();
  for (const value of values) if (value.source !== null) made.add(value.id);
  for (const step of plan.init) {
    for (const id of step.reads)
      if (!made.has(origin(id))) report("read-before-write", `load-time step '${step.node}' reads ${name(id)}`);
    for (const id of step.writes) made.add(id);
  }

  for (let i = 0; i < end; i++) {
    for (const placed of ending.get(i) ?? []) {
      shadows.get(placed.memory)!.fill(POISON, ...range(placed.value, placed));
      resident.set(
        placed.value,
        (resident.get(placed.value) ?? []).filter((other) => other !== placed),
      );
    }
    for (const placed of starting.get(i) ?? []) {
      resident.set(placed.value, [...(resident.get(placed.value) ?? []), placed]);
      shadows.get(placed.memory)!.fill(POISON, ...range(placed.value, placed));
    }
    if (i === 0) {
      for (const value of values)
        if (value.kind === "weight" && value.viewOf === null && made.has(value.id))
          mark(value.id, value.id, given(value.id));
      for (const id of plan.inputs) mark(id, id, given(id));
    }
    const step = plan.steps[i];
    if (step === undefined) continue;
    if (step.kind === "copy") {
      const places = resident.get(step.value) ?? [];
      const source = places.find((placed) => placed.memory === step.from);
      const target = places.find((placed) => placed.memory === step.to);
      if (source === undefined || target === undefined)
        report("wrong-content", `the copy of ${name(step.value)} at ${i} has no source or no target`);
      else {
        const moved = shadows.get(step.from)!.slice(...range(step.value, source));
        const flight = { source, target, moved };
        // Under way, it may have changed any byte of its destination.
        shadows.get(step.to)!.fill(POISON, ...range(step.value, target));
        if (mapping === undefined || step.done <= i) land(step.value, flight);
        else flying.push({ value: step.value, done: step.done, flight });
      }
      continue;
    }
    const who = `step ${i} '${step.node}'`;
    for (const id of step.reads) read(id, who, reached(id, step));
    for (const id of step.writes) {
      if (reached(id, step).length === 0) report("not-resident", `${who} writes ${name(id)}, which is nowhere`);
      mark(id, id, reached(id, step));
    }
    // What a step wrote must still be there when it is done: two results may not lie over each other.
    for (const id of step.writes) read(id, `the end of ${who}`, reached(id, step));
    for (let k = flying.length - 1; k >= 0; k--)
      if (flying[k]!.done <= i) for (const { value, flight } of flying.splice(k, 1)) land(value, flight);
  }
  for (const id of plan.outputs) read(id, "the caller", mapping === undefined ? placesOf(id) : given(id));
  return found;
}

function bucket(
  placements: Plan["placements"],
  key: (placed: Plan["placements"][number]) => number,
): Map<number, Plan["placements"]> {
  const buckets = new Map<number, Plan["placements"]>();
  for (const placed of placements) {
    const list = buckets.get(key(placed));
    if (list === undefined) buckets.set(key(placed), [placed]);
    else list.push(placed);
  }
  return buckets;
}

/** Bytes a tag: 1, or as many as all offsets and sizes allow where a byte a tag would be too much. */
function grainOf(plan: Plan): number {
  const total = plan.target.memories.reduce(
    (sum, { name }) =>
      sum +
      plan.placements
        .filter((placed) => placed.memory === name)
        .reduce((most, placed) => Math.max(most, placed.offset + placed.bytes), 0),
    0,
  );
  // Blocks start at multiples of the alignment, so a coarser tag would lie in two of them.
  const coarsest = Math.min(...plan.target.memories.map((memory) => memory.alignment));
  let grain = 1;
  while (total / grain > MAX_TAGS && coarsest % (2 * grain) === 0) grain *= 2;
  if (total / grain > 16 * MAX_TAGS)
    throw limitExceeded("bytes that the simulator shadows", 16 * MAX_TAGS * grain, undefined);
  return grain;
}
