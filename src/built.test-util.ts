/**
 * The package compiled into a folder of its own, as users have it: Node runs TypeScript in no thread, and packages can
 * be absent there.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "..");

export interface Built {
  /** Path of a compiled module, by that of its source without extension. */
  path(module: string): string;
  /** The same as a URL to import. */
  url(module: string): string;
  remove(): void;
}

/** Compiles it, without the generated protobuf module. `absent`: packages that can't be imported from it. */
export function built(absent: readonly string[] = []): Built {
  const folder = mkdtempSync(join(tmpdir(), "strata-built-"));
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const config = join(root, "tsconfig.build.json");
  execFileSync(process.execPath, [compiler, "-p", config, "--noCheck", "--outDir", join(folder, "dist")]);
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  const packages = join(root, "node_modules");
  const link = (name: string): void => {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(join(packages, name), join(folder, "node_modules", name), "junction");
  };
  for (const name of readdirSync(packages)) {
    const names = name.startsWith("@") ? readdirSync(join(packages, name)).map((own) => `${name}/${own}`) : [name];
    for (const own of names) if (!own.startsWith(".") && !absent.includes(own)) link(own);
  }
  const path = (module: string): string => join(folder, "dist", `${module}.js`);
  return {
    path,
    url: (module) => pathToFileURL(path(module)).href,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
