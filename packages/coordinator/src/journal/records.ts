/**
 * What of the coordinator's state is durable, as plain data. Every record carries the term of the coordinator that wrote
 * it: a coordinator that meets a higher one has been superseded.
 *
 * Keys: `coordinator`, `members`, `runs/<run>`, `placement/<run>`.
 */
import { isErrorCode, type SerializedError } from "@shoal/errors";
import { layoutOf, parseModelSpec } from "@shoal/models";
import { parseJobSpec, type JobSpec, type Placement, type RunPhase, type RunStatus } from "@shoal/protocol";
import type { ClusterState } from "../cluster-state.ts";
import type { Member, MembershipState } from "../membership/membership.ts";
import { failRun } from "../runs/end-run.ts";
import { createRun, hasEnded, type RunState } from "../runs/run-state.ts";

export const coordinatorKey = "coordinator";
export const membersKey = "members";
export const runsPrefix = "runs/";
export const placementPrefix = "placement/";

interface Stamped {
  readonly format: 1;
  readonly term: number;
}

export interface CoordinatorRecord extends Stamped {
  readonly nextRun: number;
}

export interface MembersRecord extends Stamped {
  readonly nextMember: number;
  readonly members: readonly Pick<Member, "member" | "incarnation" | "name" | "role" | "endpoint" | "control">[];
}

export interface RunRecord extends Stamped {
  readonly run: string;
  readonly submission: string;
  readonly job: JobSpec;
  readonly phase: RunPhase;
  readonly reason: string;
  readonly error: SerializedError | null;
  readonly result: RunStatus["result"];
  readonly submittedAtMs: number;
  readonly endedAtMs: number | null;
}

export interface PlacementRecord extends Stamped {
  readonly placement: Placement;
}

export function coordinatorRecord(cluster: ClusterState): CoordinatorRecord {
  return { format: 1, term: cluster.term, nextRun: cluster.nextRun };
}

export function membersRecord(cluster: ClusterState): MembersRecord {
  const members = [...cluster.membership.members.values()].map((each) => {
    const { member, incarnation, name, role, endpoint, control } = each;
    return { member, incarnation, name, role, endpoint, control };
  });
  return { format: 1, term: cluster.term, nextMember: cluster.membership.nextMember, members };
}

export function runRecord(cluster: ClusterState, state: RunState): RunRecord {
  const { run, submission, job, phase, reason, error, result, submittedAtMs, endedAtMs } = state;
  const { term } = cluster;
  return { format: 1, term, run, submission, job, phase, reason, error, result, submittedAtMs, endedAtMs };
}

export function placementRecord(cluster: ClusterState, placement: Placement): PlacementRecord {
  return { format: 1, term: cluster.term, placement };
}

/** The term of any record; 0 for what is none. */
export function termOf(value: unknown): number {
  const term = fieldOf(value, "term");
  return fieldOf(value, "format") === 1 && isCount(term) ? term : 0;
}

/** @returns undefined for what is not such a record */
export function readCoordinator(value: unknown): CoordinatorRecord | undefined {
  const nextRun = fieldOf(value, "nextRun");
  return termOf(value) > 0 && isCount(nextRun) ? { format: 1, term: termOf(value), nextRun } : undefined;
}

/** Members of the last coordinator: not alive before they say so, but known by number and incarnation. */
export function readMembers(value: unknown): MembershipState | undefined {
  const nextMember = fieldOf(value, "nextMember");
  const list = fieldOf(value, "members");
  if (termOf(value) === 0 || !isCount(nextMember) || !Array.isArray(list)) return undefined;
  const members = new Map<number, Member>();
  for (const each of list as readonly unknown[]) {
    const field = (key: string): unknown => fieldOf(each, key);
    const [member, incarnation, name, control] = ["member", "incarnation", "name", "control"].map(field);
    const [role, endpoint] = [field("role"), field("endpoint")];
    if (!isCount(member) || !isCount(incarnation) || typeof name !== "string" || typeof control !== "string") continue;
    if (role !== "worker" && role !== "server") continue;
    members.set(member, {
      member,
      incarnation,
      name,
      role,
      control,
      endpoint: typeof endpoint === "string" ? endpoint : null,
      alive: false,
      ready: false,
      heardAtMs: 0,
      leaving: false,
    });
  }
  return { members, nextMember, joins: 0, tickedAtMs: null };
}

/**
 * A run of the last coordinator. One that had not begun is queued again; one that was under way has failed, for nobody
 * knows how far it came: whoever still works on it is told to stop.
 *
 * @throws ShoalError invalid_job, invalid_argument - the stored job is not a job
 */
export function readRun(value: unknown, now: number): RunState | undefined {
  const [run, submission, phase] = [fieldOf(value, "run"), fieldOf(value, "submission"), fieldOf(value, "phase")];
  if (termOf(value) === 0 || typeof run !== "string" || typeof submission !== "string") return undefined;
  const record = value as RunRecord;
  const job = parseJobSpec(record.job);
  const parameterCount = layoutOf(parseModelSpec(job.model)).size;
  const { submittedAtMs, endedAtMs, reason, error, result } = record;
  const fresh: RunState = { ...createRun({ run, submission, job, parameterCount }, now), submittedAtMs };
  if (phase === "queued") return fresh;
  const ended: RunState = { ...fresh, phase: record.phase, reason, error, result, endedAtMs };
  if (hasEnded(ended)) return isErrorOrNull(error) ? ended : undefined;
  const sentence = `the coordinator restarted while run ${run} was ${record.phase}`;
  return { ...failRun(ended, "run_failed", sentence, {}, now), orphaned: true };
}

function isErrorOrNull(error: SerializedError | null): boolean {
  return error === null || isErrorCode(error.code);
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
