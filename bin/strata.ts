#!/usr/bin/env node
/** The `strata` command: wires yargs, turns errors into messages and exit codes. Verbs load only when called. */
import { main } from "./main.ts";

process.exitCode = await main(process.argv.slice(2));
