import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Requires } from "../optional.ts";
import { platformGpu } from "./dawn.ts";
import { openDevice } from "./device.ts";
import { whyNoDevice, withDevice } from "./device.test-util.ts";
import {
  BUFFER_USAGE,
  MAP_MODE,
  type GpuBuffer,
  type GpuError,
  type RawAdapter,
  type RawDevice,
  type RawGpu,
} from "./gpu.ts";

const { copyDst, copySrc, mapRead, storage } = BUFFER_USAGE;

const DOUBLE = `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&x)) { x[id.x] = 2 * x[id.x]; }
}`;

/** Bytes of a buffer, by way of a staging buffer. */
async function read(raw: RawDevice, buffer: GpuBuffer): Promise<ArrayBuffer> {
  const staging = raw.createBuffer({ size: buffer.size, usage: copyDst | mapRead });
  const encoder = raw.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  raw.queue.submit([encoder.finish()]);
  await staging.mapAsync(MAP_MODE.read);
  const copy = staging.getMappedRange().slice(0);
  staging.destroy();
  return copy;
}

const noDevice = whyNoDevice();

describe.skipIf(noDevice !== undefined)("a device", () => {
  test("computes, and counts what it makes", () =>
    withDevice(async (device) => {
      const { raw } = device;
      const numbers = Float32Array.from({ length: 100 }, (_, i) => i - 50);
      const buffer = await device.allocate("test", { size: 400, usage: storage | copyDst | copySrc });
      raw.queue.writeBuffer(buffer, 0, numbers);
      const pipeline = raw.createComputePipeline({
        layout: "auto",
        compute: { module: raw.createShaderModule({ code: DOUBLE }) },
      });
      const group = raw.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [{ binding: 0, resource: { buffer } }],
      });
      for (let run = 1; run <= 3; run++) {
        const encoder = raw.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(2);
        pass.end();
        raw.queue.submit([encoder.finish()]);
        expect(new Float32Array(await read(raw, buffer))).toEqual(numbers.map((x) => x * 2 ** run));
        expect(device.counters()).toEqual({
          buffers: 1 + run,
          bindGroups: 1,
          computePipelines: 1,
          shaderModules: 1,
          submits: 2 * run,
          liveBytes: 400,
          peakBytes: 800,
        });
      }
      buffer.destroy();
      buffer.destroy();
      expect(device.counters().liveBytes).toBe(0);
    }));

  test("is given what the adapter offers, 256-byte alignment unless asked", async () => {
    await withDevice(async ({ limits, raw }) => {
      expect(limits.maxBufferSize).toBe(raw.limits.maxBufferSize);
      expect(limits.maxStorageBuffersPerShaderStage).toBeGreaterThan(8); // the default, which the adapter betters
      expect(limits.minStorageBufferOffsetAlignment).toBe(256);
    });
    await withDevice(
      async ({ limits }) => expect([16, 32, 64, 128, 256]).toContain(limits.minStorageBufferOffsetAlignment),
      { offsetAlignment: 16 },
    );
  });

  test("of software says so, loudly", async () => {
    const told: string[] = [];
    await withDevice(
      async ({ adapter, warnings }) => {
        expect(warnings).toEqual(told);
        expect(told.length).toBe(adapter.software ? 1 : 0);
        if (adapter.software) expect(told[0]).toMatch(/software/);
      },
      { warn: (message) => void told.push(message) },
    );
  });

  test("tells a validation error at the next wait, and from then on", async () => {
    const device = await openDevice();
    const { raw } = device;
    const buffer = raw.createBuffer({ size: 16, usage: copyDst });
    const encoder = raw.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, buffer, 8, 8); // not copySrc
    raw.queue.submit([encoder.finish()]);
    await expect(device.settled(raw.queue.onSubmittedWorkDone())).rejects.toMatchObject({ code: "gpu-validation" });
    expect(() => device.assertHealthy()).toThrow(/WebGPU reports/);
    await expect(device.allocate("more", { size: 16, usage: copyDst })).rejects.toMatchObject({
      code: "gpu-validation",
    });
    await device.close();
  });

  test("refuses a map that can't be, with the same error", async () => {
    const device = await openDevice();
    const buffer = device.raw.createBuffer({ size: 16, usage: copyDst });
    await expect(device.settled(buffer.mapAsync(MAP_MODE.read))).rejects.toMatchObject({ code: "gpu-validation" });
    await device.close();
  });

  test("has no buffer beyond its limit, and stays healthy", () =>
    withDevice(async (device) => {
      const size = device.limits.maxBufferSize! + 256;
      const huge = device.allocate("the arena", { size, usage: storage });
      await expect(huge).rejects.toMatchObject({ code: "device-out-of-memory", name: "InfeasibleError" });
      await expect(huge).rejects.toThrow(`${size} bytes for the arena`);
      expect(device.counters()).toMatchObject({ buffers: 0, liveBytes: 0 });
    }));

  test("destroyed under its users is lost", async () => {
    const device = await openDevice();
    device.raw.destroy();
    const work = device.settled(device.raw.lost);
    await expect(work.then(() => device.assertHealthy())).rejects.toMatchObject({ code: "device-lost" });
    await device.close();
  });

  test("closes with work and maps pending, twice, and is lost to its users then", async () => {
    const device = await openDevice();
    const { raw } = device;
    const buffer = raw.createBuffer({ size: 1 << 20, usage: copyDst | mapRead });
    const from = raw.createBuffer({ size: 1 << 20, usage: copySrc });
    const encoder = raw.createCommandEncoder();
    for (let i = 0; i < 20; i++) encoder.copyBufferToBuffer(from, 0, buffer, 0, 1 << 20);
    raw.queue.submit([encoder.finish()]);
    const mapped = buffer.mapAsync(MAP_MODE.read).then(() => "mapped");
    await Promise.all([device.close(), device.close()]);
    expect(await mapped).toBe("mapped");
    expect(() => device.assertHealthy()).toThrow(/closed/);
  });
});

/** A project in which nothing is installed, or where what is installed ends in `failure`. */
const project = (failure: Error): Requires => {
  const fail = (): never => {
    throw failure;
  };
  return Object.assign(fail, { resolve: fail });
};

test("npm webgpu not installed: says what to type", async () => {
  const absent = Object.assign(new Error("Cannot find module 'webgpu'"), { code: "MODULE_NOT_FOUND" });
  await expect(platformGpu([], [project(absent)])).rejects.toMatchObject({
    code: "provider-missing",
    details: [],
    help: expect.stringContaining("npm install webgpu@"),
  });
});

test("npm webgpu that does not load: says why", async () => {
  const old = project(new Error("version `GLIBC_2.34' not found"));
  await expect(platformGpu([], [old])).rejects.toMatchObject({
    code: "provider-missing",
    details: [expect.stringMatching(/GLIBC/)],
  });
});

/** A GPU that does as it is told, and fails when it is told. */
function fakeGpu() {
  let lose: (info: { reason: string; message: string }) => void = () => {};
  let report: (event: { error: GpuError }) => void = () => {};
  const scopes: (GpuError | null)[] = [];
  const asked: { requiredFeatures: string[]; requiredLimits: Record<string, number> }[] = [];
  let destroyed = 0;
  const buffer = (size: number): GpuBuffer => ({
    size,
    usage: 0,
    mapState: "unmapped",
    mapAsync: async () => undefined,
    getMappedRange: () => new ArrayBuffer(size),
    unmap: () => {},
    destroy: () => {},
  });
  const device = {
    limits: { maxBufferSize: 1000 },
    features: new Set<string>(),
    queue: { submit: () => {}, onSubmittedWorkDone: async () => undefined, writeBuffer: () => {} },
    lost: new Promise<{ reason: string; message: string }>((resolve) => (lose = resolve)),
    createBuffer: ({ size }: { size: number }) => buffer(size),
    createBindGroup: () => ({ label: "" }),
    createComputePipeline: () => ({ label: "", getBindGroupLayout: () => ({ label: "" }) }),
    createComputePipelineAsync: async () => ({ label: "", getBindGroupLayout: () => ({ label: "" }) }),
    createShaderModule: () => ({ label: "", getCompilationInfo: async () => ({ messages: [] }) }),
    pushErrorScope: () => {},
    popErrorScope: async () => scopes.pop() ?? null,
    addEventListener: (_: string, listener: typeof report) => (report = listener),
    destroy: () => void destroyed++,
  } as unknown as RawDevice;
  const adapter: RawAdapter = {
    limits: { maxBufferSize: 1000, maxStorageBuffersPerShaderStage: 10, minStorageBufferOffsetAlignment: 32 },
    features: new Set(["shader-f16", "depth-clip-control"]),
    info: { vendor: "acme", architecture: "one", device: "", description: "Acme One" },
    requestDevice: async (descriptor) => {
      asked.push(descriptor);
      return device;
    },
  };
  const gpu: RawGpu = { requestAdapter: async () => adapter };
  return {
    gpu,
    adapter,
    asked,
    scopes,
    destroyed: () => destroyed,
    lose: (message: string) => lose({ reason: "unknown", message }),
    report: (error: GpuError) => report({ error }),
  };
}

class GPUOutOfMemoryError extends Error {}
class GPUValidationError extends Error {}

describe("a device that fails", () => {
  test("is asked for all that the adapter has, and nothing else", async () => {
    const { gpu, asked } = fakeGpu();
    const { adapter } = await openDevice({ gpu });
    expect(adapter).toMatchObject({ vendor: "acme", software: false });
    expect(asked).toEqual([
      {
        requiredFeatures: ["shader-f16"],
        requiredLimits: {
          maxBufferSize: 1000,
          maxStorageBuffersPerShaderStage: 10,
          minStorageBufferOffsetAlignment: 256,
        },
      },
    ]);
  });

  test("never aligns to less than the adapter does", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 4, max: 10 }), async (log) => {
        const { gpu, asked } = fakeGpu();
        await openDevice({ gpu, offsetAlignment: 2 ** log });
        expect(asked[0]!.requiredLimits.minStorageBufferOffsetAlignment).toBe(Math.max(32, 2 ** log));
      }),
    ));

  test("no adapter: says what to install", async () => {
    const opened = openDevice({ gpu: { requestAdapter: async () => null } });
    await expect(opened).rejects.toMatchObject({ code: "no-adapter", help: expect.stringMatching(/libvulkan1/) });
  });

  test("no device: says why", async () => {
    const { adapter } = fakeGpu();
    const refuses: RawAdapter = { ...adapter, requestDevice: () => Promise.reject(new Error("limit too high")) };
    const opened = openDevice({ gpu: { requestAdapter: async () => refuses } });
    await expect(opened).rejects.toMatchObject({
      code: "no-adapter",
      message: expect.stringMatching(/limit too high/),
    });
  });

  test("lost: what is waited for is given up, whether it answers or not", async () => {
    const { gpu, lose } = fakeGpu();
    const device = await openDevice({ gpu });
    const never = device.settled(new Promise(() => {}));
    lose("driver reset");
    await expect(never).rejects.toMatchObject({ code: "device-lost", message: expect.stringMatching(/driver reset/) });
    expect(() => device.assertHealthy()).toThrow(/driver reset/);
    await device.close();
  });

  test("lost while a map fails: the loss is told, not the map", async () => {
    const { gpu, lose } = fakeGpu();
    const device = await openDevice({ gpu });
    const map = device.settled(Promise.reject(new Error("map aborted")));
    lose("driver reset");
    await expect(map).rejects.toMatchObject({ code: "device-lost" });
  });

  test("out of memory in its scope: typed, and the next one may succeed", async () => {
    const { gpu, scopes } = fakeGpu();
    const device = await openDevice({ gpu });
    scopes.push(new GPUOutOfMemoryError("VK_ERROR_OUT_OF_DEVICE_MEMORY"));
    const refused = device.allocate("the weights", { size: 400, usage: storage });
    await expect(refused).rejects.toMatchObject({
      code: "device-out-of-memory",
      details: ["VK_ERROR_OUT_OF_DEVICE_MEMORY"],
    });
    expect(device.counters()).toMatchObject({ liveBytes: 0, peakBytes: 400 });
    expect((await device.allocate("the weights", { size: 300, usage: storage })).size).toBe(300);
    expect(device.counters().liveBytes).toBe(300);
  });

  test.each([
    [new GPUOutOfMemoryError("no memory"), "device-out-of-memory"],
    [new GPUValidationError("bad binding"), "gpu-validation"],
  ])("uncaptured %s: told as %s", async (error, code) => {
    const { gpu, report } = fakeGpu();
    const device = await openDevice({ gpu });
    report(error);
    report(new GPUValidationError("a consequence"));
    await expect(device.settled(Promise.resolve(1))).rejects.toMatchObject({ code });
  });

  test("closing destroys once", async () => {
    const { gpu, destroyed } = fakeGpu();
    const device = await openDevice({ gpu });
    await device.close();
    await device.close();
    expect(destroyed()).toBe(1);
  });
});
