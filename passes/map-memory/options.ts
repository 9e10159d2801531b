/** Options of the pass, as they stand on the command line and in a plan's provenance. */
import { z } from "zod";
import { invalidOption } from "../../src/errors.ts";
import type { MapParams } from "../../src/solve/mapping/index.ts";

const schema = z.strictObject({
  budget: z.coerce.number().int().min(1).optional().describe("evaluations; by the size of the program where left out"),
  preset: z.enum(["fast", "default", "thorough"]).optional().describe("how long to search where there is no budget"),
  gap: z.coerce.number().min(0).max(1).optional().describe("relative gap to the bound that is good enough"),
  seed: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .describe("seed of the search; that of the compilation where left out"),
});

/** What the pass may be told; `onProgress` and `shouldStop` hear of the search while it runs, `exact` is a technique. */
export type MapMemoryOptions = {
  readonly [Key in keyof z.infer<typeof schema>]?: Exclude<z.infer<typeof schema>[Key], undefined>;
} & Pick<MapParams, "exact" | "onProgress" | "shouldStop">;

/** Options from `key=value` pairs. Throws InputError `invalid-option`. */
export function parseMapMemoryOptions(given: Readonly<Record<string, string>>): MapMemoryOptions {
  const parsed = schema.safeParse(given);
  // Only keys that were given are there.
  if (parsed.success) return parsed.data as MapMemoryOptions;
  const { path, message, code } = parsed.error.issues[0]!;
  const known = Object.keys(schema.shape).join(", ");
  const name =
    code === "unrecognized_keys"
      ? Object.keys(given).find((key) => !Object.hasOwn(schema.shape, key))!
      : String(path[0]);
  throw invalidOption(name, given[name] ?? "", code === "unrecognized_keys" ? `map-memory has ${known}` : message);
}
