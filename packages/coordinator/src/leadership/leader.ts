/**
 * Takes the lead over a cluster when nobody has it, keeps it, and says until when it is held.
 *
 * State     the revision of the leader's key, and since when it is known.
 * Bounds    one operation of the store at a time; one attempt each `leaseMs / 5`, and one when the lead may be claimed.
 * Invariants
 *   T1  two never believe at the same time that they lead, as long as their clocks run equally fast to within a tenth.
 *   T2  whoever finds that somebody else has written the key is superseded and writes no more.
 */
import type { BehaviorFactory, Clock, Ref, StateStore, Timer } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import { decideClaim, trustedShare, type Sighting } from "./decide-claim.ts";
import { createLeaderKey } from "./leader-key.ts";

export type LeaderCommand =
  /** Private: the next attempt is due. */
  | { readonly type: "attempt" }
  /** "I go: let the next one lead." */
  | { readonly type: "step_down" };

export type LeaderReport =
  /** "You lead until then, by the clock of this node." */
  | { readonly type: "leading"; readonly untilMs: number; readonly reason: string }
  /** "Somebody else leads now." */
  | { readonly type: "leader_superseded"; readonly reason: string }
  /** "I could not find out." */
  | { readonly type: "leader_unknown"; readonly reason: string }
  | { readonly type: "stepped_down" };

export interface LeaderOptions {
  readonly store: StateStore;
  /** Tells this coordinator from every other, also from one before it on the same node. */
  readonly holder: string;
  readonly leaseMs: number;
  readonly reports: Ref<LeaderReport>;
  /** False while this node cannot reach its cluster: then it must not keep others from leading. */
  readonly isConnected: () => boolean;
}

export function createLeader(options: LeaderOptions): BehaviorFactory<LeaderCommand> {
  return (context) => {
    const lead = createLead(options, context.clock);
    let timer: Timer | undefined;
    const attemptIn = (delayMs: number): void => {
      timer?.cancel();
      timer = context.after(delayMs, { type: "attempt" });
    };
    context.self.tell({ type: "attempt" });
    return async (command) => {
      if (command.type === "step_down") {
        await lead.stepDown();
        options.reports.tell({ type: "stepped_down" });
      } else if (!lead.isOver()) {
        const everyMs = options.leaseMs / 5;
        attemptIn(everyMs); // before: a slow store must not delay the next renewal
        const againInMs = await lead.attempt();
        if (againInMs < everyMs) attemptIn(Math.max(1, againInMs));
      }
    };
  };
}

interface Lead {
  /** @returns when the next one is due at the latest, ms */
  attempt(): Promise<number>;
  stepDown(): Promise<void>;
  isOver(): boolean;
}

function createLead({ store, holder, leaseMs, reports, isConnected }: LeaderOptions, clock: Clock): Lead {
  const key = createLeaderKey(store, holder);
  let sighting: Sighting | undefined;
  let held: number | undefined;
  let isOver = false;

  const write = async (revision: number | undefined, reason: string): Promise<void> => {
    const startedAtMs = clock.now();
    held = await key.write(revision, false);
    reports.tell({ type: "leading", untilMs: startedAtMs + trustedShare * leaseMs, reason });
  };
  const claim = async (): Promise<number> => {
    const stored = await key.read();
    // The answer to an earlier claim was lost.
    if (stored?.holder === holder) {
      await write(stored.revision, "the lead was claimed");
      return leaseMs;
    }
    const decision = decideClaim(sighting, stored, clock.now(), leaseMs);
    sighting = decision.sighting;
    if (decision.kind === "claim") await write(stored?.revision, decision.reason);
    return decision.againInMs;
  };
  /** A write whose answer was lost looks like a conflict: the key then holds what this one wrote. */
  const compare = async (): Promise<void> => {
    const stored = await key.read();
    if (stored === undefined || stored.revision === held) return;
    isOver = stored.holder !== holder; // T2
    if (isOver) reports.tell({ type: "leader_superseded", reason: `${stored.holder} leads now` });
    else held = stored.revision;
  };
  const renew = async (revision: number): Promise<void> => {
    try {
      await write(revision, "renewed");
    } catch (thrown) {
      if (!isShoalError(thrown, "store_conflict")) throw thrown;
      await compare();
    }
  };
  return {
    isOver: () => isOver,
    async attempt() {
      try {
        // Cut off from the cluster it lets others lead, and wants to know whether one does.
        if (!isConnected()) await (held === undefined ? undefined : compare());
        else if (held === undefined) return await claim();
        else await renew(held);
      } catch (thrown) {
        reports.tell({ type: "leader_unknown", reason: ShoalError.from(thrown).message });
      }
      return leaseMs;
    },
    async stepDown() {
      if (held !== undefined && !isOver) await key.write(held, true).catch(() => undefined);
      isOver = true;
    },
  };
}
