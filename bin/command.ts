/** What a verb of the command line is. */
import type { Argv } from "yargs";

/** Values of parsed flags, by name. */
export type Flags = Readonly<Record<string, unknown>>;

export interface Command {
  /** yargs syntax: `compile <model>`. */
  readonly command: string;
  readonly describe: string;
  readonly examples: readonly (readonly [string, string])[];
  readonly options: (yargs: Argv) => Argv;
  /** Runs the verb; returns its exit code. Heavy modules are imported here, not at the top. */
  readonly run: (flags: Flags) => Promise<number>;
}

export const text = (flags: Flags, name: string): string | undefined => {
  const value = flags[name];
  return typeof value === "string" ? value : undefined;
};

/** A positional that yargs guarantees. */
export const required = (flags: Flags, name: string): string => String(flags[name]);

export const texts = (flags: Flags, name: string): readonly string[] => {
  const value = flags[name];
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
};

export const isSet = (flags: Flags, name: string): boolean => flags[name] === true;
