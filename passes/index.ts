/**
 * The pipeline, in order, each line with the reason for its place. Every pass can be imported and
 * called by itself: they are plain functions of one IR.
 */
import { InfeasibleError } from "../src/errors.ts";
import type { DispatchSource } from "../src/ir/dispatch.ts";
import type { Graph, Program } from "../src/ir/types.ts";
import type { Plan } from "../src/plan/schema.ts";
import type { Target } from "../src/target/schema.ts";
import { allocate, type Allocation, type AllocateOptions } from "./allocate.ts";
import { channelsLast } from "./channels-last.ts";
import { concatInPlace } from "./concat-in-place.ts";
import { dispatch } from "./dispatch.ts";
import { emit } from "./emit.ts";
import { fit } from "./fit.ts";
import { foldBatchNorm } from "./fold-batch-norm.ts";
import { fuse } from "./fuse.ts";
import { halfStorage } from "./half-storage.ts";
import { inPlace } from "./in-place.ts";
import { livePeak, liveRanges } from "./liveness.ts";
import { lower, type NativeScratch } from "./lower.ts";
import { type MapMemoryOptions, mapProgram, needsMapping } from "./map-memory/index.ts";
import { allocateMapped, mapAndLayOut } from "./map-memory/place.ts";
import { offload, offloadFloor } from "./offload.ts";
import { arenaAlignment, PASSES, passByName, type PassName } from "./registry.ts";
import { schedule } from "./schedule.ts";
import { views } from "./views.ts";

export {
  allocate,
  channelsLast,
  concatInPlace,
  dispatch,
  emit,
  foldBatchNorm,
  fuse,
  halfStorage,
  inPlace,
  livePeak,
  liveRanges,
  lower,
  mapProgram,
  offload,
  offloadFloor,
  PASSES,
  passByName,
  schedule,
  views,
};
export * as mappingGame from "./map-memory/game.ts";
export type { Allocation, AllocateOptions, Placed } from "./allocate.ts";
export type { LiveRange, Peak } from "./liveness.ts";
export type { MapMemoryOptions, MemoryMapping } from "./map-memory/index.ts";
export type { PassInfo, PassName } from "./registry.ts";

export interface PlanOptions extends AllocateOptions {
  /** Passes left out. */
  readonly without?: ReadonlySet<PassName>;
  /** What a GPU target's kernels are made of (the runtime's tracer); without it a plan is at the level of kernel calls. */
  readonly dispatches?: DispatchSource | undefined;
  /** Scratch of the backend's own kernels, where these are not the reference kernels. */
  readonly nativeScratch?: NativeScratch | undefined;
  /** Float32 tensors that are stored as float16, on GPU targets: weights, or activations too. */
  readonly half?: "weights" | "all" | undefined;
  /** Maps values to a fast and a slow memory; where left out, only on targets that can't do without. */
  readonly mapMemory?: MapMemoryOptions | undefined;
  /** Called after every pass; throws where an invariant is broken. */
  readonly check: (ir: Graph | Program, pass: string) => void;
}

const DEFAULT_BUDGET = 3_000_000;

/** Plans a graph for a target. Throws InfeasibleError `capacity-exceeded`. */
export function planGraph(
  graph: Graph,
  target: Target,
  given: PlanOptions,
  model: { readonly file: string | null; readonly sha256: string },
  version: string,
): { readonly plan: Plan; readonly program: Program } {
  const options = { ...given, budget: given.budget ?? DEFAULT_BUDGET };
  const wants = (pass: PassName): boolean => options.without?.has(pass) !== true;
  const checked = <T extends Graph | Program>(ir: T, pass: string): T => {
    options.check(ir, pass);
    return ir;
  };
  const source = options.dispatches;
  const mapMemory = options.mapMemory ?? (needsMapping(target) ? {} : undefined);
  const alignment = arenaAlignment(target);
  // A pin is a place for one block: values that share one could be pinned to two.
  const mayShare = (options.pins?.size ?? 0) === 0;
  // A mapping moves whole blocks: a part must not bring all of its operand into the fast memory.
  const showsParts = mayShare && mapMemory === undefined && wants("views");
  const lowered = (laidOut: Graph, showParts: boolean): Program => {
    let program = checked(lower(laidOut, target, options.nativeScratch), "lower");
    // Before dispatches: a part that can't be bound where it lies is not worth showing.
    if (showParts) program = checked(views(program, alignment), "views");
    // Hidden temporaries of GPU kernels are ordinary values from here on.
    return source === undefined ? program : checked(dispatch(program, target, source), "dispatch");
  };
  const planLayout = (laidOut: Graph): Planned => {
    // After the layout: only channels-last convolutions take an activation.
    const fused = wants("fuse") ? checked(fuse(laidOut), "fuse") : laidOut;
    // After fusion: a fused kernel may take halves where its parts do not.
    const stored =
      options.half === undefined || source === undefined
        ? fused
        : checked(halfStorage(fused, source, { activations: options.half === "all" }), "half-storage");
    // Exact sizes and hidden temporaries are known only once kernels are chosen.
    let program = lowered(stored, showsParts);
    // Order before sharing: an in-place write would bind the order.
    if (wants("schedule")) program = checked(schedule(program), "schedule");
    // Sharing before offsets: blocks that become one need one offset.
    if (wants("in-place")) program = checked(inPlace(program), "in-place");
    // Mapping decides by itself what moves.
    if (mapMemory !== undefined)
      return { program, arenaBytes: livePeak(liveRanges(program), program.steps.length).bytes };
    // Last of what changes live ranges, and with the allocation: only what does not fit is moved away.
    const place = (made: Program): Planned & { readonly allocation: Allocation } => {
      const placed = wants("offload")
        ? fit(made, target, options, (fitted) => checked(fitted, "offload"))
        : { program: made, allocation: allocate(made, target, options) };
      return { ...placed, arenaBytes: placed.allocation.arena.height };
    };
    // After in-place results: operands move with all that was written over them.
    const joined =
      mayShare && wants("concat-in-place") ? checked(concatInPlace(program, alignment), "concat-in-place") : program;
    const apart = livePeak(liveRanges(program), program.steps.length, alignment).bytes;
    const room = target.memories.find((memory) => memory.name === target.arenaMemory)!.bytes;
    if (joined === program) return place(program);
    const together = apart > room ? undefined : attempt(() => place(joined));
    // At what the program needs apart, or less: no packing of that can be lower.
    if (together?.program === joined && together.arenaBytes <= apart) return together;
    // What must be moved away moves in smaller blocks apart, but a concatenation needs more room there.
    const separate = attempt(() => place(program)) ?? place(joined);
    const isLower = together?.program === joined && together.arenaBytes <= separate.arenaBytes;
    return isLower ? together : separate;
  };

  // What the model's own order costs without any planning: no plan may need more.
  const plain = lowered(graph, false);
  const fileOrderPeakBytes = livePeak(liveRanges(plain), plain.steps.length).bytes;
  // Before the layout: filters are scaled in the model's own.
  const folded = wants("fold-batch-norm") ? checked(foldBatchNorm(graph), "fold-batch-norm") : graph;
  // Layout on the graph: it moves transposes, which are ordinary nodes there.
  const convert = target.layout === "nhwc" && wants("channels-last");
  const laidOut = convert ? checked(channelsLast(folded), "channels-last") : folded;
  let planned: Planned | undefined;
  let failure: unknown;
  for (const candidate of laidOut === folded ? [folded] : [laidOut, folded]) {
    // A converted layout may need a transposed copy at the worst moment: then the model's own layout is better.
    if (planned !== undefined && planned.arenaBytes <= fileOrderPeakBytes) break;
    try {
      const made = planLayout(candidate);
      if (planned === undefined || isBetter(made, planned)) planned = made;
    } catch (error) {
      if (!(error instanceof InfeasibleError)) throw error;
      failure ??= error;
    }
  }
  if (planned === undefined) throw failure;
  const { program } = planned;
  const seed = options.seed ?? 0;
  // After all that changes the steps: their order and costs are the board that it plays on.
  const mapped = mapMemory === undefined ? undefined : mapAndLayOut(program, target, { seed, ...mapMemory });
  const allocation = planned.allocation ?? allocateMapped(program, target, options, mapped!.layout);
  /** Options of a pass that had its turn. */
  const turn = (name: PassName): Record<string, string | number> | undefined => {
    if (name === "half-storage") return options.half === undefined || !source ? undefined : { store: options.half };
    if (name === "dispatch") return source && {};
    if (name === "channels-last") return convert ? {} : undefined;
    if (name === "map-memory") return mapped?.options;
    if ((name === "offload" || name === "concat-in-place") && mapped !== undefined) return undefined;
    if ((name === "views" && !showsParts) || (name === "concat-in-place" && !mayShare)) return undefined;
    return wants(name) ? {} : undefined;
  };
  const plan = emit(program, target, allocation, {
    model,
    mapped,
    fileOrderPeakBytes,
    trace:
      source === undefined
        ? null
        : {
            sha256: source.digest(program.calls.map((call) => call.digest)),
            limits: { ...source.limits },
          },
    provenance: {
      version,
      passes: PASSES.flatMap(({ name }) => {
        const used = turn(name);
        return used === undefined ? [] : [{ name, options: used }];
      }),
      seed,
      budget: options.budget,
      deterministic: mapped?.mapping.interrupted !== true,
    },
  });
  return { plan, program };
}

/** What `make` returns, or undefined where that does not fit. */
function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof InfeasibleError) return undefined;
    throw error;
  }
}

interface Planned {
  readonly program: Program;
  /** Undefined where a mapping comes first. */
  readonly allocation?: Allocation;
  readonly arenaBytes: number;
}

/** Less memory, but never for more steps that the GPU has no kernel for. */
function isBetter(a: Planned, b: Planned): boolean {
  const onHost = ({ program }: Planned): number =>
    program.calls.length === 0 ? 0 : program.steps.filter((step) => step.dispatch === undefined).length;
  return onHost(a) <= onHost(b) && a.arenaBytes < b.arenaBytes;
}
