#!/usr/bin/env node
/** The `shoal` command. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { cacheFolder } from "./environment/folders.ts";

// A cluster is many processes and threads of the same modules: each is compiled once, which makes a start three times as
// fast. The folder is the user's own, because compiled code is trusted; threads find it in the environment.
process.env["NODE_COMPILE_CACHE"] ??= join(cacheFolder(process.env), "compiled");
enableCompileCache();

// Who reads the output has seen enough, as in `… | head`: end as on Ctrl-C, where a command has something to end.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.kill(process.pid, "SIGTERM");
});

const { runCommandLine } = await import("./cli/command-line.ts");
process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
// Handles that libraries keep (sockets in a keep-alive pool) must not hold a finished command back.
process.exit();
