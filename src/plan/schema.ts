/**
 * The plan, version 1: one zod schema gives the types, the validation and the published JSON Schema.
 * Arrays of records, never objects keyed by names that a model chose. Sizes and offsets are bytes,
 * lifetimes half-open [from, to) in step indices.
 */
import { z } from "zod";

const DTYPES = [
  "float32",
  "float64",
  "float16",
  "bfloat16",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "int2",
  "int4",
  "uint2",
  "uint4",
  "float8e4m3fn",
  "float8e4m3fnuz",
  "float8e5m2",
  "float8e5m2fnuz",
  "float8e8m0",
  "float4e2m1",
  "bool",
  "string",
  "complex64",
  "complex128",
] as const;

const whole = z.int().min(0);
const id = whole.describe("index into `values`");
const seconds = z.number().min(0);
const perMemory = z.record(z.string(), whole).describe("bytes by memory name");

const source = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("model"), name: z.string() }).describe("a named constant of the model file"),
  z.strictObject({ kind: z.literal("inline"), base64: z.string() }).describe("little-endian bytes"),
]);

const memory = z.strictObject({
  name: z.string().min(1),
  bytes: whole,
  alignment: z.int().min(1),
  readBytesPerSecond: z.number().positive(),
  writeBytesPerSecond: z.number().positive(),
  direct: z.boolean().optional().describe("whether kernels read and write it where it is; they do where left out"),
});

const link = z.strictObject({
  from: z.string(),
  to: z.string(),
  bytesPerSecond: z.number().positive(),
  channels: z.int().min(1),
  overlapsCompute: z.boolean(),
});

export const targetSchema = z.strictObject({
  name: z.string().min(1),
  executor: z.enum(["tfjs-webgpu", "tfjs-wasm", "tfjs-cpu", "none"]),
  memories: z.array(memory).min(1),
  links: z.array(link),
  flopsPerSecond: z.number().positive(),
  launchSeconds: seconds.describe("fixed cost of one kernel launch"),
  arenaMemory: z.string().describe("memory of inputs, activations, outputs and temporaries"),
  weightsMemory: z.string().describe("memory of the weights"),
});

const value = z.strictObject({
  id,
  name: z.string(),
  kind: z.enum(["input", "output", "weight", "activation", "temporary"]),
  dtype: z.enum(DTYPES),
  shape: z.array(whole),
  bytes: whole,
  layout: z.literal("dense"),
  storage: z.strictObject({ value: id, offset: whole }),
  viewOf: id.nullable().describe("for a view: the value whose bytes it shows"),
  source: source.nullable().describe("for a weight that no load-time step makes"),
});

const attrValue = z.union([z.number(), z.string(), z.boolean(), z.array(z.number()), z.array(z.string())]);

const kernelStep = z.strictObject({
  kind: z.literal("kernel"),
  kernel: z.string().min(1),
  node: z.string(),
  reads: z.array(id),
  writes: z.array(id),
  absentReads: z.array(whole).describe("positions of optional operands left out"),
  absentWrites: z.array(whole).describe("positions of optional results left out"),
  attrs: z.array(z.strictObject({ name: z.string(), value: attrValue })),
  opaque: z.boolean().describe("planned by declared shapes, not executable"),
  flops: z.number().min(0),
  seconds,
  dispatch: z
    .strictObject({ call: whole, index: whole })
    .nullable()
    .describe("for one GPU dispatch: the kernel call (index into `calls`) and which of its dispatches"),
  fast: z
    .array(id)
    .optional()
    .describe("in mapped plans: the storage that the step finds in the fast memory; all else it finds in the slow one"),
});

const call = z.strictObject({
  kernel: z.string().min(1),
  node: z.string(),
  reads: z.array(id),
  writes: z.array(id),
  absentReads: z.array(whole),
  absentWrites: z.array(whole),
  attrs: z.array(z.strictObject({ name: z.string(), value: attrValue })),
});

const trace = z.strictObject({
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe("digest of all dispatches: code, uniforms, grids, operands"),
  limits: z.record(z.string(), whole).describe("device limits under which kernels were chosen"),
});

const copyStep = z.strictObject({
  kind: z.literal("copy"),
  value: id,
  from: z.string(),
  to: z.string(),
  start: whole.describe("step from which it may move bytes: its own index, in mapped plans"),
  done: whole.describe("last step in which it moves bytes; its own index where nothing runs beside it"),
  stallSeconds: seconds.optional().describe("in mapped plans: how long the program waits for it after step `done`"),
});

const placement = z.strictObject({
  value: id,
  memory: z.string(),
  offset: whole,
  bytes: whole,
  from: whole,
  to: whole,
});

/** Price multipliers, one for the moment before the first step and one for each kernel step. */
const prices = z.array(z.number().min(0));

/** Why an access stays in slow memory: see src/solve/mapping/explain.ts. */
const DROP_REASONS = ["too-large", "nothing-saved", "no-window", "space", "bandwidth", "close-call"] as const;

const drop = z.strictObject({
  step: whole.describe("index into `steps`"),
  value: id.describe("storage that this step finds in slow memory"),
  savedSeconds: seconds.describe("what the step would take less with it in fast memory"),
  residencySeconds: seconds.describe("price of the bytes held on the cheapest way to have it there"),
  copySeconds: seconds.describe("price of the copy on that way"),
  reason: z.enum(DROP_REASONS),
});

const mapping = z.strictObject({
  fastMemory: z.string(),
  slowMemory: z.string(),
  method: z.string().describe("technique that found the plan"),
  proof: z
    .enum(["lagrangian", "exhaustive"])
    .describe(
      "what bounds the seconds; exhaustive: a search of all plans found none better, which no multiplier shows",
    ),
  evaluations: whole,
  allSlowSeconds: seconds.describe("the same steps with nothing mapped"),
  allFastSeconds: seconds.describe("the same steps with everything in fast memory, and no copies"),
  capacity: z.array(whole).describe("most bytes that whole values can fill in each step"),
  lambda: prices.describe("price of a resident byte"),
  units: z.array(z.int().min(1)).describe("units of the rounding cuts, bytes"),
  kappa: z.array(prices).describe("price of each rounding cut"),
  beta: prices.describe("share of slow bandwidth in the price of a step's time"),
  mu: prices.describe("share of memory time in the price of a step's time"),
  lagrangianSeconds: seconds.describe("what these multipliers prove"),
  refined: z
    .strictObject({
      lambda: prices,
      beta: prices,
      nu: prices,
      sigma: z
        .array(z.number())
        .describe("what an access pays where it is fast: by step, in the order in which it names its storage"),
      rho: z
        .array(z.strictObject({ value: id, from: whole, prices }))
        .describe("price of a large value's presence, from moment `from` on"),
    })
    .optional()
    .describe("multipliers of a tighter bound, the one of the summary where they are there"),
  secondsPerByte: seconds.describe("what one more byte of fast memory takes off the bound"),
  drops: z.array(drop).describe("why each access of slow memory stays there"),
});

const packing = z.strictObject({
  memory: z.string(),
  heightBytes: whole.describe("end of the highest block there, rounded up to the alignment; weights aside"),
  lowerBoundBytes: whole.describe("no packing of the same lifetimes and alignment is lower"),
  bound: z
    .enum(["load", "sums", "pin", "search"])
    .describe(
      "what proves it: the blocks alive at `step`, rounded up to the alignment; the same raised to a sum of sizes; the end of a pinned block; a search of all that is lower",
    ),
  step: whole.describe("a step at which the most bytes are alive"),
  method: z.string().describe("technique that found the packing"),
  status: z.enum(["optimal", "feasible"]).describe("optimal: the height is the bound"),
});

export const planSchema = z.strictObject({
  strata: z.literal(1),
  model: z.strictObject({
    name: z.string(),
    file: z.string().nullable(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    dims: z.record(z.string(), whole),
    specialized: z
      .array(z.strictObject({ input: z.string(), base64: z.string() }))
      .describe("inputs whose values decided shapes: the plan holds for these values only"),
  }),
  target: targetSchema,
  values: z.array(value),
  inputs: z.array(id),
  outputs: z.array(id),
  init: z.array(kernelStep).describe("run once at load, on the host, to make weights"),
  steps: z.array(z.discriminatedUnion("kind", [kernelStep, copyStep])),
  calls: z.array(call).describe("kernel calls whose GPU dispatches are steps; empty for other targets"),
  trace: trace.nullable().describe("what the dispatches of `calls` must be when they are made again"),
  placements: z.array(placement),
  summary: z.strictObject({
    peakBytes: perMemory,
    lowerBoundBytes: perMemory,
    arenaBytes: whole,
    arenaLowerBoundBytes: whole,
    weightsBytes: whole,
    unplannedBytes: whole,
    fileOrderPeakBytes: whole.describe("live peak of the model's own order, before any planning"),
    seconds,
    secondsLowerBound: seconds,
  }),
  certificate: z.strictObject({
    loads: z
      .array(z.strictObject({ memory: z.string(), step: whole, bytes: whole }))
      .describe("the step whose live bytes witness each memory's lower bound"),
    status: z.enum(["optimal", "feasible"]),
    packings: z.array(packing).optional().describe("how each memory was packed"),
    mapping: mapping.optional().describe("of plans that map values to a fast and a slow memory"),
  }),
  provenance: z.strictObject({
    version: z.string(),
    passes: z.array(z.strictObject({ name: z.string(), options: z.record(z.string(), z.json()) })),
    seed: whole,
    budget: whole,
    deterministic: z.boolean(),
  }),
});

export type Plan = z.infer<typeof planSchema>;

export type PlanValue = Plan["values"][number];
export type Step = Plan["steps"][number];
export type KernelStep = Extract<Step, { kind: "kernel" }>;

export type PlanCall = Plan["calls"][number];

export type PlanPacking = NonNullable<Plan["certificate"]["packings"]>[number];

export type PlanMapping = NonNullable<Plan["certificate"]["mapping"]>;

export type Placement = Plan["placements"][number];

/** The JSON Schema (2020-12) of a plan, as published in the package. */
export const planJsonSchema = (): object => z.toJSONSchema(planSchema);
