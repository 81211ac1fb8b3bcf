/** `shoal rounds`: the rounds of a federated run, from its audit log. */
import type { Command } from "commander";
import type { ChainedRound } from "@shoal/aggregator";
import { ShoalError } from "@shoal/errors";
import { runsFolder } from "../../environment/folders.ts";
import { readRounds, verifyRounds } from "../../federated/round-file.ts";
import type { CommandContext } from "../command-line.ts";
import { sayRounds } from "../rounds-text.ts";

interface RoundsOptions {
  readonly runs?: string;
  readonly verify?: boolean;
  readonly json?: boolean;
}

export function addRounds(program: Command, context: CommandContext): void {
  program
    .command("rounds")
    .description("list the rounds of a federated run: who was asked, who dropped out and why, loss, bytes, privacy")
    .argument("<run>", "name of the run")
    .option("--runs <FOLDER>", "where the run's files are (SHOAL_RUNS; default .shoal/runs)")
    .option("--verify", "check that no record was changed, left out or moved")
    .option("--json", "one JSON value a line, for machines")
    .action(async (run: string, options: RoundsOptions) => {
      const rounds = await readRounds(runsFolder(context.environment, options.runs), run);
      const output = context.output(options.json);
      for (const record of rounds) output.value(record);
      sayRounds(rounds, output);
      if (options.verify !== true) return;
      const decision = verifyRounds(rounds);
      if (decision.kind === "broken") {
        const sentence = `the log of ${run} is broken at line ${decision.index + 1}: ${decision.reason}`;
        throw new ShoalError("data_corrupt", sentence, { run });
      }
      const { hash, sequence } = decision.head;
      output.value({ type: "verified", records: rounds.length, ...decision.head });
      const begins = beginsText(rounds[0]);
      output.line(`the log is whole: ${rounds.length} records${begins}; record ${sequence} has the hash ${hash}`);
    });
}

/** Of a log that does not begin with the run. */
function beginsText(first: ChainedRound | undefined): string {
  if (first === undefined) return "";
  const { sequence, body } = first;
  if (sequence > 0) return `, from record ${sequence} on`;
  return body.step === 0 ? "" : `, from step ${body.step} of the run on, of whose earlier rounds they know nothing`;
}
