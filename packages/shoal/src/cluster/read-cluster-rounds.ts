/**
 * The log of a run as the workers of its cluster have it: each holds what was played on its machine, so that after a take-over the
 * whole is on several.
 *
 * Bounds  the newest `mostBytesOfOne` (16 MiB) of each worker's log, in parts of 128 KiB; one worker after the other.
 */
import type { ActorSystem, Ref } from "@shoal/actors";
import type { ChainedRound } from "@shoal/aggregator";
import { isShoalError, ShoalError } from "@shoal/errors";
import {
  acceptorOf,
  readRoundsReplySchema,
  type CoordinatorMessage,
  type LogPart,
  type ReadRoundsReply,
} from "@shoal/protocol";
import { collectRounds } from "../federated/round-file.ts";
import { describeCluster } from "./explain-run.ts";

export interface ClusterRounds {
  readonly rounds: readonly ChainedRound[];
  /** Workers that have some of them. */
  readonly of: readonly string[];
  /** Workers whose part of the log is longer than what was asked for. */
  readonly cut: readonly string[];
  /** Workers that could not be asked, with the reason. */
  readonly silent: readonly { readonly worker: string; readonly reason: string }[];
}

const mostBytesOfOne = 16 * 2 ** 20;
const askDeadlineMs = 5_000;

/** @throws ShoalError run_not_found - no worker that answers has any of it */
export async function readClusterRounds(
  system: ActorSystem,
  coordinator: Ref<CoordinatorMessage>,
  run: string,
): Promise<ClusterRounds> {
  const { cluster, members } = await describeCluster(system, coordinator);
  const records = collectRounds();
  const of: string[] = [];
  const cut: string[] = [];
  const silent: { worker: string; reason: string }[] = [];
  // One that is back is listed with its lives before.
  const workers = new Set(members.filter(({ role }) => role === "worker").map(({ name }) => name));
  for (const worker of workers) {
    try {
      const ask = (end: number | null): Promise<LogPart> => askForPart(system, coordinator, { run, worker, end });
      const { lines, isWhole } = await readLog(ask, mostBytesOfOne);
      for (const line of lines) records.add(line);
      if (lines.length > 0) of.push(worker);
      if (!isWhole) cut.push(worker);
    } catch (error) {
      if (isShoalError(error, "actor_not_found") || isShoalError(error, "codec_failed")) throw error;
      silent.push({ worker, reason: ShoalError.from(error).message });
    }
  }
  const rounds = records.sorted();
  if (rounds.length > 0) return { rounds, of, cut, silent };
  const missing = silent.map(({ worker, reason }) => `; ${worker} could not be asked: ${reason}`).join("");
  const sentence = `no worker of cluster ${cluster} has rounds of ${run}: it is not federated, has not ended a round, or ran elsewhere${missing}`;
  throw new ShoalError("run_not_found", sentence, { run });
}

/** From its end; a line that the cut goes through is left out. */
export async function readLog(
  ask: (end: number | null) => Promise<LogPart>,
  mostBytes: number,
): Promise<{ readonly lines: readonly string[]; readonly isWhole: boolean }> {
  const parts: Uint8Array[] = [];
  let end: number | null = null;
  let bytes = 0;
  while (end !== 0 && bytes < mostBytes) {
    const { begin, content }: LogPart = await ask(end);
    parts.unshift(content);
    bytes += content.length;
    end = begin;
    if (content.length === 0) break;
  }
  const lines = Buffer.concat(parts).toString("utf8").split("\n");
  const isWhole = end === 0;
  return { lines: lines.slice(isWhole ? 0 : 1).filter((line) => line !== ""), isWhole };
}

interface Wanted {
  readonly run: string;
  readonly worker: string;
  readonly end: number | null;
}

async function askForPart(system: ActorSystem, coordinator: Ref<CoordinatorMessage>, wanted: Wanted): Promise<LogPart> {
  const reply = await system.ask<CoordinatorMessage, ReadRoundsReply>(
    coordinator,
    (replyTo) => ({ type: "read_rounds", ...wanted, replyTo }),
    {
      ...{ deadlineMs: askDeadlineMs, reason: `to read the rounds of ${wanted.run} at ${wanted.worker}` },
      accepts: acceptorOf(readRoundsReplySchema),
    },
  );
  if (reply.type === "rounds_read") return reply;
  throw ShoalError.deserialize(reply.error);
}
