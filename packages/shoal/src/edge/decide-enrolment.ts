/** Who is let in, under which name and for how long. */
import type { Ticket } from "./ticket.ts";

export interface EnrolmentFacts {
  readonly cluster: string;
  /** The task that `shoal edge` serves now; undefined: none runs, or nobody can say. */
  readonly task: string | undefined;
  /** How a task has ended; undefined: it goes on, or nobody can say. */
  readonly endOf: (task: string) => string | undefined;
  /** Whether it serves no other. */
  readonly isFixed: boolean;
  /** The task that the client is in already. */
  readonly asked: string | null;
  /** null: none was shown; undefined: it is not one of ours. */
  readonly ticket: Ticket | null | undefined;
  /** Whether anybody who reaches the page may take part. */
  readonly isOpen: boolean;
  readonly publicKey: string;
  readonly nowMs: number;
}

export type EnrolmentDecision =
  | { readonly kind: "enrol"; readonly task: string; readonly client: string; readonly untilMs: number }
  | {
      readonly kind: "refuse";
      readonly code: "unauthenticated" | "permission_denied" | "run_not_found";
      readonly reason: string;
    };

/** How long a pass is good for: who is shut out is cut off after at most this. */
export const passMs: number = 10 * 60_000;

export function decideEnrolment(facts: EnrolmentFacts): EnrolmentDecision {
  const decision = decideTask(facts);
  const end = decision.kind === "enrol" ? facts.endOf(decision.task) : undefined;
  if (decision.kind === "refuse" || end === undefined) return decision;
  const reason = `run ${decision.task} has ended: ${end}; whoever wants to take part needs another one`;
  return { kind: "refuse", code: "permission_denied", reason };
}

function decideTask(facts: EnrolmentFacts): EnrolmentDecision {
  const { cluster, ticket, isOpen, isFixed, asked, publicKey, nowMs } = facts;
  const refuse = (code: "unauthenticated" | "permission_denied" | "run_not_found", reason: string) =>
    ({ kind: "refuse", code, reason }) as const;
  if (ticket === undefined) return refuse("unauthenticated", "the invitation is not one of this cluster's");
  if (ticket === null) {
    if (!isOpen) return refuse("unauthenticated", "an invitation is needed; whoever runs the task can make one");
    const task = isFixed || asked === null ? facts.task : asked;
    if (task === undefined) return refuse("run_not_found", "no federated task runs now");
    return { kind: "enrol", task, client: nameOfKey(publicKey), untilMs: nowMs + passMs };
  }
  const endsAtMs = ticket.expiresAt * 1_000;
  if (endsAtMs <= nowMs)
    return refuse("unauthenticated", "the invitation has ended; whoever runs the task can make another");
  if (ticket.cluster !== cluster) return refuse("permission_denied", `the invitation is to cluster ${ticket.cluster}`);
  return {
    kind: "enrol",
    task: ticket.task,
    client: ticket.client ?? nameOfKey(publicKey),
    untilMs: Math.min(endsAtMs, nowMs + passMs),
  };
}

/**
 * Where an invitation names nobody, a client's name follows from its key: nobody can take the name of another. 28 of the
 * key's letters are 140 bits.
 */
export function nameOfKey(publicKey: string): string {
  return `c-${publicKey.slice(2, 30).toLowerCase()}`;
}
