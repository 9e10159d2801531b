#!/usr/bin/env node
/** The `strata` command: wires yargs, turns errors into messages and exit codes. Verbs load only when called. */
import { isMainThread } from "node:worker_threads";
import { main } from "./main.ts";
import { adoptTerminal, isSearch, runInThread } from "./thread.ts";

const argv = process.argv.slice(2);
adoptTerminal();
process.exitCode =
  isMainThread && isSearch(argv) ? await runInThread(new URL(import.meta.url), argv) : await main(argv);
