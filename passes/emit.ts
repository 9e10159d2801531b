/**
 * Purpose     Turns a placed Program into a Plan: JSON with every decision, its sums and its bound.
 * Requires    An Allocation of the same Program.
 * Guarantees  All figures are computed from the placements; the bound names the step that proves it.
 * Cost        Linear.
 */
import type { KernelStep, Program } from "../src/ir/types.ts";
import type { Plan, PlanMapping, PlanPacking } from "../src/plan/schema.ts";
import { copySeconds } from "../src/target/cost.ts";
import type { Target } from "../src/target/schema.ts";
import type { Allocation, MemoryPacking } from "./allocate.ts";
import { livePeak, liveRanges, momentsOf, positions } from "./liveness.ts";
import type { MemoryMapping } from "./map-memory/index.ts";
import type { MappedLayout } from "./map-memory/layout.ts";

export interface EmitFacts {
  readonly model: { readonly file: string | null; readonly sha256: string };
  readonly fileOrderPeakBytes: number;
  readonly provenance: Plan["provenance"];
  readonly trace: Plan["trace"];
  /** For a program that is mapped to two memories. */
  readonly mapped?: { readonly mapping: MemoryMapping; readonly layout: MappedLayout } | undefined;
}

const emitStep = (step: KernelStep): Extract<Plan["steps"][number], { kind: "kernel" }> => ({
  kind: "kernel",
  kernel: step.kernel,
  node: step.node,
  reads: [...step.reads],
  writes: [...step.writes],
  absentReads: [...step.absentReads],
  absentWrites: [...step.absentWrites],
  attrs: emitAttrs(step.attrs),
  opaque: step.kernel === "opaque",
  flops: step.flops,
  seconds: step.seconds,
  dispatch: step.dispatch === undefined ? null : { ...step.dispatch },
});

/** A step with its seconds where its operands are, and what it finds in fast memory. */
const emitMappedStep = (step: KernelStep, index: number, mapping: MemoryMapping): Plan["steps"][number] => ({
  ...emitStep(step),
  seconds: mapping.kernelSeconds[index]!,
  fast: [...mapping.fastAt[index]!].sort((a, b) => a - b),
});

const emitMapping = (mapping: MemoryMapping, { indexOf }: MappedLayout): PlanMapping => {
  const { fastMemory, slowMemory, method, proof, evaluations, allSlowSeconds, allFastSeconds, certificate } = mapping;
  const { lambda, units, kappa, beta, mu } = certificate;
  return {
    fastMemory,
    slowMemory,
    method,
    proof,
    evaluations,
    allSlowSeconds,
    allFastSeconds,
    capacity: [...mapping.capacity],
    lambda: [...lambda],
    units: [...units],
    kappa: kappa.map((list) => [...list]),
    beta: [...beta],
    mu: [...mu],
    lagrangianSeconds: mapping.lagrangianSeconds,
    ...(mapping.refined === undefined ? {} : { refined: mapping.refined }),
    secondsPerByte: mapping.secondsPerByte,
    drops: mapping.drops.map(({ step, ...drop }) => ({ step: indexOf[step]!, ...drop })),
  };
};

const emitPacking = ({ memory, packed }: MemoryPacking): PlanPacking => ({
  memory,
  heightBytes: packed.height,
  lowerBoundBytes: packed.lowerBound,
  bound: packed.bound ?? "load",
  step: packed.boundTime,
  method: packed.method,
  status: packed.height <= packed.lowerBound ? "optimal" : "feasible",
});

const emitAttrs = (attrs: KernelStep["attrs"]): Plan["calls"][number]["attrs"] =>
  attrs.map(({ name, value }) => ({
    name,
    value: Array.isArray(value) ? ([...value] as number[] | string[]) : (value as number | string | boolean),
  }));

/** Steps with the copies between them. */
function emitSteps(program: Program, mapped: EmitFacts["mapped"]): Plan["steps"] {
  if (mapped !== undefined)
    return mapped.layout.items.map((item) =>
      item.kind === "copy" ? { ...item } : emitMappedStep(program.steps[item.step]!, item.step, mapped.mapping),
    );
  const place = positions(program);
  const all: Plan["steps"] = [];
  program.steps.forEach((step, i) => (all[place.steps[i]!] = emitStep(step)));
  program.copies.forEach(({ value, from, to }, k) => {
    const at = place.copies[k]!;
    all[at] = { kind: "copy", value, from, to, start: at, done: at };
  });
  return all;
}

/** Seconds of the steps, and of the copies that do not run beside them. */
function secondsOf(program: Program, target: Target): number {
  const kernels = program.steps.reduce((sum, step) => sum + step.seconds, 0);
  return program.copies.reduce((sum, { value, from, to }) => {
    const link = target.links.find((candidate) => candidate.from === from && candidate.to === to);
    return link === undefined ? sum : sum + copySeconds(target, link.bytesPerSecond, program.values[value]!.bytes);
  }, kernels);
}

/** Writes the plan of a placed program. */
export function emit(program: Program, target: Target, allocation: Allocation, facts: EmitFacts): Plan {
  const { arena } = allocation;
  const { mapped } = facts;
  const placements = [...allocation.placements, ...(mapped?.layout.fast ?? [])];
  const peakBytes: Record<string, number> = {};
  const lowerBoundBytes: Record<string, number> = {};
  const loads: Plan["certificate"]["loads"] = [];
  const isWeight = (id: number): boolean => program.values[id]!.kind === "weight";
  const moved = new Set(program.copies.map((copy) => copy.value));
  // What is copied away need not stay: it counts nowhere, which keeps the bound valid.
  const ranges = mapped?.layout.held ?? liveRanges(program).filter(({ root }) => !moved.has(root));
  const peak = livePeak(ranges, mapped?.layout.items.length ?? momentsOf(program));
  const weightsBytes = placements
    .filter((placed) => isWeight(placed.value) && placed.memory === target.weightsMemory)
    .reduce((sum, placed) => sum + placed.bytes, 0);
  for (const memory of target.memories) {
    const here = placements.filter((placed) => placed.memory === memory.name);
    peakBytes[memory.name] = here.reduce((top, placed) => Math.max(top, placed.offset + placed.bytes), 0);
    const bound =
      (memory.name === target.arenaMemory ? peak.bytes : 0) + (memory.name === target.weightsMemory ? weightsBytes : 0);
    lowerBoundBytes[memory.name] = bound;
    if (here.length > 0)
      loads.push({ memory: memory.name, step: memory.name === target.arenaMemory ? peak.step : 0, bytes: bound });
  }
  const arenaBytes = placements
    .filter((placed) => !isWeight(placed.value) && placed.memory === target.arenaMemory)
    .reduce((top, placed) => Math.max(top, placed.offset + placed.bytes), 0);
  const written = new Set([...program.inputs, ...program.steps.flatMap((step) => step.writes)]);
  const kernelSeconds = program.steps.reduce((sum, step) => sum + step.seconds, 0);
  const seconds = mapped?.mapping.seconds ?? secondsOf(program, target);
  return {
    strata: 1,
    model: {
      name: program.name,
      file: facts.model.file,
      sha256: facts.model.sha256,
      dims: Object.fromEntries(program.dims.map((dim) => [dim.name, dim.size])),
      specialized: program.specialized.map((entry) => ({
        input: program.values[entry.value]!.name,
        base64: entry.base64,
      })),
    },
    target: {
      name: target.name,
      executor: target.executor,
      memories: target.memories,
      links: target.links,
      flopsPerSecond: target.flopsPerSecond,
      launchSeconds: target.launchSeconds,
      arenaMemory: target.arenaMemory,
      weightsMemory: target.weightsMemory,
    },
    values: program.values.map((value) => ({
      id: value.id,
      name: value.name,
      kind: value.kind,
      dtype: value.dtype,
      shape: [...value.shape],
      bytes: value.bytes,
      layout: "dense",
      storage: { ...value.storage },
      viewOf: value.viewOf ?? null,
      source: value.source ?? null,
    })),
    inputs: [...program.inputs],
    outputs: [...program.outputs],
    init: program.init.map(emitStep),
    steps: emitSteps(program, mapped),
    calls: program.calls.map(({ kernel, node, reads, writes, absentReads, absentWrites, attrs }) => ({
      kernel,
      node,
      reads: [...reads],
      writes: [...writes],
      absentReads: [...absentReads],
      absentWrites: [...absentWrites],
      attrs: emitAttrs(attrs),
    })),
    trace: facts.trace,
    placements: placements.map((placed) => ({ ...placed })),
    summary: {
      peakBytes,
      lowerBoundBytes,
      arenaBytes,
      arenaLowerBoundBytes: peak.bytes,
      weightsBytes,
      unplannedBytes: [...written].reduce((sum, id) => sum + program.values[id]!.bytes, 0),
      fileOrderPeakBytes: facts.fileOrderPeakBytes,
      seconds,
      secondsLowerBound: mapped?.mapping.bound ?? kernelSeconds,
    },
    certificate: {
      loads,
      status: arena.height <= arena.lowerBound ? "optimal" : "feasible",
      packings: allocation.packings.map(emitPacking),
      ...(mapped === undefined ? {} : { mapping: emitMapping(mapped.mapping, mapped.layout) }),
    },
    provenance: facts.provenance,
  };
}
