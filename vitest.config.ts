import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // A GPU driver for the WebGPU tests, in software where there is no other.
    globalSetup: ["scripts/software-vulkan.mjs"],
    setupFiles: ["scripts/property-seed.mjs"],
    include: ["{src,passes,models,bin,bench,fixtures}/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
