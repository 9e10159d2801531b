/** Compute pipelines and bind groups of dispatches at their places, each distinct pipeline made once for a device. */
import { broken } from "../../errors.ts";
import type { GpuDevice } from "./device.ts";
import { STAGE_COMPUTE, type GpuBindGroup, type GpuBufferBinding, type GpuComputePipeline } from "./gpu.ts";
import type { TracedDispatch } from "./trace.ts";
import { rewriteBindings } from "./wgsl.ts";

export interface BoundDispatch {
  readonly label: string;
  readonly pipeline: GpuComputePipeline;
  readonly group: GpuBindGroup;
  readonly workgroups: readonly [number, number, number];
}

interface Made {
  readonly pipeline: Promise<GpuComputePipeline>;
  readonly layout: ReturnType<GpuDevice["raw"]["createBindGroupLayout"]>;
}

const caches = new WeakMap<object, Map<string, Made>>();

const overlaps = (a: GpuBufferBinding, b: GpuBufferBinding): boolean =>
  a.buffer === b.buffer && a.offset! < b.offset! + b.size! && b.offset! < a.offset! + a.size!;

const equal = (a: GpuBufferBinding, b: GpuBufferBinding): boolean =>
  a.buffer === b.buffer && a.offset === b.offset && a.size === b.size;

/**
 * Binds a dispatch. `places`: the result's place, then those of the reads. What lies in the result's
 * buffer is bound read_write (the rule of one buffer, one usage), the rest read-only; two variables at
 * one place become one.
 */
export async function bindDispatch(
  gpu: GpuDevice,
  dispatch: TracedDispatch,
  places: readonly GpuBufferBinding[],
  uniforms: GpuBufferBinding,
): Promise<BoundDispatch> {
  const { names } = dispatch;
  const types = [dispatch.writeType, ...dispatch.readTypes];
  const writable: string[] = [];
  const same: { name: string; as: string }[] = [];
  const kept: number[] = [0];
  for (let k = 1; k < places.length; k++) {
    const place = places[k]!;
    const shared = place.buffer === places[0]!.buffer;
    const other = shared ? kept.find((j) => overlaps(places[j]!, place)) : undefined;
    if (other === undefined) {
      if (shared) writable.push(names[k]!);
      kept.push(k);
      continue;
    }
    if (!equal(places[other]!, place) || types[other] !== types[k])
      throw broken(`operands ${names[other]} and ${names[k]} of ${dispatch.label} overlap and can't be one binding`);
    same.push({ name: names[k]!, as: names[other]! });
  }
  const { pipeline, layout } = pipelineOf(
    gpu,
    dispatch,
    rewriteBindings(dispatch.code, { writable, same }),
    kept,
    writable,
  );
  const group = gpu.raw.createBindGroup({
    label: dispatch.label,
    layout,
    entries: [
      ...kept.map((k) => ({ binding: k, resource: places[k]! })),
      { binding: places.length, resource: uniforms },
    ],
  });
  return { label: dispatch.label, pipeline: await pipeline, group, workgroups: dispatch.workgroups };
}

function pipelineOf(
  gpu: GpuDevice,
  dispatch: TracedDispatch,
  code: string,
  kept: readonly number[],
  writable: readonly string[],
): Made {
  let cache = caches.get(gpu.raw);
  if (cache === undefined) caches.set(gpu.raw, (cache = new Map()));
  let made = cache.get(code);
  if (made === undefined) {
    const { raw } = gpu;
    const layout = raw.createBindGroupLayout({
      entries: [
        ...kept.map((k) => ({
          binding: k,
          visibility: STAGE_COMPUTE,
          buffer: {
            type:
              k === 0 || writable.includes(dispatch.names[k]!) ? ("storage" as const) : ("read-only-storage" as const),
          },
        })),
        { binding: dispatch.names.length, visibility: STAGE_COMPUTE, buffer: { type: "uniform" as const } },
      ],
    });
    const module = raw.createShaderModule({ label: dispatch.label, code });
    made = {
      layout,
      pipeline: gpu.settled(
        raw.createComputePipelineAsync({
          label: dispatch.label,
          layout: raw.createPipelineLayout({ bindGroupLayouts: [layout] }),
          compute: { module, entryPoint: dispatch.entryPoint },
        }),
      ),
    };
    cache.set(code, made);
  }
  return made;
}
