/** The commands by the files that define them, so that a command loads what it needs: a client none of the roles. */
import type { Command } from "commander";
import type { CommandContext } from "../command-line.ts";

type AddCommands = (program: Command, context: CommandContext) => void;

interface CommandGroup {
  /** All commands that `load` brings. */
  readonly names: readonly string[];
  readonly load: () => Promise<AddCommands>;
}

/** In the order of the help text. */
export const commandGroups: readonly CommandGroup[] = [
  { names: ["train"], load: async () => (await import("./train-command.ts")).addTrainCommand },
  { names: ["up"], load: async () => (await import("./cluster-commands.ts")).addClusterCommands },
  {
    names: ["submit", "status", "why", "cancel", "trace", "rounds"],
    load: async () => (await import("./run-commands.ts")).addRunCommands,
  },
  {
    names: ["snapshot", "runs", "resume"],
    load: async () => (await import("./snapshot-commands.ts")).addSnapshotCommands,
  },
  { names: ["edge"], load: async () => (await import("./edge-command.ts")).addEdge },
  {
    names: ["inspect", "export", "predict"],
    load: async () => (await import("./model-commands.ts")).addModelCommands,
  },
  {
    names: ["coordinator", "server", "worker", "health", "nats-server"],
    load: async () => (await import("./role-commands.ts")).addRoleCommands,
  },
];

/**
 * Adds the commands that the arguments may mean: those of one group where the first argument is a command's name, else
 * all (`--help`, a misspelt name).
 */
export async function addCommands(program: Command, context: CommandContext, args: readonly string[]): Promise<void> {
  const [name = ""] = args;
  const meant = commandGroups.filter(({ names }) => names.includes(name));
  const adders = await Promise.all((meant.length > 0 ? meant : commandGroups).map(({ load }) => load()));
  for (const add of adders) add(program, context);
}
