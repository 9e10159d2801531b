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
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { argv, env as environment, execPath, platform, arch } from "node:process";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";

const root = join(import.meta.dirname, "..");
const PACKAGE = "@sparticuz/chromium";
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

/** The regular files of a POSIX tar archive, by base name. */
function* tarFiles(archive) {
  const field = (header, from, to) => header.toString("latin1", from, to).replace(/\0.*$/s, "").trim();
  for (let at = 0; at + 512 <= archive.length;) {
    const header = archive.subarray(at, at + 512);
    const name = field(header, 0, 100);
    if (name === "") return;
    const size = Number.parseInt(field(header, 124, 136), 8);
    if (!Number.isSafeInteger(size) || at + 512 + size > archive.length) throw new Error("the archive is cut short");
    const type = field(header, 156, 157);
    if (type === "" || type === "0") yield { name: basename(name), bytes: archive.subarray(at + 512, at + 512 + size) };
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** The folder with SwiftShader and the Vulkan loader, unpacked once; or why there is none. */
function swiftshader() {
  if (arch !== "x64") return { reason: `${PACKAGE} has SwiftShader for x64 only, this machine is ${arch}` };
  let folder;
  try {
    // The package exports no package.json: its root is above the folder of its entry.
    folder = dirname(createRequire(import.meta.url).resolve(PACKAGE));
  } catch (cause) {
    return {
      reason: `${PACKAGE} is not installed (npm install --save-dev ${PACKAGE}): ${cause.message.split("\n")[0]}`,
    };
  }
  while (!existsSync(join(folder, "package.json")) || !existsSync(join(folder, "bin"))) {
    const above = dirname(folder);
    if (above === folder) return { reason: `${PACKAGE} has no folder bin` };
    folder = above;
  }
  const packed = join(folder, "bin", "swiftshader.tar.br");
  if (!existsSync(packed)) return { reason: `${PACKAGE} has no bin/swiftshader.tar.br` };
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const cache = join(root, "node_modules", ".cache", "strata");
  const target = join(cache, `swiftshader-${version}`);
  if (existsSync(join(target, MANIFEST)) && existsSync(join(target, LOADER))) return { folder: target };
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, "unpack-"));
  try {
    for (const { name, bytes } of tarFiles(brotliDecompressSync(readFileSync(packed))))
      writeFileSync(join(fresh, name), bytes, { mode: 0o755 });
    try {
      renameSync(fresh, target);
    } catch (cause) {
      // Another process was faster; its copy is the same.
      if (!existsSync(join(target, MANIFEST))) throw cause;
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return { folder: target };
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
  const found = swiftshader();
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

/** vitest's global setup: workers, processes or threads, find what is set up before they start. */
export default function setup() {
  const found = useSoftwareVulkan();
  if (found.env === undefined) console.warn(`no software Vulkan, WebGPU tests will be skipped: ${found.reason}`);
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
