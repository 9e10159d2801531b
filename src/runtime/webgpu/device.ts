/**
 * Opens a GPU: Dawn through npm `webgpu` in Node, `navigator.gpu` elsewhere, with all that the adapter
 * offers asked for. Nothing that the GPU reports is swallowed: a validation error, a lost device or
 * missing memory is kept and thrown at the next point where the caller waits.
 */
import { deviceLost, deviceOutOfMemory, gpuValidation, noAdapter, StrataError } from "../../errors.ts";
import { countOn, type GpuCounters } from "./count.ts";
import { platformGpu, type GpuSource } from "./dawn.ts";
import type { GpuBuffer, GpuBufferDescriptor, GpuError, RawAdapter, RawDevice, RawGpu } from "./gpu.ts";
import { navigatorGpu } from "./navigator.ts";

export interface DeviceOptions {
  /** Where adapters come from; default: Dawn in Node, `navigator.gpu` elsewhere. */
  readonly gpu?: RawGpu;
  /** Alignment of storage-buffer offsets, bytes; default 256. The adapter's own minimum is used where it is larger. */
  readonly offsetAlignment?: number;
  /** Options for Dawn, such as "disable-dawn-features=timestamp_quantization". */
  readonly dawn?: readonly string[];
  /** Told what the user should know (a software adapter). Default: kept in `warnings` only. */
  readonly warn?: (message: string) => void;
}

export interface AdapterFacts {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** Computes on the CPU. */
  readonly software: boolean;
}

export interface GpuDevice {
  /** The device itself; it counts what it makes. */
  readonly raw: RawDevice;
  readonly adapter: AdapterFacts;
  /** What the device was given, not the adapter's offer. */
  readonly limits: Readonly<Record<string, number>>;
  readonly features: ReadonlySet<string>;
  readonly warnings: readonly string[];
  /** Dawn's constructors (GPUBuffer, ...), which TensorFlow.js wants as globals; empty in a browser, that has them. */
  readonly globals: Readonly<Record<string, unknown>>;
  counters(): GpuCounters;
  /** A buffer, or InfeasibleError `device-out-of-memory`. `what` names it for people. */
  allocate(what: string, descriptor: GpuBufferDescriptor): Promise<GpuBuffer>;
  /** Throws what the GPU has reported: `device-lost`, `device-out-of-memory`, `gpu-validation`. */
  assertHealthy(): void;
  /** Waits for `work`; throws what the GPU reported meanwhile rather than how `work` failed because of it. */
  settled<T>(work: Promise<T>): Promise<T>;
  /** Waits for everything submitted and every map, then destroys the device. Never throws; may be called again. */
  close(): Promise<void>;
}

/** Limits that are asked for at the adapter's best. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const;

const FEATURES = ["timestamp-query", "shader-f16", "subgroups"] as const;

/** The specification's default, which every device accepts. */
const DEFAULT_ALIGNMENT = 256;

async function source(options: DeviceOptions): Promise<GpuSource> {
  if (options.gpu !== undefined) return { gpu: options.gpu, globals: {} };
  // Deno runs Node's modules, but has a WebGPU of its own.
  const { process } = globalThis as { process?: { versions?: { deno?: string } } };
  if (process?.versions?.deno !== undefined) return { gpu: navigatorGpu(), globals: {} };
  return platformGpu(options.dawn ?? []);
}

/** What helps where Dawn finds nothing. */
const DRIVER_HELP =
  "install the GPU's Vulkan driver and the loader (libvulkan1); in a container pass the GPU and its graphics " +
  "capability through. Without a GPU: Mesa's lavapipe 25 or later, or SwiftShader, named by VK_ICD_FILENAMES; " +
  "or run with --backend wasm";

function factsOf({ info }: RawAdapter): AdapterFacts {
  const { vendor, architecture, device, description } = info;
  const named = /swiftshader|llvmpipe|lavapipe|softpipe|\bwarp\b|basic render|\bsoftware\b/i;
  const software = info.isFallbackAdapter === true || named.test([vendor, architecture, device, description].join(" "));
  return { vendor, architecture, device, description, software };
}

async function requestDevice(adapter: RawAdapter, facts: AdapterFacts, alignment: number): Promise<RawDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of LIMITS) {
    const offered = adapter.limits[name];
    if (offered !== undefined) requiredLimits[name] = offered;
  }
  requiredLimits.minStorageBufferOffsetAlignment = Math.max(
    alignment,
    adapter.limits.minStorageBufferOffsetAlignment ?? DEFAULT_ALIGNMENT,
  );
  const requiredFeatures = FEATURES.filter((feature) => adapter.features.has(feature));
  try {
    return await adapter.requestDevice({ requiredFeatures, requiredLimits });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw noAdapter(`adapter ${facts.description || facts.vendor} gives no device: ${reason}`, DRIVER_HELP, cause);
  }
}

/** The typed error for what the GPU reported outside any error scope. */
const reported = (error: GpuError): StrataError =>
  error.constructor.name === "GPUOutOfMemoryError"
    ? deviceOutOfMemory("the GPU", undefined, error.message)
    : gpuValidation(error.message);

/**
 * Opens the best adapter. Throws InputError `provider-missing` where npm `webgpu` is not installed,
 * InputError `no-adapter` where no adapter or no device can be had.
 */
export async function openDevice(options: DeviceOptions = {}): Promise<GpuDevice> {
  const { gpu, globals } = await source(options);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) throw noAdapter("no WebGPU adapter was found", DRIVER_HELP);
  const facts = factsOf(adapter);
  const raw = await requestDevice(adapter, facts, options.offsetAlignment ?? DEFAULT_ALIGNMENT);
  const warnings: string[] = [];
  if (facts.software)
    warnings.push(
      `the WebGPU adapter is software (${facts.description || facts.architecture}): it computes on the CPU, slower than --backend wasm may be`,
    );
  if (options.warn !== undefined) warnings.forEach(options.warn);
  return manage(raw, facts, warnings, globals);
}

function manage(
  raw: RawDevice,
  adapter: AdapterFacts,
  warnings: readonly string[],
  globals: Readonly<Record<string, unknown>>,
): GpuDevice {
  const counting = countOn(raw);
  let failure: StrataError | undefined;
  let closing: Promise<void> | undefined;

  raw.addEventListener("uncapturederror", ({ error }) => void (failure ??= reported(error)));
  /** Rejections of what is being waited for: a lost device may never answer. */
  const waiting = new Set<(cause: unknown) => void>();
  const lost = raw.lost.then(({ reason, message }) => {
    if (closing === undefined) failure = deviceLost(reason, message, failure);
    for (const reject of waiting) reject(failure ?? CLOSED());
  });

  const assertHealthy = (): void => {
    if (failure !== undefined) throw failure;
    if (closing !== undefined) throw CLOSED();
  };

  const settled = async <T>(work: Promise<T>): Promise<T> => {
    let give: ((cause: unknown) => void) | undefined;
    try {
      // Not Promise.race with `lost`: that keeps every result for as long as the device lives.
      const result = await new Promise<T>((resolve, reject) => {
        waiting.add((give = reject));
        work.then(resolve, reject);
      });
      assertHealthy();
      return result;
    } catch (cause) {
      if (cause instanceof StrataError) throw cause;
      await turn(); // what made it fail may be reported right after it
      assertHealthy();
      throw gpuValidation(cause instanceof Error ? cause.message : String(cause), cause);
    } finally {
      if (give !== undefined) waiting.delete(give);
    }
  };

  const close = async (): Promise<void> => {
    // What fails here was either reported already or no longer matters: the device goes away.
    await Promise.race([lost, Promise.allSettled([...counting.pendingMaps(), raw.queue.onSubmittedWorkDone()])]);
    raw.destroy();
  };

  return {
    raw,
    adapter,
    limits: limitsOf(raw),
    features: new Set(raw.features),
    warnings,
    globals,
    counters: counting.counters,
    assertHealthy,
    settled,
    async allocate(what, descriptor) {
      assertHealthy();
      const most = raw.limits.maxBufferSize ?? Infinity;
      if (descriptor.size > most)
        throw deviceOutOfMemory(what, descriptor.size, `one buffer has at most ${most} bytes on this device`);
      raw.pushErrorScope("out-of-memory");
      let buffer: GpuBuffer | undefined;
      let refused: string | undefined;
      try {
        buffer = raw.createBuffer(descriptor);
      } catch (cause) {
        // A mapped buffer needs host memory at once: that it is missing is thrown, not reported.
        refused = cause instanceof Error ? cause.message : String(cause);
      }
      const error = await settled(raw.popErrorScope());
      if (buffer !== undefined && error === null) return buffer;
      buffer?.destroy();
      throw deviceOutOfMemory(what, descriptor.size, error?.message ?? refused);
    },
    close: () => (closing ??= close()),
  };
}

const CLOSED = (): StrataError => deviceLost("destroyed", "the device was closed");

/** Lets promises and timers that are due run. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

const limitsOf = ({ limits }: RawDevice): Readonly<Record<string, number>> => {
  const copy: Record<string, number> = {};
  // Members of a platform object are accessors of its prototype: they don't spread.
  for (const name of [...LIMITS, "minStorageBufferOffsetAlignment", "minUniformBufferOffsetAlignment"]) {
    const value = limits[name];
    if (value !== undefined) copy[name] = value;
  }
  return copy;
};
