/**
 * What npm `@sparticuz/chromium` (a dev dependency) packs: Chromium without a window, SwiftShader with the
 * Vulkan loader, and the libraries that a bare container lacks; unpacked once under node_modules/.cache.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, normalize } from "node:path";
import { arch, platform } from "node:process";
import { brotliDecompressSync } from "node:zlib";

const PACKAGE = "@sparticuz/chromium";
const cache = join(import.meta.dirname, "..", "node_modules", ".cache", "strata");

/** The regular files of a POSIX tar archive. */
function* tarFiles(archive) {
  const field = (header, from, to) => header.toString("latin1", from, to).replace(/\0.*$/s, "").trim();
  for (let at = 0; at + 512 <= archive.length;) {
    const header = archive.subarray(at, at + 512);
    const name = field(header, 0, 100);
    if (name === "") return;
    const size = Number.parseInt(field(header, 124, 136), 8);
    if (!Number.isSafeInteger(size) || at + 512 + size > archive.length) throw new Error("the archive is cut short");
    const type = field(header, 156, 157);
    if (type === "" || type === "0") yield { name, bytes: archive.subarray(at + 512, at + 512 + size) };
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** The package's folder, or why it can't be used. */
function packageFolder() {
  if (platform !== "linux" || arch !== "x64")
    return { reason: `${PACKAGE} is for Linux on x64, not ${platform} on ${arch}` };
  let folder;
  try {
    folder = dirname(createRequire(import.meta.url).resolve(PACKAGE));
  } catch {
    return { reason: `${PACKAGE} is not installed (npm install --save-dev ${PACKAGE})` };
  }
  // It exports no package.json: its root is above the folder of its entry.
  while (!existsSync(join(folder, "bin"))) {
    if (dirname(folder) === folder) return { reason: `${PACKAGE} has no folder bin` };
    folder = dirname(folder);
  }
  return { folder, version: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version };
}

/**
 * The folder with the unpacked `parts` (names in the package's bin folder, without .br), or `{ reason }`.
 * Many processes may ask at once: a folder appears complete or not at all.
 */
export function unpackChromium(name, parts) {
  const { folder, version, reason } = packageFolder();
  if (reason !== undefined) return { reason };
  const target = join(cache, `${name}-${version}`);
  if (existsSync(target)) return { folder: target };
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, "unpack-"));
  try {
    for (const part of parts) {
      const packed = join(folder, "bin", `${part}.br`);
      if (!existsSync(packed)) return { reason: `${PACKAGE} ${version} has no bin/${part}.br` };
      const bytes = brotliDecompressSync(readFileSync(packed));
      const files = part.endsWith(".tar") ? tarFiles(bytes) : [{ name: part, bytes }];
      for (const file of files) {
        const path = join(fresh, normalize(`/${file.name}`));
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, file.bytes, { mode: 0o755 });
      }
    }
    renameSync(fresh, target);
  } catch (cause) {
    // Where another process was faster, its copy is the same.
    if (!existsSync(target)) throw cause;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return { folder: target };
}
