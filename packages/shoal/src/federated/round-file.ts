/** The audit log of a federated run as a file: JSON lines in the run's folder, one a round. */
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChainedRound } from "@shoal/aggregator";
import { ShoalError } from "@shoal/errors";
import { canonicalJson } from "@shoal/federated";
import { notWritable } from "../environment/folders.ts";

export interface RoundFile {
  /** Appends a record; never rejects, because a full disk must not end a run: it is told. */
  append(run: string, record: ChainedRound): void;
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
          await appendFile(file, `${canonicalJson(record)}\n`);
        } catch (cause) {
          log(notWritable(file, cause).message);
        }
      });
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
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const sentence = `no rounds of ${run} at ${file}: it is not federated, has not ended a round, or ran elsewhere`;
    throw new ShoalError("run_not_found", sentence, { run }, { cause });
  }
  const records = new Map<string, ChainedRound>();
  for (const line of text.split("\n")) {
    const record = parse(line);
    if (record !== undefined) records.set(line, record);
  }
  return [...records.values()].toSorted((a, b) => a.sequence - b.sequence);
}

function parse(line: string): ChainedRound | undefined {
  if (line === "") return undefined;
  try {
    return JSON.parse(line) as ChainedRound;
  } catch {
    return undefined;
  }
}
