/** All WGSL kernels of our own, by the names of src/kernels. One table a family, later tables win. */
import { activationKernels } from "./activations.ts";
import { binaryKernels } from "./binary.ts";
import { castKernels } from "./cast.ts";
import { attentionKernels } from "./attention.ts";
import { convKernels } from "./conv.ts";
import { copyBytesKernels } from "./copy-bytes.ts";
import { exampleKernels } from "./example.ts";
import { geluKernels } from "./gelu.ts";
import { generateKernels } from "./generate.ts";
import { indexingKernels } from "./indexing.ts";
import { movementKernels } from "./movement.ts";
import { normKernels } from "./norm.ts";
import { poolKernels } from "./pool.ts";
import { softmaxKernels } from "./softmax.ts";
import { unaryKernels } from "./unary.ts";
import { reduceKernels } from "./reduce.ts";
import { scanKernels } from "./scan.ts";
import { topKKernels } from "./top-k.ts";
import type { WgslKernel, WgslTable } from "./types.ts";

const TABLES: readonly WgslTable[] = [
  exampleKernels,
  copyBytesKernels,
  attentionKernels,
  convKernels,
  geluKernels,
  normKernels,
  poolKernels,
  softmaxKernels,
  unaryKernels,
  binaryKernels,
  activationKernels,
  castKernels, movementKernels, generateKernels, indexingKernels, reduceKernels, scanKernels, topKKernels];

const KERNELS = new Map<string, WgslKernel>(TABLES.flatMap((table) => Object.entries(table)));

/** The WGSL kernel of that name, or undefined. */
export const wgslKernelByName = (name: string): WgslKernel | undefined => KERNELS.get(name);

export const wgslKernelNames = (): readonly string[] => [...KERNELS.keys()];
