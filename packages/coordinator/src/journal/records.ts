/**
 * What of the coordinator's state is durable, as plain data. Every record carries the term of the coordinator that wrote
 * it: a coordinator that meets a higher one has been superseded.
 *
 * Keys: `leader`, `coordinator`, `members/<part>`, `runs/<run>`, `jobs/<run>`, and of a run that has started those of
 * `run-records.ts`.
 */
import { isErrorCode, type SerializedError } from "@shoal/errors";
import { layoutOf, parseModelSpec } from "@shoal/models";
import { parseJobSpec, type JobSpec, type RunPhase, type RunStatus } from "@shoal/protocol";
import type { ClusterState } from "../cluster-state.ts";
import type { Member } from "../membership/membership.ts";
import { noSigns } from "../membership/signs.ts";
import type { RunOrigin } from "../snapshots/snapshot-state.ts";
import { createRun, type RunState } from "../runs/run-state.ts";

export const coordinatorKey = "coordinator";
export const membersPrefix = "members/";
export const runsPrefix = "runs/";
export const jobsPrefix = "jobs/";

/** Members of one part: all of them would not fit one value. */
export const membersAPart = 128;

export interface Stamped {
  readonly format: 1;
  readonly term: number;
}

export interface CoordinatorRecord extends Stamped {
  readonly nextRun: number;
  readonly nextMember: number;
}

type KeptMember = Pick<Member, "member" | "incarnation" | "name" | "role" | "endpoint" | "control" | "alive">;

export interface MembersRecord extends Stamped {
  readonly members: readonly KeptMember[];
}

export interface JobRecord extends Stamped {
  readonly job: JobSpec;
  /** Of the run's newest attempt; absent where it is the first. */
  readonly attempt?: number;
  readonly origin?: RunOrigin | null;
}

export interface RunRecord extends Stamped {
  readonly run: string;
  readonly submission: string;
  readonly phase: RunPhase;
  readonly reason: string;
  readonly error: SerializedError | null;
  readonly result: RunStatus["result"];
  readonly submittedAtMs: number;
  readonly endedAtMs: number | null;
}

export function coordinatorRecord({ term, nextRun, membership }: ClusterState): CoordinatorRecord {
  return { format: 1, term, nextRun, nextMember: membership.nextMember };
}

/** The part of the members that a member number belongs to. */
export function memberPart(member: number): number {
  return Math.floor(member / membersAPart);
}

export function membersRecord({ term, membership }: ClusterState, part: number): MembersRecord {
  const members = [...membership.members.values()]
    .filter(({ member }) => memberPart(member) === part)
    .map(({ member, incarnation, name, role, endpoint, control, alive }) => {
      return { member, incarnation, name, role, endpoint, control, alive };
    });
  return { format: 1, term, members };
}

export function jobRecord({ term }: ClusterState, { job, attempt, origin }: RunState): JobRecord {
  return { format: 1, term, job, ...(attempt > 0 && { attempt, origin }) };
}

export function runRecord({ term }: ClusterState, state: RunState): RunRecord {
  const { run, submission, phase, reason, error, result, submittedAtMs, endedAtMs } = state;
  return { format: 1, term, run, submission, phase, reason, error, result, submittedAtMs, endedAtMs };
}

/** The term of any record; 0 for what is none. */
export function termOf(value: unknown): number {
  const term = fieldOf(value, "term");
  return fieldOf(value, "format") === 1 && isCount(term) ? term : 0;
}

/** @returns undefined for what is not such a record */
export function readCoordinator(value: unknown): CoordinatorRecord | undefined {
  const [nextRun, nextMember] = [fieldOf(value, "nextRun"), fieldOf(value, "nextMember")];
  if (termOf(value) === 0 || !isCount(nextRun)) return undefined;
  return { format: 1, term: termOf(value), nextRun, nextMember: isCount(nextMember) ? nextMember : 1 };
}

/**
 * Members of one part. Those that were alive are taken to be so still: their leases begin anew, and their next heartbeat
 * says that they are ready (M3).
 */
export function readMembers(value: unknown, now: number): readonly Member[] {
  const list = fieldOf(value, "members");
  if (termOf(value) === 0 || !Array.isArray(list)) return [];
  return (list as readonly unknown[]).flatMap((each): Member[] => {
    const field = (key: string): unknown => fieldOf(each, key);
    const [member, incarnation, name, control] = ["member", "incarnation", "name", "control"].map(field);
    const [role, endpoint] = [field("role"), field("endpoint")];
    if (!isCount(member) || !isCount(incarnation) || typeof name !== "string" || typeof control !== "string") return [];
    if (role !== "worker" && role !== "server") return [];
    return [
      {
        ...{ member, incarnation, name, role, control, endpoint: typeof endpoint === "string" ? endpoint : null },
        ...{ alive: field("alive") === true, ready: false, heardAtMs: now, leaving: false, ...noSigns },
      },
    ];
  });
}

/**
 * A run of the last coordinator as far as these records tell: what one that had started was at is in other records.
 *
 * @throws ShoalError invalid_job, invalid_argument - the stored job is not a job
 */
export function readRun(value: unknown, jobValue: unknown, now: number): RunState | undefined {
  const [run, submission, phase] = [fieldOf(value, "run"), fieldOf(value, "submission"), fieldOf(value, "phase")];
  if (termOf(value) === 0 || typeof run !== "string" || typeof submission !== "string") return undefined;
  const record = value as RunRecord;
  const job = parseJobSpec(fieldOf(jobValue, "job"));
  const parameterCount = layoutOf(parseModelSpec(job.model)).size;
  const { submittedAtMs, endedAtMs, reason, error, result } = record;
  const [attempt, origin] = [fieldOf(jobValue, "attempt"), fieldOf(jobValue, "origin") as RunOrigin | null];
  const begun = isCount(attempt) ? { attempt, origin } : {};
  const fresh: RunState = { ...createRun({ run, submission, job, parameterCount }, now), submittedAtMs, ...begun };
  if (phase === "queued") return fresh;
  if (!isErrorOrNull(error)) return undefined;
  return { ...fresh, phase: record.phase, reason, error, result, endedAtMs };
}

function isErrorOrNull(error: SerializedError | null): boolean {
  return error === null || isErrorCode(error.code);
}

export function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
