/** `npm run bench -- NAME [--only TEXT] [--short] [--threads N] [--json FILE] [--check]` */
import { runCommand } from "./frame/command.ts";

process.exitCode = await runCommand(process.argv.slice(2), {
  folder: import.meta.dirname,
  print: (text) => console.log(text),
  context: { say: (line) => console.error(line), now: () => performance.now() },
});
