/** The passes by name, for `strata passes`, `strata opt` and `--without`. */
import { unknownPass } from "../src/errors.ts";
import { nearest } from "../src/ir/nearest.ts";
import type { Graph, Program } from "../src/ir/types.ts";
import { loadTarget, type Target } from "../src/target/index.ts";
import { channelsLast } from "./channels-last.ts";
import { concatInPlace } from "./concat-in-place.ts";
import { foldBatchNorm } from "./fold-batch-norm.ts";
import { fuse } from "./fuse.ts";
import { inPlace } from "./in-place.ts";
import { schedule } from "./schedule.ts";
import { views } from "./views.ts";

export type PassName =
  | "fold-batch-norm"
  | "channels-last"
  | "fuse"
  | "half-storage"
  | "lower"
  | "views"
  | "dispatch"
  | "schedule"
  | "in-place"
  | "concat-in-place"
  | "offload"
  | "map-memory"
  | "allocate"
  | "emit";

export interface PassInfo {
  readonly name: PassName;
  readonly summary: string;
  readonly from: "graph" | "program";
  readonly to: "graph" | "program" | "plan";
  /** Whether a plan can be made without it. */
  readonly optional: boolean;
  /** Whether it runs only where it is asked for. */
  readonly onRequest?: boolean;
  /** For passes of one stage, which `strata opt` can run on textual IR. */
  readonly graph?: (graph: Graph) => Graph;
  readonly program?: (program: Program) => Program;
}

/** Bytes that each block of a target's arena starts at a multiple of. */
export const arenaAlignment = (target: Target): number =>
  target.memories.find((memory) => memory.name === target.arenaMemory)!.alignment;

/** In pipeline order. */
export const PASSES: readonly PassInfo[] = [
  {
    name: "fold-batch-norm",
    summary: "scale the filters of a convolution once at load instead of its results at every run",
    from: "graph",
    to: "graph",
    optional: true,
    graph: foldBatchNorm,
  },
  {
    name: "channels-last",
    summary: "put 2-D convolution networks into NHWC layout without transposes in between",
    from: "graph",
    to: "graph",
    optional: true,
    graph: channelsLast,
  },
  {
    name: "fuse",
    summary: "put one kernel where exporters wrote several: activations, Gelu, LayerNormalization, RMSNormalization",
    from: "graph",
    to: "graph",
    optional: true,
    graph: fuse,
  },
  {
    name: "half-storage",
    summary: "store float32 as float16 on GPU targets (--half weights or all)",
    from: "graph",
    to: "graph",
    optional: true,
  },
  {
    name: "lower",
    summary: "turn operators into kernel steps over values with exact sizes",
    from: "graph",
    to: "program",
    optional: false,
  },
  {
    name: "views",
    summary: "show the parts of a split where they lie in its operand",
    from: "program",
    to: "program",
    optional: true,
    program: (program) => views(program, arenaAlignment(loadTarget(program.target))),
  },
  {
    name: "dispatch",
    summary: "replace kernel steps by the GPU dispatches that compute them, hidden temporaries included",
    from: "program",
    to: "program",
    optional: false,
  },
  {
    name: "schedule",
    summary: "order the steps so that fewer bytes are live at once",
    from: "program",
    to: "program",
    optional: true,
    program: schedule,
  },
  {
    name: "in-place",
    summary: "let a step write its result over an operand that dies there",
    from: "program",
    to: "program",
    optional: true,
    program: inPlace,
  },
  {
    name: "concat-in-place",
    summary: "have the operands of a concatenation computed where its result wants them",
    from: "program",
    to: "program",
    optional: true,
    program: (program) => concatInPlace(program, arenaAlignment(loadTarget(program.target))),
  },
  {
    name: "offload",
    summary: "fit a smaller arena: move what waits to the host and back, or compute it again",
    from: "program",
    to: "program",
    optional: true,
  },
  {
    name: "map-memory",
    summary: "map values to a fast and a slow memory, with copies beside the steps (budget, preset, gap, seed)",
    from: "program",
    to: "plan",
    optional: true,
    onRequest: true,
  },
  {
    name: "allocate",
    summary: "give every block of bytes its offset",
    from: "program",
    to: "program",
    optional: false,
  },
  {
    name: "emit",
    summary: "write the plan with its sums, bound and provenance",
    from: "program",
    to: "plan",
    optional: false,
  },
];

/** The pass of that name. Throws InputError `unknown-pass`. */
export function passByName(name: string): PassInfo {
  const found = PASSES.find((pass) => pass.name === name);
  if (found !== undefined) return found;
  const names = PASSES.map((pass) => pass.name);
  throw unknownPass(name, names, nearest(name, names));
}
