// The import rule of ARCHITECTURE.md: which folder may import which. Fails with the lines that break it.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

const root = join(import.meta.dirname, "..");

// Each part of the code, and the parts that it may import (itself and src/errors.ts always).
const ALLOWED = {
  "src/ir": [],
  "src/solve": [],
  "src/kernels": ["src/ir"],
  "src/plan/verify.ts": ["src/plan/schema.ts", "src/plan/verify-mapping.ts", "src/plan/verify-packing.ts"],
  "src/plan/verify-mapping.ts": [
    "src/plan/schema.ts",
    "src/plan/mapped-accesses.ts",
    "src/plan/verify-bound.ts",
    "src/plan/verify-refined.ts",
  ],
  "src/plan/verify-refined.ts": ["src/plan/schema.ts", "src/plan/mapped-accesses.ts", "src/plan/verify-bound.ts"],
  "src/plan/verify-bound.ts": ["src/plan/schema.ts", "src/plan/mapped-accesses.ts"],
  "src/plan/verify-packing.ts": ["src/plan/schema.ts"],
  "src/plan/mapped-accesses.ts": ["src/plan/schema.ts"],
  "src/plan": ["src/ir"],
  "src/pipeline": ["src/ir", "src/target"],
  "src/target": ["src/ir"],
  "src/onnx": ["src/ir", "src/kernels"],
  passes: ["src/ir", "src/pipeline", "src/solve", "src/target", "src/plan/schema.ts"],
  models: ["src/ir", "src/onnx"],
  "src/runtime/training": ["src/solve", "src/runtime", "src/report", "src/hash.ts"],
  "src/runtime": ["src/ir", "src/kernels", "src/plan", "src/hash.ts"],
  "src/report": ["src/ir", "src/plan", "src/solve/packing/types.ts", "src/solve/packing/infeasible.ts"],
  "src/packing-file": ["src/solve"],
};
const ANY = [
  "src/index.ts",
  "src/browser.ts",
  "src/hash.ts",
  "src/hash.browser.ts",
  "src/compile.ts",
  "src/mapper-games.ts",
  "src/mapper-weights.ts",
  "src/execute.ts",
  "src/npy.ts",
  "src/tensor-file.ts",
  "src/version.ts",
  "src/conformance",
  "bin",
  "bench",
];

const parts = Object.keys(ALLOWED).sort((a, b) => b.length - a.length);
const within = (path, part) => path === part || path.startsWith(`${part}/`);
const files = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path);
    return entry.name.endsWith(".ts") && !/\.(test|test-util|d)\.ts$/.test(entry.name) ? [path] : [];
  });

const faults = [];
for (const top of ["src", "passes", "models", "bin", "bench"]) {
  for (const file of files(join(root, top))) {
    const path = relative(root, file).split(sep).join("/");
    const part = parts.find((candidate) => within(path, candidate));
    for (const [, target] of readFileSync(file, "utf8").matchAll(/(?:from|import\()\s*"([^"]+)"/g)) {
      if (target.startsWith("@tensorflow/") && !within(path, "src/runtime") && !within(path, "bench"))
        faults.push(`${path} imports ${target}: only src/runtime may`);
      if (!target.startsWith(".")) continue;
      const to = relative(root, resolve(dirname(file), target))
        .split(sep)
        .join("/");
      if (within(to, "bin") && !within(path, "bin")) faults.push(`${path} imports ${to}: nothing imports bin`);
      if (part === undefined || to === "src/errors.ts" || to === "package.json") continue;
      if (!part.endsWith(".ts") && within(to, part)) continue;
      if (!ALLOWED[part].some((allowed) => within(to, allowed)))
        faults.push(`${path} imports ${to}: ${part} may import ${ALLOWED[part].join(", ") || "nothing of ours"}`);
    }
    if (part === undefined && !ANY.some((any) => within(path, any)) && path !== "src/errors.ts")
      faults.push(`${path} belongs to no part: add it to scripts/check-imports.mjs`);
  }
}
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
