/**
 * Bundles src/browser.ts for browsers: dist/browser/strata.js (ES module, TensorFlow.js in chunks that are
 * loaded when a backend asks for them) and the WebAssembly files beside it. A module `x.ts` that needs
 * Node has a twin `x.browser.ts`, which takes its place.
 */
import { build } from "esbuild";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";

const root = join(import.meta.dirname, "..");
const builtin = join(root, "src", "target", "builtin");

/** Twins for modules of ours, the files of the built-in targets as one module, and no Node at all in packages. */
const platform = {
  name: "platform",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, resolveDir }) => {
      const twin = join(resolveDir, path.replace(/\.ts$/, ".browser.ts"));
      return existsSync(twin) ? { path: twin } : undefined;
    });
    onLoad({ filter: /src[\\/]target[\\/]builtin\.ts$/ }, () => {
      const files = readdirSync(builtin).filter((name) => name.endsWith(".json"));
      const entries = files.map((name) => [
        basename(name, ".json"),
        JSON.parse(readFileSync(join(builtin, name), "utf8")),
      ]);
      const contents = `const files = ${JSON.stringify(Object.fromEntries(entries))};
        export const readBuiltin = (name) => structuredClone(files[name]);`;
      return { contents, loader: "js" };
    });
    // Emscripten's loaders ask for these in Node only; ours must not ask at all.
    onResolve(
      { filter: /^(node:)?(fs|fs\/promises|path|os|util|crypto|module|worker_threads|perf_hooks|buffer)$/ },
      (args) => {
        const from = relative(root, args.importer);
        if (!from.includes("node_modules"))
          return { errors: [{ text: `${from} imports ${args.path}: it needs a twin .browser.ts` }] };
        return { path: args.path, namespace: "absent" };
      },
    );
    onLoad({ filter: /.*/, namespace: "absent" }, () => ({ contents: "module.exports = {};", loader: "js" }));
  },
};

/** Bundles into `outdir`. Resolves to the bytes of each file, by name. */
export async function buildBrowser(outdir) {
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  const { metafile } = await build({
    entryPoints: { strata: join(root, "src", "browser.ts") },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2023",
    minify: true,
    // TensorFlow.js's programs go by the names of their classes, in plans too.
    keepNames: true,
    outdir,
    metafile: true,
    logLevel: "warning",
    absWorkingDir: root,
    plugins: [platform],
    define: { "process.env.NODE_ENV": '"production"' },
    // Optional decoders and runtimes are for Node.
    external: ["onnx-proto", "webgpu"],
  });
  const require = createRequire(import.meta.url);
  const wasm = join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist");
  for (const name of readdirSync(wasm)) if (name.endsWith(".wasm")) copyFileSync(join(wasm, name), join(outdir, name));
  return new Map(Object.entries(metafile.outputs).map(([path, { bytes }]) => [basename(path), bytes]));
}

if (argv[1] !== undefined && fileURLToPath(import.meta.url) === argv[1]) {
  const sizes = await buildBrowser(join(root, "dist", "browser"));
  for (const [name, bytes] of sizes) console.log(`${(bytes / 1024).toFixed(0).padStart(6)} KiB  ${name}`);
}
