/**
 * A Chromium for the browser test, and how to start it with WebGPU on a machine without a GPU:
 * STRATA_CHROMIUM, or one on the PATH, or the one that npm `@sparticuz/chromium` packs.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { env } from "node:process";
import { unpackChromium } from "./chromium-package.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const ARGS = [
  "--no-sandbox", // a container has no user namespaces, and the page is our own
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
];

const isExecutable = (file) => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** `{ executable, args, env }` for a launch, or `{ reason }`. */
export function findChromium() {
  const named = env.STRATA_CHROMIUM;
  if (named)
    return isExecutable(named)
      ? { executable: named, args: ARGS, env }
      : { reason: `STRATA_CHROMIUM: ${named} can't be run` };
  for (const folder of (env.PATH ?? "").split(delimiter).filter(Boolean)) {
    const found = NAMES.map((name) => join(folder, name)).find(isExecutable);
    if (found !== undefined) return { executable: found, args: ARGS, env };
  }
  const { folder, reason } = unpackChromium("chromium", ["chromium", "swiftshader.tar", "al2023.tar"]);
  if (reason !== undefined) return { reason };
  const libraries = [folder, join(folder, "lib"), env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  return { executable: join(folder, "chromium"), args: ARGS, env: { ...env, LD_LIBRARY_PATH: libraries } };
}
