/** The JSON files of the built-in targets. */
import { readFileSync } from "node:fs";

export const readBuiltin = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`./builtin/${name}.json`, import.meta.url), "utf8"));
