// Compiles to dist/ with tsc, then adds what tsc does not copy: the generated protobuf module, weights, targets and the JSON Schema.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const require = createRequire(import.meta.url);
const compiler = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [compiler, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });

const proto = join(root, "src", "onnx", "proto");
mkdirSync(join(dist, "src", "onnx", "proto"), { recursive: true });
for (const name of readdirSync(proto)) {
  if (/\.(js|d\.ts)$/.test(name)) cpSync(join(proto, name), join(dist, "src", "onnx", "proto", name));
}

const weights = ["src", "solve", "mapping", "agents", "weights"];
cpSync(join(root, ...weights), join(dist, ...weights), { recursive: true });
cpSync(join(root, "src", "target", "builtin"), join(dist, "src", "target", "builtin"), { recursive: true });

const bin = join(dist, "bin", "strata.js");
if (existsSync(bin)) chmodSync(bin, 0o755);

const { planJsonSchema } = await import(pathToFileURL(join(dist, "src", "plan", "schema.js")).href);
writeFileSync(join(dist, "plan.schema.json"), `${JSON.stringify(planJsonSchema(), null, 2)}\n`);
