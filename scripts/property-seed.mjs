/**
 * vitest's setup file: in CI every property starts from one seed, so that a commit passes or fails for good;
 * elsewhere each run tries new cases. A failure prints the seed either way.
 */
import { configureGlobal } from "fast-check";
import { env } from "node:process";

if (env.CI) configureGlobal({ seed: Number(env.STRATA_PROPERTY_SEED ?? 1) });
