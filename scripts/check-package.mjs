// What npm would publish, used as a stranger would: packed, installed in an empty folder, imported with types, run.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
const folder = mkdtempSync(join(tmpdir(), "strata-package-"));
try {
  const [packed] = JSON.parse(run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root));
  const MAX_BYTES = 4_000_000;
  if (packed.size > MAX_BYTES) throw new Error(`the package is ${packed.size} bytes, over ${MAX_BYTES}`);
  const stray = packed.files
    .map((file) => file.path)
    .filter((path) => /\.test\.|test-util|^src\/|^fixtures\//.test(path));
  if (stray.length > 0) throw new Error(`the package holds ${stray.join(", ")}`);

  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", join(folder, packed.filename)], folder);
  writeFileSync(
    join(folder, "use.ts"),
    `import { compile, packParallel, readModel, verify, type Plan } from "strata";
import { PASSES, schedule } from "strata/passes";
import { generateModel } from "strata/models";
const model = await readModel(generateModel("resnet", { depth: 18, image: 32, weights: "none" }));
const { plan }: { plan: Plan } = await compile(model, { target: "tfjs-wasm" });
if (verify(plan).length > 0) throw new Error("the plan does not verify");
if (typeof schedule !== "function") throw new Error("no schedule pass");
const names: string = PASSES.map((pass) => pass.name).join(" ");
// Aligned, so that its last bound stays open and threads take their turns.
const buffers = Array.from({ length: 40 }, (_, i) => {
  const lower = (i * 7) % 30;
  return { lower, upper: lower + 1 + ((i * 5) % 12), size: 1 + ((i * 7919) % 997), alignment: i % 2 === 0 ? 512 : 1 };
});
const [alone, together] = await Promise.all([1, 2].map((workers) => packParallel({ buffers }, { budget: 600_000, workers })));
if (alone === undefined || JSON.stringify(alone) !== JSON.stringify(together) || alone.steps < 1_000_000)
  throw new Error("threads give another packing");
console.log(names, plan.summary.arenaBytes);
`,
  );
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        target: "es2023",
        lib: ["es2023", "dom"],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmitOnError: true,
        outDir: "out",
      },
      files: ["use.ts"],
    }),
  );
  const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  run(process.execPath, [tsc, "-p", folder], folder);
  console.log(
    `package: ${packed.size} bytes, ${packed.files.length} files; a typed consumer prints: ${run(process.execPath, [join(folder, "out", "use.js")], folder).trim()}`,
  );
  const version = run(
    process.execPath,
    [join(folder, "node_modules", "strata", "dist", "bin", "strata.js"), "--version"],
    folder,
  ).trim();
  const { version: wanted } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  if (version !== wanted) throw new Error(`strata --version prints ${version}, the package is ${wanted}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
