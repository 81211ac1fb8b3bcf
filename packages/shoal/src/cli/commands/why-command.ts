/** `shoal why`: whom a run waits for now. */
import type { Command } from "commander";
import { currentRun, explainRun } from "../../cluster/explain-run.ts";
import { hasEnded } from "../../cluster/follow-run.ts";
import type { CommandContext } from "../command-line.ts";
import { sayWhy } from "../why-text.ts";
import { connected, withCluster, type ConnectedOptions } from "./connected-command.ts";

/** Time between two answers under `--watch`, ms. */
const watchMs = 1_000;

export function addWhy(program: Command, context: CommandContext): void {
  connected(program.command("why"))
    .description("say whom a run waits for: the chain from those who wait to the one that holds them up")
    .argument("[run]", "name of the run; default: the one that is under way, else the newest")
    .option("--watch", "ask again every second until the run has ended")
    .action((named: string | undefined, options: ConnectedOptions & { readonly watch?: boolean }) =>
      withCluster(options, context, async ({ system, coordinator }) => {
        const output = context.output(options.json);
        const run = named ?? (await currentRun(system, coordinator));
        for (;;) {
          const explanation = await explainRun(system, coordinator, run);
          output.value(explanation);
          sayWhy(explanation, output);
          if (options.watch !== true || hasEnded(explanation)) return;
          await new Promise<void>((resolve) => void system.clock.after(watchMs, resolve));
          output.line();
        }
      }),
    );
}
