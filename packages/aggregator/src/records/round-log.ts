/**
 * The audit log of a task: a chain of records, one a round, whose head is in the task's record.
 *
 * A record is in the store before the head that names it is, and both before anybody is told of the round: whoever takes
 * the task over hands the newest record out again, so that a log on a disk has it.
 */
import type { Clock, StateStore } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import { appendRecord, chainStart, verifyChain, type ChainedRecord } from "@shoal/federated";
import type { RoundKeeper } from "../keeper/round-keeper.ts";
import { newestRecordKey } from "../keeper/task-record.ts";
import type { RoundRecord } from "./round-record.ts";

export type ChainedRound = ChainedRecord<RoundRecord>;

export interface RoundLogOptions {
  readonly run: string;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly keeper: RoundKeeper;
}

export interface RoundLog {
  /** The newest round that has a record. */
  readonly newest: number;
  /** Of the record of the newest round; empty for any other. */
  hashOf(round: number): string;
  /**
   * Makes the next record. It counts with the write of the task's record that follows; hand it out then.
   * @throws ShoalError cancelled, stale_term - another aggregator serves the task
   */
  append(body: RoundRecord): Promise<ChainedRound>;
  /** The newest record, which the aggregator before this one may not have handed out. */
  last(): Promise<ChainedRound | undefined>;
}

/** As it stands in the store. */
interface NewestRecord {
  readonly term: number;
  readonly record: ChainedRound;
}

/** Wait after a write that failed: the store is away. */
const retryMs = 1_000;

export function createRoundLog(options: RoundLogOptions): RoundLog {
  const { run, store, keeper, clock } = options;
  const known: KnownRevision = { revision: undefined };
  return {
    get newest() {
      return keeper.record.lasting.log?.round ?? 0;
    },
    hashOf(round) {
      const { log } = keeper.record.lasting;
      return log?.round === round ? log.head.hash : "";
    },
    async append(body) {
      const { record, head } = appendRecord(keeper.record.lasting.log?.head ?? chainStart, body);
      while (!(await isKept(options, known, { term: keeper.record.term, record }))) {
        await new Promise<void>((resolve) => void clock.after(retryMs, resolve));
        // Ends the waiting when the aggregator is closed, or another one has taken over.
        keeper.amend({});
        await keeper.written();
      }
      keeper.amend({ lasting: { ...keeper.record.lasting, log: { head, round: body.round } } });
      return record;
    },
    async last() {
      const head = keeper.record.lasting.log?.head;
      if (head === undefined) return undefined;
      const record = ((await store.get(newestRecordKey(run)))?.value as NewestRecord | undefined)?.record;
      const after = { sequence: head.sequence - 1, hash: record?.previous ?? "" };
      // A later one was not finished: its round gets another.
      const isHead = record !== undefined && verifyChain([record], { after, expected: head.hash }).kind === "intact";
      return isHead ? record : undefined;
    },
  };
}

interface KnownRevision {
  /** Of the newest record, as this aggregator wrote it; undefined: to be looked up. */
  revision: number | undefined;
}

/** @returns false where the store does not answer */
async function isKept({ run, store }: RoundLogOptions, known: KnownRevision, newest: NewestRecord): Promise<boolean> {
  const key = newestRecordKey(run);
  try {
    if (known.revision === undefined) {
      const found = await store.get(key);
      const term = (found?.value as NewestRecord | undefined)?.term ?? 0;
      // A newer aggregator's stays; this one learns of it with its next write.
      if (term > newest.term) return true;
      known.revision = found?.revision ?? (await store.create(key, newest));
      if (found === undefined) return true;
    }
    known.revision = await store.update(key, newest, known.revision);
    return true;
  } catch (error) {
    known.revision = undefined;
    if (isShoalError(error, "payload_too_large") || isShoalError(error, "codec_failed")) throw error;
    return false;
  }
}
