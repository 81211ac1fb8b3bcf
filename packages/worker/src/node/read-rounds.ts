/**
 * Answers what this machine has of a run's log of rounds, beside the control actor: reading a disk must not hold up a run.
 *
 * Bounds  `mostReading` parts at once; one more is refused, and asked for again by whoever wants it.
 */
import { tryTell } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { ReadRounds, ReadRoundsReply } from "@shoal/protocol";
import type { NodeState } from "./node-state.ts";

const mostReading = 4;

export function answerReadRounds(state: NodeState, { run, end, replyTo }: ReadRounds): void {
  const { readRounds } = state.environment;
  const answer = (reply: ReadRoundsReply): void => void tryTell(replyTo, reply);
  const refuse = (error: ShoalError): void => answer({ type: "rounds_not_read", run, error: error.toJSON() });
  if (readRounds === undefined) return answer({ type: "rounds_read", run, begin: 0, content: new Uint8Array() });
  if (state.reading >= mostReading) {
    refuse(new ShoalError("mailbox_full", `${state.node} reads ${mostReading} parts of logs already; ask again`));
    return;
  }
  state.reading += 1;
  void readRounds(run, end)
    .then(
      (part) => answer({ type: "rounds_read", run, ...part }),
      (error: unknown) => refuse(ShoalError.from(error)),
    )
    .finally(() => (state.reading -= 1));
}
