/** All WGSL kernels of our own, by the names of src/kernels. One table a family, later tables win. */
import { copyBytesKernels } from "./copy-bytes.ts";
import { exampleKernels } from "./example.ts";
import { normKernels } from "./norm.ts";
import type { WgslKernel, WgslTable } from "./types.ts";

const TABLES: readonly WgslTable[] = [exampleKernels, copyBytesKernels, normKernels];

const KERNELS = new Map<string, WgslKernel>(TABLES.flatMap((table) => Object.entries(table)));

/** The WGSL kernel of that name, or undefined. */
export const wgslKernelByName = (name: string): WgslKernel | undefined => KERNELS.get(name);

export const wgslKernelNames = (): readonly string[] => [...KERNELS.keys()];
