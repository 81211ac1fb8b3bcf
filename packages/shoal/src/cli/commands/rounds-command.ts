/** `shoal rounds`: the rounds of a federated run, from its audit log. */
import type { Command } from "commander";
import { ShoalError } from "@shoal/errors";
import { runsFolder } from "../../environment/folders.ts";
import { lookForKept } from "../../federated/kept-record.ts";
import { readRounds, verifyRounds } from "../../federated/round-file.ts";
import type { CommandContext } from "../command-line.ts";
import { sayRounds } from "../rounds-text.ts";

interface RoundsOptions {
  readonly runs?: string;
  readonly verify?: boolean;
  readonly head?: string;
  readonly json?: boolean;
}

export function addRounds(program: Command, context: CommandContext): void {
  program
    .command("rounds")
    .description("list the rounds of a federated run: who was asked, who dropped out and why, loss, bytes, privacy")
    .argument("<run>", "name of the run")
    .option("--runs <FOLDER>", "where the run's files are (SHOAL_RUNS; default .shoal/runs)")
    .option("--verify", "check that no record was changed, left out or moved")
    .option("--head <HASH>", "check as well that the record with this hash, as --verify said it once, is still there")
    .option("--json", "one JSON value a line, for machines")
    .action(async (run: string, options: RoundsOptions) => {
      const rounds = await readRounds(runsFolder(context.environment, options.runs), run);
      const output = context.output(options.json);
      for (const record of rounds) output.value(record);
      sayRounds(rounds, output);
      if (options.verify !== true && options.head === undefined) return;
      const decision = lookForKept(rounds, verifyRounds(rounds), options.head?.toLowerCase());
      if (decision.kind === "broken") {
        const sentence = `the log of ${run} is broken at line ${decision.index + 1}: ${decision.reason}`;
        throw new ShoalError("data_corrupt", sentence, { run });
      }
      const { hash, sequence } = decision.head;
      output.value({ type: "verified", records: rounds.length, ...decision.head });
      const begins = (rounds[0]?.sequence ?? 0) === 0 ? "" : `, from record ${rounds[0]?.sequence} on`;
      output.line(`the log is whole: ${rounds.length} records${begins}; record ${sequence} has the hash ${hash}`);
    });
}
