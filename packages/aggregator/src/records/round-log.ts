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
  /** Told of each record, in order; of the newest one also after a take-over. */
  readonly onRecord: (record: ChainedRound) => void;
}

export interface RoundLog {
  /** The newest round that has a record. */
  readonly newest: number;
  /** @throws ShoalError cancelled, stale_term - another aggregator serves the task */
  append(body: RoundRecord): Promise<void>;
  /** Hands out what the aggregator before this one may not have. */
  repeat(): Promise<void>;
}

/** As it stands in the store. */
interface NewestRecord {
  readonly term: number;
  readonly record: ChainedRound;
}

/** Wait after a write that failed: the store is away. */
const retryMs = 1_000;

export function createRoundLog(options: RoundLogOptions): RoundLog {
  const { run, store, keeper, clock, onRecord } = options;
  return {
    get newest() {
      return keeper.record.lasting.log?.round ?? 0;
    },
    async append(body) {
      const { record, head } = appendRecord(keeper.record.lasting.log?.head ?? chainStart, body);
      while (!(await isKept(options, { term: keeper.record.term, record }))) {
        await new Promise<void>((resolve) => void clock.after(retryMs, resolve));
        // Ends the waiting when the aggregator is closed, or another one has taken over.
        await keeper.written();
      }
      keeper.amend({ lasting: { ...keeper.record.lasting, log: { head, round: body.round } } });
      await keeper.written();
      onRecord(record);
    },
    async repeat() {
      const head = keeper.record.lasting.log?.head;
      if (head === undefined) return;
      const record = ((await store.get(newestRecordKey(run)))?.value as NewestRecord | undefined)?.record;
      const after = { sequence: head.sequence - 1, hash: record?.previous ?? "" };
      // A later one was not finished: its round gets another.
      if (record !== undefined && verifyChain([record], { after, expected: head.hash }).kind === "intact") {
        onRecord(record);
      }
    },
  };
}

/** @returns false where the store does not answer */
async function isKept({ run, store }: RoundLogOptions, newest: NewestRecord): Promise<boolean> {
  const key = newestRecordKey(run);
  try {
    const found = await store.get(key);
    // A newer aggregator's stays; this one learns of it with its next write.
    const term = (found?.value as NewestRecord | undefined)?.term ?? 0;
    if (term > newest.term) return true;
    if (found === undefined) await store.create(key, newest);
    else await store.update(key, newest, found.revision);
    return true;
  } catch (error) {
    if (isShoalError(error, "payload_too_large") || isShoalError(error, "codec_failed")) throw error;
    return isShoalError(error, "store_conflict");
  }
}
