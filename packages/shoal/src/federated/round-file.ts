/** The audit log of a federated run as a file: JSON lines in the run's folder, one a round. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { appendFile, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { ChainedRound } from "@shoal/aggregator";
import { isShoalError, ShoalError } from "@shoal/errors";
import { canonicalJson, verifyChain, type ChainDecision } from "@shoal/federated";
import { mostLogBytes, type LogPart } from "@shoal/protocol";
import { notWritable } from "../environment/folders.ts";

export interface RoundFile {
  /** Appends a record; never rejects, because a full disk must not end a run: it is told. */
  append(run: string, record: ChainedRound): void;
  /** The newest record, with those that are being appended; undefined: there is no log. @throws ShoalError data_corrupt */
  last(run: string): Promise<ChainedRound | undefined>;
}

const fileOf = (runsFolder: string, run: string): string => join(runsFolder, run, "rounds.jsonl");

/** @param log - takes a sentence for people */
export function createRoundFile(runsFolder: string, log: (sentence: string) => void): RoundFile {
  let last = Promise.resolve();
  return {
    append(run, record) {
      const file = fileOf(runsFolder, run);
      last = last.then(async () => {
        try {
          await mkdir(join(runsFolder, run), { recursive: true });
          // One write: another worker of this machine may append to the same file.
          await appendFile(file, `${(await isCutOff(file)) ? "\n" : ""}${canonicalJson(record)}\n`);
        } catch (cause) {
          log(notWritable(file, cause).message);
        }
      });
    },
    async last(run) {
      await last;
      const records = await readRounds(runsFolder, run).catch((error: unknown) => {
        if (isShoalError(error, "run_not_found")) return [];
        throw error;
      });
      const decision = verifyParts(records);
      if (decision.kind === "intact") return records.at(-1);
      const file = fileOf(runsFolder, run);
      const sentence = `the log of ${run} is broken and cannot be continued (${decision.reason}); move ${file} away to begin another`;
      throw new ShoalError("data_corrupt", sentence, { run });
    },
  };
}

/**
 * The records of a run, by their sequence. A round that two workers wrote down, after a take-over, is there once; a line that
 * was cut off by a crash is left out.
 * @throws ShoalError run_not_found - there is no log
 */
export async function readRounds(runsFolder: string, run: string): Promise<readonly ChainedRound[]> {
  const file = fileOf(runsFolder, run);
  const records = collectRounds();
  try {
    for await (const line of linesOf(file)) records.add(line);
  } catch (cause) {
    const sentence = `no rounds of ${run} at ${file}: it is not federated, has not ended a round, or ran elsewhere`;
    throw new ShoalError("run_not_found", sentence, { run }, { cause });
  }
  return records.sorted();
}

/** Puts the lines of logs together, whoever wrote them. */
export interface RoundCollection {
  add(line: string): void;
  /** By their sequence. */
  sorted(): readonly ChainedRound[];
}

export function collectRounds(): RoundCollection {
  // By a hash of its line: the text of a long log takes more memory than what it says.
  const records = new Map<string, ChainedRound>();
  return {
    add(line) {
      const record = parse(line);
      if (record !== undefined) records.set(createHash("sha256").update(line).digest("base64"), record);
    },
    sorted: () => [...records.values()].toSorted((a, b) => a.sequence - b.sequence),
  };
}

/**
 * Some of a log as it stands in its file.
 * @param end - bytes before this one are wanted; null: the last ones
 * @throws ShoalError data_not_found - it cannot be read
 */
export async function readLogPart(runsFolder: string, run: string, end: number | null): Promise<LogPart> {
  const file = fileOf(runsFolder, run);
  const nothing = { begin: 0, content: new Uint8Array() };
  try {
    await using handle = await open(file, "r");
    const { size } = await handle.stat();
    const until = Math.min(end ?? size, size);
    const begin = Math.max(0, until - mostLogBytes);
    const { buffer, bytesRead } = await handle.read(new Uint8Array(until - begin), 0, until - begin, begin);
    return { begin, content: buffer.subarray(0, bytesRead) };
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return nothing;
    throw new ShoalError("data_not_found", `${file} cannot be read`, { path: file }, { cause });
  }
}

/** The text of a log may be longer than a string can be. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = "";
  for await (const text of createReadStream(file, "utf8")) {
    const lines = `${rest}${text as string}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  yield rest;
}

/** Whether the records are those that were written, in their order. A log that another machine began is checked from there. */
export function verifyRounds(rounds: readonly ChainedRound[]): ChainDecision {
  const decision = verifyPart(rounds);
  if (decision.kind === "intact") return decision;
  const [before, at] = [rounds[decision.index - 1], rounds[decision.index]];
  const reason = before === undefined || at === undefined ? undefined : seamOf(before, at);
  return reason === undefined ? decision : { ...decision, reason };
}

function verifyPart(rounds: readonly ChainedRound[]): ChainDecision {
  const first = rounds[0];
  if (first === undefined || first.sequence === 0) return verifyChain(rounds);
  return verifyChain(rounds, { after: { sequence: first.sequence - 1, hash: first.previous } });
}

/** What can be the matter between two records that are each whole; undefined: one was changed. */
function seamOf({ sequence: before }: ChainedRound, { sequence }: ChainedRound): string | undefined {
  if (sequence > before + 1) {
    const missing =
      sequence === before + 2 ? `record ${before + 1} is` : `records ${before + 1} to ${sequence - 1} are`;
    return `${missing} not here: they were taken out, or stand in the log of another machine, which then has to be put with this one`;
  }
  if (sequence !== before) return undefined;
  return `there are two records ${sequence}: one was made up, or the run went on from record ${sequence - 1} on a cluster that knew nothing of the other`;
}

/** What is missing between two records may stand elsewhere; the later ones are in one chain all the same. */
function verifyParts(rounds: readonly ChainedRound[]): ChainDecision {
  const begin = rounds.findLastIndex((round, index) => round.sequence > (rounds[index - 1]?.sequence ?? 0) + 1);
  const earlier = begin > 0 ? verifyParts(rounds.slice(0, begin)) : undefined;
  return earlier?.kind === "broken" ? earlier : verifyPart(rounds.slice(Math.max(0, begin)));
}

/** Whether a crash has left a line without its end: what is appended to it would be lost with it. */
async function isCutOff(file: string): Promise<boolean> {
  const handle = await open(file, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (handle === undefined) return false;
  try {
    const { size } = await handle.stat();
    const { buffer } = await handle.read(new Uint8Array(1), 0, 1, Math.max(0, size - 1));
    return size > 0 && buffer[0] !== "\n".charCodeAt(0);
  } finally {
    await handle.close();
  }
}

function parse(line: string): ChainedRound | undefined {
  if (line === "") return undefined;
  try {
    const value = JSON.parse(line) as Partial<ChainedRound> | null;
    const isRecord = Number.isSafeInteger(value?.sequence) && typeof value?.body === "object" && value.body !== null;
    return isRecord ? (value as ChainedRound) : undefined;
  } catch {
    return undefined;
  }
}
