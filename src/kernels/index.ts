/** All kernels by name. */
import type { Kernel, KernelTable } from "./types.ts";

const TABLES: readonly KernelTable[] = [];

const KERNELS = new Map<string, Kernel>(TABLES.flatMap((table) => Object.entries(table)));

/** The kernel of that name, or undefined. */
export const kernelByName = (name: string): Kernel | undefined => KERNELS.get(name);

export const kernelNames = (): readonly string[] => [...KERNELS.keys()].sort();
