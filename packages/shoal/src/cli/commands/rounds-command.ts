/** `shoal rounds`: the rounds of a federated run, from its audit log. */
import type { Command } from "commander";
import type { ChainedRound } from "@shoal/aggregator";
import { ShoalError } from "@shoal/errors";
import { lookForKept } from "../../federated/kept-record.ts";
import { verifyRounds } from "../../federated/round-file.ts";
import type { CommandContext } from "../command-line.ts";
import { findRounds, type FindOptions } from "../find-rounds.ts";
import { count } from "../options.ts";
import { sayRound } from "../round-timeline.ts";
import { sayRounds } from "../rounds-text.ts";
import { connected } from "./connected-command.ts";

/** @throws ShoalError run_not_found */
function roundOf(rounds: readonly ChainedRound[], number: number, run: string): ChainedRound {
  const found = rounds.find(({ body }) => body.round === number);
  if (found !== undefined) return found;
  const [first, last] = [rounds[0]?.body.round, rounds.at(-1)?.body.round];
  const sentence = `the log of ${run} has no round ${number}: it has ${first ?? "none"} to ${last ?? "none"}`;
  throw new ShoalError("run_not_found", sentence, { run });
}

interface RoundsOptions extends FindOptions {
  readonly round?: number;
  readonly verify?: boolean;
  readonly head?: string;
}

export function addRounds(program: Command, context: CommandContext): void {
  connected(program.command("rounds"))
    .description("list the rounds of a federated run: who was asked, who dropped out and why, loss, bytes, privacy")
    .argument("<run>", "name of the run")
    .option("--runs <FOLDER>", "where the run's files are (SHOAL_RUNS; default .shoal/runs, else the cluster is asked)")
    .option("--round <NUMBER>", "one round: what happened when, who was selected, who gave what", count)
    .option("--verify", "check that no record was changed, left out or moved")
    .option("--head <HASH>", "check as well that the record with this hash, as --verify said it once, is still there")
    .action(async (run: string, options: RoundsOptions) => {
      const { rounds, source } = await findRounds(run, options, context);
      const output = context.output(options.json);
      const shown = options.round === undefined ? rounds : [roundOf(rounds, options.round, run)];
      for (const record of shown) output.value(record);
      if (options.round === undefined) sayRounds(shown, output);
      else for (const { body } of shown) sayRound(body, output);
      for (const sentence of source) output.line(sentence);
      if (options.verify !== true && options.head === undefined) return;
      const decision = lookForKept(rounds, verifyRounds(rounds), options.head?.toLowerCase());
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
