/**
 * All WGSL kernels of our own, by the names of src/kernels. One table a family; of several kernels of one
 * name the first that covers a form has it. */
import { activationKernels } from "./activations.ts";
import { binaryKernels } from "./binary.ts";
import { castKernels } from "./cast.ts";
import { attentionKernels } from "./attention.ts";
import { multiHeadAttentionKernels } from "./multi-head-attention.ts";
import { groupQueryAttentionKernels } from "./group-query-attention.ts";
import { rotaryEmbeddingKernels } from "./rotary-embedding.ts";
import { convKernels } from "./conv.ts";
import { convNhwcKernels } from "./conv-nhwc.ts";
import { copyBytesKernels } from "./copy-bytes.ts";
import { einsumKernels } from "./einsum.ts";
import { geluKernels } from "./gelu.ts";
import { generateKernels } from "./generate.ts";
import { indexingKernels } from "./indexing.ts";
import { matMulNBitsKernels } from "./matmul-nbits.ts";
import { anyProductKernels } from "./any-product.ts";
import { matmulKernels } from "./matmul.ts";
import { movementKernels } from "./movement.ts";
import { axesNormKernels } from "./axes-norm.ts";
import { channelNormKernels } from "./channel-norm.ts";
import { fusedNormKernels } from "./fused-norm.ts";
import { normKernels } from "./norm.ts";
import { globalPoolKernels } from "./global-pool.ts";
import { poolKernels } from "./pool.ts";
import { softmaxKernels } from "./softmax.ts";
import { unaryKernels } from "./unary.ts";
import { quantizeKernels } from "./quantize.ts";
import { resizeKernels } from "./resize.ts";
import { reduceKernels } from "./reduce.ts";
import { scanKernels } from "./scan.ts";
import { topKKernels } from "./top-k.ts";
import type { WgslKernel, WgslTable } from "./types.ts";

const TABLES: readonly WgslTable[] = [
  copyBytesKernels,
  attentionKernels,
  multiHeadAttentionKernels,
  groupQueryAttentionKernels,
  rotaryEmbeddingKernels,
  convNhwcKernels,
  convKernels,
  matmulKernels,
  anyProductKernels,
  geluKernels,
  normKernels,
  fusedNormKernels,
  channelNormKernels,
  axesNormKernels,
  poolKernels,
  globalPoolKernels,
  softmaxKernels,
  unaryKernels,
  binaryKernels,
  activationKernels,
  castKernels,
  movementKernels,
  generateKernels,
  indexingKernels,
  reduceKernels,
  scanKernels,
  topKKernels,
  quantizeKernels,
  matMulNBitsKernels,
  resizeKernels,
  einsumKernels,
];

const KERNELS = new Map<string, readonly WgslKernel[]>();
for (const [name, kernel] of TABLES.flatMap((table) => Object.entries(table)))
  KERNELS.set(name, [...(KERNELS.get(name) ?? []), kernel]);

/** The WGSL kernel of that name, or undefined. */
export function wgslKernelByName(name: string): WgslKernel | undefined {
  const kernels = KERNELS.get(name);
  if (kernels === undefined) return undefined;
  return (call) => {
    for (const kernel of kernels) {
      const made = kernel(call);
      if (made !== undefined) return made;
    }
    return undefined;
  };
}

export const wgslKernelNames = (): readonly string[] => [...KERNELS.keys()];
