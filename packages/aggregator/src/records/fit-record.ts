/**
 * Makes a round's record fit: it names everybody of a greatest round, and says less of each before it leaves out a name.
 *
 * Invariants
 *   F1  a record of `mostHeld` clients who were asked, each of whom gave or dropped out, names them all, however long their names
 *       (63 characters, `message-schemas.ts`): 68 KB for who was asked and at most 149 bytes for each of the others.
 *   F2  a record that fits is left as it is.
 */
import { mostRecordBytes } from "@shoal/federated";
import type { RoundRecord } from "./round-record.ts";

/** Beside those for its place in the chain. */
const mostBytes = mostRecordBytes - 512;
/** Names of each kind that there could be room for. */
const mostNames = 8_192;
/** What is said of each: the id of a contribution follows from client, task and round, and may be left out first. */
const details = [
  { hasIds: true, reason: 128 },
  { hasIds: false, reason: 128 },
  { hasIds: false, reason: 64 },
  { hasIds: false, reason: 16 },
  { hasIds: false, reason: 0 },
] as const;

/** @param whole - with all its names @returns a record of which `appendRecord` makes the next one, with counts of all names */
export function fitRecord(whole: RoundRecord): RoundRecord {
  let most = mostNames;
  let record = withNames(whole, most);
  for (const detail of details) {
    const less = withDetail(record, detail);
    if (bytesOf(less) <= mostBytes) return less;
  }
  record = withDetail(record, { hasIds: false, reason: 0 });
  for (let bytes = bytesOf(record); bytes > mostBytes && most > 0; bytes = bytesOf(record)) {
    most = Math.floor(most * Math.min(0.9, mostBytes / bytes));
    record = withNames(record, most);
  }
  return record;
}

function withNames(record: RoundRecord, most: number): RoundRecord {
  const { asked, dropped, contributed } = record;
  return {
    ...record,
    asked: { ...asked, list: asked.list.slice(0, most) },
    dropped: { ...dropped, list: dropped.list.slice(0, most) },
    contributed: { ...contributed, list: contributed.list.slice(0, most) },
  };
}

function withDetail(whole: RoundRecord, { hasIds, reason: most }: { hasIds: boolean; reason: number }): RoundRecord {
  const { dropped, contributed } = whole;
  return {
    ...whole,
    dropped: { ...dropped, list: dropped.list.map((each) => ({ ...each, reason: shortened(each.reason, most) })) },
    contributed: hasIds ? contributed : { ...contributed, list: contributed.list.map(withoutId) },
  };
}

type ContributedRecord = RoundRecord["contributed"]["list"][number];

function withoutId({ client, baseRound, samples, loss, bytes }: ContributedRecord): ContributedRecord {
  return { client, baseRound, samples, loss, bytes };
}

/** A client may have said it: a character that the cut goes through is none, and a record takes only those that are. */
function shortened(reason: string, most: number): string {
  return reason.slice(0, most).toWellFormed();
}

/** Its canonical text has as many: only the order is another. */
function bytesOf(record: RoundRecord): number {
  return new TextEncoder().encode(JSON.stringify(record)).length;
}
