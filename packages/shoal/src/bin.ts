#!/usr/bin/env node
/** The `shoal` command. */
import { runCommandLine } from "./cli/command-line.ts";

process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
// Handles that libraries keep (sockets in a keep-alive pool) must not hold a finished command back.
process.exit();
