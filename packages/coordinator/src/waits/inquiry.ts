/**
 * Asks the members of a run what they do and what waits at them, beside the coordinator's actor: a question of a person's
 * must not hold up a run.
 *
 * Bounds  `maximumInquiries` (8) at once, one more is refused with `mailbox_full`; each ends after 2 · `inquiryMs`.
 */
import { tryTell, type ActorSystem } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import {
  acceptorOf,
  serverReplySchema,
  workDescribedSchema,
  type ExplainReply,
  type ExplainRun,
  type ServerCommand,
  type ServerReply,
  type WorkDescribed,
  type WorkerCommand,
} from "@shoal/protocol";
import type { ClusterState } from "../cluster-state.ts";
import { isUnderWay, type RunServer, type RunState, type RunWorker } from "../runs/run-state.ts";
import { explainWaits } from "./explain.ts";
import { gatherFacts, type Answer, type Answers } from "./wait-facts.ts";

/** How long members are given to answer, ms: a server gives its shards 1,000. */
export const inquiryMs = 1_200;
/** Inquiries that may be under way at once. */
const maximumInquiries = 8;

export interface Inquiries {
  /** Answers the question when the members have; never throws. */
  begin(question: ExplainRun): void;
}

/** @param clusterNow what the coordinator knows; undefined before it has read the state of the last one */
export function createInquiries(system: ActorSystem, clusterNow: () => ClusterState | undefined): Inquiries {
  let underWay = 0;
  return {
    begin({ run, replyTo }) {
      const answer = (reply: ExplainReply): void => void tryTell(replyTo, reply);
      if (underWay >= maximumInquiries) {
        const sentence = `${underWay} questions of this kind are under way already; ask again`;
        const error = new ShoalError("mailbox_full", sentence, { run }).toJSON();
        answer({ type: "run_not_explained", run, error });
        return;
      }
      underWay += 1;
      void inquire(system, clusterNow, run)
        .catch((error: unknown): ExplainReply => {
          return { type: "run_not_explained", run, error: ShoalError.from(error).toJSON() };
        })
        .then(answer)
        .finally(() => (underWay -= 1));
    },
  };
}

async function inquire(
  system: ActorSystem,
  clusterNow: () => ClusterState | undefined,
  name: string,
): Promise<ExplainReply> {
  const before = clusterNow();
  const asked = before?.runs.get(name);
  if (before === undefined || asked === undefined) return { type: "run_unknown", run: name };
  const members = isUnderWay(asked) ? { servers: asked.servers, workers: [...asked.workers.values()] } : nobody;
  let answers = await askAll(system, before, asked, members);
  if (isSomebodySilent(answers)) {
    // The others answered long before the silent ones were given up: what they say now goes with that silence.
    const { servers, workers } = answers;
    const again = await askAll(system, before, asked, {
      servers: members.servers.filter(({ name: each }) => servers.get(each)?.kind === "answered"),
      workers: members.workers.filter(({ name: each }) => workers.get(each)?.kind === "answered"),
    });
    answers = { servers: new Map([...servers, ...again.servers]), workers: new Map([...workers, ...again.workers]) };
  }
  // What has changed meanwhile, a lease that has ended above all, belongs to the answer.
  const cluster = clusterNow() ?? before;
  const run = cluster.runs.get(name) ?? asked;
  const facts = gatherFacts(cluster, run, answers, system.clock.now());
  return { type: "run_explained", explanation: explainWaits(facts) };
}

interface Asked {
  readonly servers: readonly RunServer[];
  readonly workers: readonly RunWorker[];
}

const nobody: Asked = { servers: [], workers: [] };

async function askAll(system: ActorSystem, cluster: ClusterState, run: RunState, asked: Asked): Promise<Answers> {
  const hosts = asked.servers.filter(({ alive, known }) => alive && known.size > 0);
  const taking = asked.workers.filter(({ alive, excluded }) => alive && excluded === null);
  const [servers, workers] = await Promise.all([
    askServers(system, cluster, run, hosts),
    askWorkers(system, cluster, run, taking),
  ]);
  return { servers, workers };
}

function isSomebodySilent({ servers, workers }: Answers): boolean {
  return [...servers.values(), ...workers.values()].some(({ kind }) => kind === "silent");
}

function askServers(
  system: ActorSystem,
  cluster: ClusterState,
  run: RunState,
  hosts: readonly RunServer[],
): Promise<Answers["servers"]> {
  return collect(
    hosts,
    async ({ member, name }) => {
      const reply = await system.ask<ServerCommand, ServerReply>(
        system.ref(controlOf(cluster, member)),
        (replyTo) => ({ type: "describe_shards", run: run.run, replyTo }),
        { deadlineMs: inquiryMs, reason: `to hear what waits at the shards of ${name}`, accepts: acceptsServer },
      );
      if (reply.type === "shards_described") return reply.shards;
      const error = reply.type === "hosting_failed" ? ShoalError.deserialize(reply.error) : undefined;
      throw error ?? new ShoalError("codec_failed", `${name} answered ${reply.type} to describe_shards`);
    },
    system,
  );
}

function askWorkers(
  system: ActorSystem,
  cluster: ClusterState,
  run: RunState,
  asked: readonly RunWorker[],
): Promise<Answers["workers"]> {
  return collect(
    asked,
    async ({ member, name }) => {
      const { work } = await system.ask<WorkerCommand, WorkDescribed>(
        system.ref(controlOf(cluster, member)),
        (replyTo) => ({ type: "describe_work", run: run.run, replyTo }),
        { deadlineMs: inquiryMs, reason: `to hear what ${name} does`, accepts: acceptsWorker },
      );
      return work;
    },
    system,
  );
}

const acceptsServer = acceptorOf(serverReplySchema);
const acceptsWorker = acceptorOf(workDescribedSchema);

/** @throws ShoalError not_a_member - which then is the member's answer */
function controlOf({ membership }: ClusterState, member: number): string {
  const control = membership.members.get(member)?.control;
  if (control === undefined) throw new ShoalError("not_a_member", `member ${member} is not known any more`, { member });
  return control;
}

async function collect<M extends { readonly name: string }, T>(
  members: readonly M[],
  ask: (member: M) => Promise<T>,
  { clock }: ActorSystem,
): Promise<ReadonlyMap<string, Answer<T>>> {
  const startedAtMs = clock.now();
  const answers = members.map(async (member): Promise<[string, Answer<T>]> => {
    try {
      return [member.name, { kind: "answered", value: await ask(member) }];
    } catch (error) {
      if (isShoalError(error, "actor_not_found")) return [member.name, { kind: "unreachable" }];
      if (isShoalError(error, "deadline_exceeded"))
        return [member.name, { kind: "silent", forMs: clock.now() - startedAtMs }];
      return [member.name, { kind: "failed", reason: ShoalError.from(error).message }];
    }
  });
  return new Map(await Promise.all(answers));
}
