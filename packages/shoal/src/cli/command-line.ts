/** The command line as a whole: the commands, the common options, and how errors become exit codes. */
import { Command, CommanderError } from "commander";
import type { Environment } from "../environment/folders.ts";
import { addCommands } from "./commands/command-groups.ts";
import { createOutput, exitCodeOf, type Output } from "./output.ts";

/** What a command gets beside its own options. */
export interface CommandContext {
  readonly environment: Environment;
  /** @param json the command's `--json` */
  output(json: boolean | undefined): Output;
  /** Called with the exit code of a command that ends in another way than success. */
  exit(code: number): void;
}

const usageExitCode = 2;

/**
 * Runs one command.
 * @param args without program and script name
 * @returns the exit code: 0, that of the error's row in the table, 2 for wrong usage, 130 after Ctrl-C
 */
export async function runCommandLine(args: readonly string[], environment: Environment): Promise<number> {
  let code = 0;
  const json = args.includes("--json");
  const context: CommandContext = {
    environment,
    output: (asked) => createOutput(asked === true),
    exit: (exitCode) => (code = exitCode),
  };
  const program = createProgram();
  try {
    await addCommands(program, context, args);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExitCode;
    createOutput(json).error(error);
    return exitCodeOf(error);
  }
  return code;
}

function createProgram(): Command {
  return (
    new Command("shoal")
      .description("Trains models with parameter servers: in one process, as a local cluster, or across machines.")
      .version("0.1.0")
      // `shoal edge` and `shoal edge invite` have options of the same names.
      .enablePositionalOptions()
      .exitOverride()
      .showHelpAfterError("(shoal --help lists the commands, shoal COMMAND --help their options)")
      .addHelpText(
        "after",
        `
Examples:
  shoal train examples/mnist-mlp.ts                 train in this process
  shoal up --workers 2 --servers 2                  start a cluster of processes on this machine
  shoal submit examples/mnist-mlp.ts                train on it, from another terminal
  shoal status                                      who is there, what runs
  shoal why                                         whom the run waits for
  shoal runs                                        runs that left snapshots
  shoal resume RUN                                  go on from the newest
  shoal edge                                        let browsers train a federated run
  shoal trace RUN                                   a file for ui.perfetto.dev
  shoal inspect RUN                                 layers, parameters, memory of its model
  shoal predict RUN --data rows.csv                 what it says of other rows
  shoal export RUN --format onnx                    for other tools

Environment:
  SHOAL_DATA    folder of data sets       SHOAL_RUNS   folder of models and traces
  SHOAL_NATS    address of a cluster      SHOAL_TOKEN  its secret
  SHOAL_SNAPSHOTS  where snapshots are kept: a folder, nats:BUCKET, s3://BUCKET/PREFIX (with the AWS_ variables)
  SHOAL_SPLIT   when a hot range of keys is cut: SECONDS,TIMES (10,20: hot so long, and the rest so many starts; 0: never)
  SHOAL_CLUSTER name of a cluster         NATS_SERVER_BIN  path of nats-server, for up
  OTEL_EXPORTER_OTLP_ENDPOINT and the other standard OTEL_ variables: where to send traces and metrics`,
      )
  );
}
