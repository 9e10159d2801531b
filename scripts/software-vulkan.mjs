/**
 * A Vulkan driver for the WebGPU tests on machines without a GPU. Dawn (npm `webgpu`) needs a Vulkan
 * driver and loader on Linux; npm `@sparticuz/chromium` carries SwiftShader and the loader, so that
 * neither root nor a package manager is needed. What is already configured always comes first.
 *
 *     eval "$(node scripts/software-vulkan.mjs --print)"      prints `export K='V'` lines
 *     globalSetup: ["scripts/software-vulkan.mjs"]            vitest: workers inherit the environment
 *     useSoftwareVulkan()                                     this very process, before the first adapter is asked for
 *
 * Faster, for benchmarks: lavapipe of Mesa 25 or later. Install it, or unpack its package anywhere and
 * set VK_ICD_FILENAMES to a manifest that names its libvulkan_lvp.so (and LD_LIBRARY_PATH where
 * its own libraries lie); Mesa 22 (Debian 12 without backports) lacks a feature that Dawn requires.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { argv, env as environment, execPath, platform } from "node:process";
import { fileURLToPath } from "node:url";
import { unpackChromium } from "./chromium-package.mjs";

const root = join(import.meta.dirname, "..");
const LOADER = "libvulkan.so.1";
const MANIFEST = "vk_swiftshader_icd.json";

/** RTLD_LAZY | RTLD_NODELETE (glibc): node:os has no name for the second. */
const KEEP_LOADED = 0x1 | 0x1000;

/** Whether a fresh process with that environment finds a WebGPU adapter. */
function findsAdapter(env) {
  const script = `import { create } from "webgpu"; process.exitCode = (await create([]).requestAdapter()) ? 0 : 1;`;
  const { status } = spawnSync(execPath, ["--input-type=module", "-e", script], {
    cwd: root,
    env: { ...environment, ...env },
    stdio: "ignore",
    timeout: 60_000,
  });
  return status === 0;
}

/** Driver manifests of the system: packages install them for hardware that may not be there, so they only earn a try. */
function systemManifests() {
  const data = (environment.XDG_DATA_DIRS ?? "/usr/local/share:/usr/share").split(delimiter);
  const folders = ["/etc", ...data, join(homedir(), ".local", "share")].map((base) => join(base, "vulkan", "icd.d"));
  return folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
}

/**
 * What to add to the environment so that Dawn finds an adapter: `{ driver, env }`, or `{ reason }`
 * where nothing can be done. Looks, in this order, at what is configured, at the system's drivers,
 * at SwiftShader from npm.
 */
export function softwareVulkan() {
  if (platform !== "linux") return { driver: "system", env: {} }; // Metal and D3D12 (with WARP) come with the system
  if (environment.VK_ICD_FILENAMES || environment.VK_DRIVER_FILES) return { driver: "configured", env: {} };
  if (systemManifests().length > 0 && findsAdapter({})) return { driver: "system", env: {} };
  const found = unpackChromium("swiftshader", ["swiftshader.tar"]);
  if (found.reason !== undefined) return { reason: found.reason };
  const libraries = [found.folder, environment.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  return {
    driver: "swiftshader",
    env: { VK_ICD_FILENAMES: join(found.folder, MANIFEST), LD_LIBRARY_PATH: libraries },
  };
}

/**
 * `softwareVulkan` for this process. The dynamic loader reads LD_LIBRARY_PATH when a process starts;
 * so the Vulkan loader is opened here once and kept, and Dawn's later search by name finds it.
 */
export function useSoftwareVulkan() {
  const found = softwareVulkan();
  if (found.env === undefined) return found;
  Object.assign(environment, found.env);
  if (found.driver === "swiftshader") {
    try {
      process.dlopen({ exports: {} }, join(dirname(found.env.VK_ICD_FILENAMES), LOADER), KEEP_LOADED);
    } catch (cause) {
      // It is a library, not an addon: Node says so after having opened it. Anything else is a failure.
      if (!/self-register/.test(cause.message)) return { reason: cause.message };
    }
  }
  return found;
}

/**
 * vitest's global setup: workers, processes or threads, find what is set up before they start. With
 * STRATA_REQUIRE_WEBGPU=1 (CI) the run fails where WebGPU tests would be skipped.
 */
export default function setup() {
  const found = useSoftwareVulkan();
  const required = environment.STRATA_REQUIRE_WEBGPU === "1";
  if (found.env === undefined) {
    if (required) throw new Error(`WebGPU is required, and there is no Vulkan: ${found.reason}`);
    console.warn(`no Vulkan, WebGPU tests will be skipped: ${found.reason}`);
  } else if (required && !findsAdapter({})) throw new Error(`WebGPU is required, and ${found.driver} gives no adapter`);
}

if (argv[1] !== undefined && fileURLToPath(import.meta.url) === argv[1]) {
  const found = softwareVulkan();
  if (found.env === undefined) {
    console.error(found.reason);
    process.exitCode = 1;
  } else if (argv.includes("--print")) {
    for (const [name, value] of Object.entries(found.env))
      console.log(`export ${name}='${value.replaceAll("'", `'\\''`)}'`);
  } else {
    console.log(found.driver);
  }
}
