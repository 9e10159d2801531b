/** A mapping with its offsets: the one in fast memory from the game, the others from the packer. */
import type { Program } from "../../src/ir/types.ts";
import type { Target } from "../../src/target/schema.ts";
import { allocate, type AllocateOptions, type Allocation } from "../allocate.ts";
import { type MapMemoryOptions, mapProgram, type MemoryMapping } from "./index.ts";
import { layOut, type MappedLayout } from "./layout.ts";

export interface Mapped {
  readonly mapping: MemoryMapping;
  readonly layout: MappedLayout;
  /** As they go into the provenance: they make the same plan again. */
  readonly options: Record<string, string | number>;
}

/** Maps `program`, and lays its steps and copies out in time. Throws InfeasibleError `working-set-too-large`. */
export function mapAndLayOut(program: Program, target: Target, options: MapMemoryOptions): Mapped {
  const mapping = mapProgram(program, target, options);
  const { seed, gap, preset } = options;
  return {
    mapping,
    layout: layOut(program, target, mapping),
    options: {
      budget: mapping.budget,
      ...(seed === undefined ? {} : { seed }),
      ...(gap === undefined ? {} : { gap }),
      ...(preset === undefined ? {} : { preset }),
    },
  };
}

/** Offsets in slow memory, for what a mapping leaves there. */
export function allocateMapped(
  program: Program,
  target: Target,
  options: AllocateOptions,
  { items, slow }: MappedLayout,
): Allocation {
  const stepAt = (moment: number): number | undefined => {
    const item = items[moment];
    return item?.kind === "step" ? item.step : undefined;
  };
  return allocate(program, target, options, { ranges: slow, moments: Math.max(1, items.length), stepAt });
}
