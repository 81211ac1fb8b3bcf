/** What servers say to each other, as plain data and as protobuf (`proto/shoal/v1/parameter_server.proto`). */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  InstallReply,
  InstallRequest,
  LogEntry,
  LogEntryKind,
  LoggedContribution,
  ReplicateReply,
} from "../exchange/replication.ts";
import {
  type Install,
  type InstallOutcome,
  type InstallOutcomeSchema,
  type InstallSchema,
  type LoggedContribution as WireContribution,
  type Replicate,
  type ReplicateOutcome,
  type ReplicateOutcomeSchema,
  type ReplicateSchema,
  type RunMembers as WireMembers,
} from "../generated/shoal/v1/parameter_server_pb.ts";
import type { RunMembers } from "../messages/server-control.ts";
import { malformedFrame } from "./header-collector.ts";

/** An entry without its vector, which is the payload. */
export type EntryHeader = Omit<LogEntry, "vector">;
/** A part without its bytes, which are the payload. */
export type InstallHeader = Omit<InstallRequest, "bytes">;

const kinds: readonly LogEntryKind[] = ["initialize", "update", "buffer", "remember", "settle", "members"];

export function writeEntry(entry: EntryHeader): MessageInitShape<typeof ReplicateSchema> {
  const { contributions, members, ...rest } = entry;
  return {
    ...rest,
    contributions: contributions.map(writeContribution),
    ...(members !== null && { members: writeMembers(members) }),
  };
}

function writeContribution({ batch, batches, ...rest }: LoggedContribution) {
  return { ...rest, ...(batch !== null && { batch }), ...(batches !== undefined && { batches }) };
}

function writeMembers({ revision, workers, slotOwners, fallBack }: RunMembers) {
  const known = { revision, workers: [...workers], slotOwners: [...slotOwners] };
  return fallBack === undefined ? known : { ...known, fallBack };
}

/** @throws ShoalError codec_failed - an entry of no known kind */
export function readEntry(entry: Replicate): EntryHeader {
  const { shard, term, index, madeIn, previousMadeIn, version, weight, members } = entry;
  const kind = kinds.find((known) => known === entry.kind);
  if (kind === undefined) throw malformedFrame(`an entry of kind ${JSON.stringify(entry.kind.slice(0, 32))}`);
  if ((kind === "members") !== (members !== undefined)) throw malformedFrame(`members in an entry of kind ${kind}`);
  return {
    ...{ shard, term, index, madeIn, previousMadeIn, kind, version, weight },
    contributions: entry.contributions.map(readContribution),
    members: members === undefined ? null : readMembers(members),
  };
}

function readContribution(from: WireContribution): LoggedContribution {
  const { worker, incarnation, sequence, clock, batch, batches, baseVersion, samples } = from;
  const known = { worker, incarnation, sequence, clock, batch: batch ?? null, baseVersion, samples };
  return batches === undefined ? known : { ...known, batches };
}

function readMembers({ revision, workers, slotOwners, fallBack }: WireMembers): RunMembers {
  const known = {
    revision,
    workers: workers.map(({ member, incarnation, name }) => ({ member, incarnation, name })),
    slotOwners,
  };
  return fallBack === undefined ? known : { ...known, fallBack };
}

export function writeInstall({ offset, totalBytes, ...rest }: InstallHeader): MessageInitShape<typeof InstallSchema> {
  return { ...rest, offset: BigInt(offset), totalBytes: BigInt(totalBytes) };
}

/** @throws ShoalError codec_failed - numbers beyond 2^53 */
export function readInstall({ shard, term, index, offset, totalBytes }: Install): InstallHeader {
  if (totalBytes > Number.MAX_SAFE_INTEGER || offset > totalBytes) {
    throw malformedFrame(`a part at byte ${offset} of a state of ${totalBytes} bytes`);
  }
  return { shard, term, index, offset: Number(offset), totalBytes: Number(totalBytes) };
}

export function writeReplicateReply({ type, index }: ReplicateReply): MessageInitShape<typeof ReplicateOutcomeSchema> {
  return { outcome: { case: type, value: { index } } };
}

export function readReplicateReply({ outcome }: ReplicateOutcome): ReplicateReply {
  if (outcome.case === undefined) throw malformedFrame("what came of an entry is not said");
  return { type: outcome.case, index: outcome.value.index };
}

export function writeInstallReply({ done }: InstallReply): MessageInitShape<typeof InstallOutcomeSchema> {
  return { done };
}

export function readInstallReply({ done }: InstallOutcome): InstallReply {
  return { type: "installed", done };
}
