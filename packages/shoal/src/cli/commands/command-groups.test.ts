import { Command } from "commander";
import { describe, expect, it } from "vitest";
import type { CommandContext } from "../command-line.ts";
import { createOutput } from "../output.ts";
import { addCommands, commandGroups } from "./command-groups.ts";

const context: CommandContext = { environment: {}, output: () => createOutput(false), exit: () => undefined };

async function commandsFor(args: readonly string[]): Promise<readonly string[]> {
  const program = new Command("shoal");
  await addCommands(program, context, args);
  return program.commands.map((command) => command.name());
}

describe("commands", () => {
  it.each(commandGroups)("of a file are those that it is known to have ($names.0 …)", async ({ names, load }) => {
    const program = new Command("shoal");
    (await load())(program, context);
    expect(program.commands.map((command) => command.name()).toSorted()).toEqual(names.toSorted());
  });

  it("are all there where none is named", async () => {
    const all = commandGroups.flatMap(({ names }) => names).toSorted();
    for (const args of [[], ["--help"], ["help", "train"], ["trian", "job.ts"]]) {
      expect((await commandsFor(args)).toSorted()).toEqual(all);
    }
  });

  it("are loaded alone where one is named", async () => {
    expect(await commandsFor(["up", "--workers", "3"])).toEqual(["up"]);
    expect(await commandsFor(["runs"])).not.toContain("train");
  });
});
