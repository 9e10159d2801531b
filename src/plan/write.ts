/** Plan -> canonical JSON: keys in schema order, one array element a line, a newline at the end. Same plan, same bytes. */
import type { Plan, PlanMapping, PlanPacking } from "./schema.ts";

/** Keys of objects that users or targets name are sorted by code unit; all others keep the order of the schema. */
const sorted = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

const lines = (items: readonly unknown[]): string =>
  items.length === 0 ? "[]" : `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(",\n")}\n  ]`;

/** The plan's text. */
export function writePlan(plan: Plan): string {
  const { model, target, values, placements, summary, certificate, provenance } = plan;
  const steps = plan.steps.map(orderStep);
  const fields: readonly (readonly [string, string])[] = [
    ["strata", "1"],
    [
      "model",
      JSON.stringify({
        name: model.name,
        file: model.file,
        sha256: model.sha256,
        dims: sorted(model.dims),
        specialized: model.specialized.map(({ input, base64 }) => ({ input, base64 })),
      }),
    ],
    [
      "target",
      JSON.stringify({
        name: target.name,
        executor: target.executor,
        memories: target.memories.map((memory) => ({
          name: memory.name,
          bytes: memory.bytes,
          alignment: memory.alignment,
          readBytesPerSecond: memory.readBytesPerSecond,
          writeBytesPerSecond: memory.writeBytesPerSecond,
          ...(memory.direct === undefined ? {} : { direct: memory.direct }),
        })),
        links: target.links.map(({ from, to, bytesPerSecond, channels, overlapsCompute }) => ({
          from,
          to,
          bytesPerSecond,
          channels,
          overlapsCompute,
        })),
        flopsPerSecond: target.flopsPerSecond,
        launchSeconds: target.launchSeconds,
        arenaMemory: target.arenaMemory,
        weightsMemory: target.weightsMemory,
      }),
    ],
    [
      "values",
      lines(
        values.map(({ id, name, kind, dtype, shape, bytes, layout, storage, viewOf, source }) => ({
          id,
          name,
          kind,
          dtype,
          shape,
          bytes,
          layout,
          storage: { value: storage.value, offset: storage.offset },
          viewOf,
          source:
            source === null
              ? null
              : source.kind === "model"
                ? { kind: source.kind, name: source.name }
                : { kind: source.kind, base64: source.base64 },
        })),
      ),
    ],
    ["inputs", JSON.stringify(plan.inputs)],
    ["outputs", JSON.stringify(plan.outputs)],
    ["init", lines(plan.init.map(orderStep))],
    ["steps", lines(steps)],
    ["calls", lines(plan.calls.map(orderCall))],
    [
      "trace",
      JSON.stringify(plan.trace === null ? null : { sha256: plan.trace.sha256, limits: sorted(plan.trace.limits) }),
    ],
    [
      "placements",
      lines(
        placements.map(({ value, memory, offset, bytes, from, to }) => ({ value, memory, offset, bytes, from, to })),
      ),
    ],
    [
      "summary",
      JSON.stringify({
        peakBytes: sorted(summary.peakBytes),
        lowerBoundBytes: sorted(summary.lowerBoundBytes),
        arenaBytes: summary.arenaBytes,
        arenaLowerBoundBytes: summary.arenaLowerBoundBytes,
        weightsBytes: summary.weightsBytes,
        unplannedBytes: summary.unplannedBytes,
        fileOrderPeakBytes: summary.fileOrderPeakBytes,
        seconds: summary.seconds,
        secondsLowerBound: summary.secondsLowerBound,
      }),
    ],
    [
      "certificate",
      JSON.stringify({
        loads: certificate.loads.map(({ memory, step, bytes }) => ({ memory, step, bytes })),
        status: certificate.status,
        ...(certificate.packings === undefined ? {} : { packings: certificate.packings.map(orderPacking) }),
        ...(certificate.mapping === undefined ? {} : { mapping: orderMapping(certificate.mapping) }),
      }),
    ],
    [
      "provenance",
      JSON.stringify({
        version: provenance.version,
        passes: provenance.passes.map(({ name, options }) => ({ name, options: sorted(options) })),
        seed: provenance.seed,
        budget: provenance.budget,
        deterministic: provenance.deterministic,
      }),
    ],
  ];
  return `{\n${fields.map(([key, text]) => `  ${JSON.stringify(key)}: ${text}`).join(",\n")}\n}\n`;
}

function orderStep(step: Plan["steps"][number]): object {
  if (step.kind === "copy")
    return {
      kind: step.kind,
      value: step.value,
      from: step.from,
      to: step.to,
      start: step.start,
      done: step.done,
      ...(step.stallSeconds === undefined ? {} : { stallSeconds: step.stallSeconds }),
    };
  const { kind, kernel, node, reads, writes, absentReads, absentWrites, attrs, opaque, flops, seconds, dispatch } =
    step;
  return {
    kind,
    kernel,
    node,
    reads,
    writes,
    absentReads,
    absentWrites,
    attrs: attrs.map(({ name, value }) => ({ name, value })),
    opaque,
    flops,
    seconds,
    dispatch: dispatch === null ? null : { call: dispatch.call, index: dispatch.index },
    ...(step.fast === undefined ? {} : { fast: step.fast }),
  };
}

const orderPacking = (packing: PlanPacking): PlanPacking => {
  const { memory, heightBytes, lowerBoundBytes, bound, step, method, status } = packing;
  return { memory, heightBytes, lowerBoundBytes, bound, step, method, status };
};

function orderMapping(mapping: PlanMapping): object {
  const { fastMemory, slowMemory, method, proof, evaluations, allSlowSeconds, allFastSeconds } = mapping;
  const { capacity, lambda, units, kappa, beta, mu, lagrangianSeconds, refined, secondsPerByte, drops } = mapping;
  return {
    fastMemory,
    slowMemory,
    method,
    proof,
    evaluations,
    allSlowSeconds,
    allFastSeconds,
    capacity,
    lambda,
    units,
    kappa,
    beta,
    mu,
    lagrangianSeconds,
    ...(refined === undefined
      ? {}
      : {
          refined: {
            lambda: refined.lambda,
            beta: refined.beta,
            nu: refined.nu,
            sigma: refined.sigma,
            rho: refined.rho.map(({ value, from, prices }) => ({ value, from, prices })),
          },
        }),
    secondsPerByte,
    drops: drops.map(({ step, value, savedSeconds, residencySeconds, copySeconds, reason }) => ({
      step,
      value,
      savedSeconds,
      residencySeconds,
      copySeconds,
      reason,
    })),
  };
}

function orderCall(call: Plan["calls"][number]): object {
  const { kernel, node, reads, writes, absentReads, absentWrites, attrs } = call;
  return {
    kernel,
    node,
    reads,
    writes,
    absentReads,
    absentWrites,
    attrs: attrs.map(({ name, value }) => ({ name, value })),
  };
}
