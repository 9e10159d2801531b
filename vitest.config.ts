import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{src,passes,models,bin,bench,fixtures}/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
