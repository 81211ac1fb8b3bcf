/** What the audit log keeps of a round: plain JSON, of bounded size. */
import type { EndedState, PrivacyLedger, RoundSummary } from "@shoal/federated";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import { fitRecord } from "./fit-record.ts";
import type { Happenings } from "./timeline.ts";

/**
 * A round in the audit log. Times are milliseconds since 1970, on the aggregator's clock; lists name everybody of a greatest round
 * (`fit-record.ts`), those of a release before 64.
 */
export interface RoundRecord {
  readonly run: string;
  readonly round: number;
  /** Of the run; the rounds before it that were not committed were for the same one. */
  readonly step: number;
  readonly outcome: RoundSummary["outcome"];
  readonly reason: string;
  /** Each phase with the moment it began; the last is the outcome. After a take-over the earlier ones are missing. */
  readonly phases: readonly { readonly phase: string; readonly atMs: number }[];
  readonly asked: Listed<string>;
  readonly dropped: Listed<{ readonly client: string; readonly reason: string; readonly atMs: number }>;
  readonly contributed: Listed<ContributedRecord>;
  readonly version: number;
  readonly samples: number;
  readonly trainingLoss: number | null;
  readonly testLoss: number | null;
  readonly testAccuracy: number | null;
  readonly bytesDown: number;
  readonly bytesUp: number;
  readonly epsilon: number | null;
  /** What all rounds so far have cost, as the accountant adds it up: whoever goes on with the run goes on with this. */
  readonly ledger: PrivacyLedger | null;
  /** What its members measured on their own data, with the values that it began with. */
  readonly measuredByClients: { readonly clients: number; readonly loss: number; readonly accuracy: number } | null;
  /** SHA-256 of the values after it; empty where nobody has seen them. */
  readonly hash: string;
  /**
   * 16 random bytes, hex, where something is promised of clients' privacy: all clients hear the record's hash, and must not find
   * by trying who was in the round. Absent: nothing is promised.
   */
  readonly salt?: string;
}

interface Listed<T> {
  readonly count: number;
  readonly list: readonly T[];
}

interface ContributedRecord {
  readonly client: string;
  /** Absent where the record would be too large. */
  readonly contribution?: string;
  readonly baseRound: number;
  readonly samples: number;
  readonly loss: number;
  readonly bytes: number;
}

export interface RoundRecordFacts {
  readonly run: string;
  readonly step: number;
  readonly round: EndedState;
  readonly happened: Happenings;
  readonly summary: Omit<RoundSummary, "record">;
  readonly contributed: readonly StoredContribution[];
  readonly measuredByClients: RoundRecord["measuredByClients"];
  readonly ledger: PrivacyLedger | null;
  readonly salt?: string | undefined;
}

export function roundRecord(facts: RoundRecordFacts): RoundRecord {
  const { run, step, round, happened, summary, contributed, measuredByClients, ledger, salt } = facts;
  const { outcome, reason, version, samples, trainingLoss, testLoss, testAccuracy, epsilon, hash } = summary;
  const { bytesDown, bytesUp } = summary;
  const isSeen = happened.round === round.number;
  return fitRecord({
    ...{ run, round: round.number, step, outcome, reason, version, samples, trainingLoss, testLoss, testAccuracy },
    ...{ bytesDown, bytesUp, epsilon, ledger, hash, measuredByClients },
    ...(salt !== undefined && { salt }),
    phases: isSeen ? happened.phases : [],
    asked: listed(isSeen ? happened.asked : []),
    dropped: listed(isSeen ? happened.dropped : []),
    contributed: listed(contributed.map(contributedOf)),
  });
}

function contributedOf({ offer }: StoredContribution): ContributedRecord {
  const { client, id, round, samples, loss, content } = offer;
  // JSON has no −0.
  return { client, contribution: id, baseRound: round, samples, loss: loss + 0, bytes: content.bytes };
}

function listed<T>(all: readonly T[]): Listed<T> {
  return { count: all.length, list: all };
}
