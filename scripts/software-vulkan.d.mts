/** A Vulkan driver for the WebGPU tests; `reason` says why there is none. */
export type SoftwareVulkan =
  | { readonly driver: "system" | "configured" | "swiftshader"; readonly env: Readonly<Record<string, string>> }
  | { readonly reason: string; readonly env?: undefined };
export function softwareVulkan(): SoftwareVulkan;
export function useSoftwareVulkan(): SoftwareVulkan;
export default function setup(): void;
