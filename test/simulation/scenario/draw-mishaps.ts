/** Draws what befalls a cluster. */
import type { Random } from "@shoal/actors";
import { coordinatorNode } from "@shoal/protocol";
import type { Plane } from "../world/reachability.ts";
import { storeNode } from "../world/reachability.ts";
import type { Mishap, Scenario } from "./scenario.ts";

export interface MishapFacts {
  readonly workers: number;
  readonly servers: number;
  readonly replicas: number;
  readonly hasStandby: boolean;
  readonly kind: string;
}

type Scheduled = Scenario["mishaps"][number];

/** Messages within which training takes place, about: mishaps at a message fall into these. */
const lastMessages: Readonly<Record<string, number>> = { large: 3_000, "fail-over": 420 };
const mostMishaps: Readonly<Record<string, number>> = { large: 6 };

export function drawMishaps(random: Random, facts: MishapFacts): readonly Scheduled[] {
  const { kind, replicas } = facts;
  const mishaps: Scheduled[] = [];
  const last = lastMessages[kind] ?? 240;
  let crashes = 0;
  for (let left = 1 + random.integer(mostMishaps[kind] ?? 2); left > 0; left -= 1) {
    const mishap = kind === "fail-over" ? drawServerMishap(random, facts) : drawMishap(random, facts);
    // More deaths of servers than copies can lose a shard for good: seldom, because such a run says little else.
    if (mishap.kind === "crash" && mishap.node.startsWith("server")) {
      if (crashes >= replicas && random.uniform() < 0.9) continue;
      crashes += 1;
    }
    const first = kind === "fail-over" ? 120 : 40;
    mishaps.push({ when: { atMessage: first + random.integer(last - first) }, mishap });
  }
  // As many workers as a job may wait for are left in the end, and somebody who leads.
  for (const late of [1, 2]) {
    mishaps.push({ when: { atMs: 4_000 }, mishap: { kind: "join", node: `worker-${facts.workers + late}` } });
  }
  mishaps.push({ when: { atMs: 4_000 }, mishap: { kind: "join", node: coordinatorNode } });
  return mishaps;
}

/** A server dies, or others believe so: it is cut off from the coordinator, or from a server that follows it. */
function drawServerMishap(random: Random, { servers }: MishapFacts): Mishap {
  const number = random.integer(servers);
  const node = `server-${1 + number}`;
  const other = `server-${1 + ((number + 1 + random.integer(servers - 1)) % servers)}`;
  const forMs = 400 + random.integer(1_200);
  const cut = { kind: "partition", left: [node], oneWay: false, forMs } as const;
  switch (random.integer(5)) {
    case 0:
      return { kind: "crash", node, silent: random.uniform() < 0.5, backAfterMs: random.integer(1_500) };
    case 1:
      return { kind: "pause", node, forMs };
    case 2:
      return { ...cut, planes: ["data"], right: [other] };
    default:
      return { ...cut, planes: ["bus"], right: [coordinatorNode] };
  }
}

function drawMishap(random: Random, facts: MishapFacts): Mishap {
  const server = `server-${1 + random.integer(facts.servers)}`;
  const worker = `worker-${1 + random.integer(facts.workers)}`;
  const kind = random.integer(12);
  const silent = random.uniform() < 0.5;
  const backAfterMs = random.uniform() < 0.5 ? random.integer(1_500) : null;
  const forMs = random.integer(random.uniform() < 0.6 ? 300 : 1_500);
  switch (kind) {
    case 0:
    case 1:
    case 2:
      return { kind: "crash", node: server, silent, backAfterMs };
    case 3:
      return { kind: "crash", node: worker, silent, backAfterMs };
    case 4:
    case 5: {
      const isReplaced = facts.hasStandby && random.uniform() < 0.5;
      return { kind: "crash", node: coordinatorNode, silent, backAfterMs: isReplaced ? null : random.integer(1_000) };
    }
    case 6:
      return { kind: "pause", node: [server, worker, coordinatorNode][random.integer(3)] ?? server, forMs };
    case 7:
    case 8:
    case 9:
      return drawPartition(random, { server, worker, forMs });
    case 10:
      return { kind: "clock jump", node: [server, worker, coordinatorNode][random.integer(3)] ?? server, byMs: forMs };
    default:
      return { kind: "leave", node: worker };
  }
}

function drawPartition(
  random: Random,
  { server, worker, forMs }: { readonly server: string; readonly worker: string; readonly forMs: number },
): Mishap {
  const planes: readonly Plane[] = ([["bus"], ["data"], ["bus", "data"]] as const)[random.integer(3)] ?? ["bus"];
  const oneWay = random.uniform() < 0.3;
  const left = [[server], [worker], [coordinatorNode]][random.integer(3)] ?? [server];
  const rights = [[coordinatorNode], [storeNode, coordinatorNode], "*", [server]] as const;
  const right = rights[random.integer(rights.length)] ?? "*";
  return { kind: "partition", planes, left, right, oneWay, forMs };
}
