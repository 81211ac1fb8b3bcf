#!/usr/bin/env node
/** The `shoal` command. */
import { runCommandLine } from "./cli/command-line.ts";

// Who reads the output has seen enough, as in `… | head`: end as on Ctrl-C, where a command has something to end.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.kill(process.pid, "SIGTERM");
});

process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
// Handles that libraries keep (sockets in a keep-alive pool) must not hold a finished command back.
process.exit();
