/**
 * What happened in the present round, and when: for its record, and for whoever asks what it waits for. Soft state: after a
 * take-over it begins with the new aggregator.
 *
 * Bounds  each name once of each kind: no more than there are clients (`mostClients`).
 */
import type { RoundState, RoundStep, ServerState } from "@shoal/federated";

/** Stages of a round's secure sum stand between its phases. */
export type SecureStage = ServerState["phase"];

export interface DroppedClient {
  readonly client: string;
  readonly reason: string;
  readonly atMs: number;
}

export interface Happenings {
  readonly round: number;
  /** When each phase began, clock time. */
  readonly phases: readonly { readonly phase: RoundState["phase"] | SecureStage; readonly atMs: number }[];
  readonly asked: readonly string[];
  readonly dropped: readonly DroppedClient[];
  /** Why the last step was taken. */
  readonly reason: string;
}

export interface Timeline {
  /** Takes a step of a round as it is decided. */
  stepped(step: RoundStep, nowMs: number): void;
  /** The round's secure sum has come to another stage. */
  staged(stage: SecureStage, nowMs: number): void;
  /** Somebody is not in the round any more. The first reason counts. */
  dropped(client: string, reason: string, nowMs: number): void;
  readonly now: Happenings;
}

export function createTimeline(): Timeline {
  let now = begun(0);
  const drop = (client: string, reason: string, atMs: number): void => {
    if (now.lost.has(client)) return;
    now.lost.add(client);
    now.dropped.push({ client, reason: harmless(reason), atMs });
  };
  return {
    stepped({ state, effects, reason }, nowMs) {
      if (state.number !== now.round) now = begun(state.number);
      if (now.phase !== state.phase) now.phases.push({ phase: state.phase, atMs: nowMs });
      now.phase = state.phase;
      now.reason = reason;
      for (const effect of effects) {
        if (effect.type === "offer") for (const client of effect.clients) now.asked.add(client);
        if (effect.type === "discard") for (const client of effect.clients) drop(client, effect.reason, nowMs);
      }
    },
    staged: (phase, atMs) => void now.phases.push({ phase, atMs }),
    dropped: drop,
    get now() {
      const { round, phases, dropped, reason } = now;
      return { round, phases, dropped, reason, asked: [...now.asked] };
    },
  };
}

/**
 * A client may have said it: half a character, which no record takes, must not keep a round from its end, and what moves the
 * cursor of a terminal must not write other rounds into it.
 */
function harmless(reason: string): string {
  return reason.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, " ");
}

interface Mutable {
  readonly round: number;
  readonly phases: { phase: RoundState["phase"] | SecureStage; atMs: number }[];
  /** Of the round's machine. */
  phase: RoundState["phase"] | undefined;
  readonly asked: Set<string>;
  readonly dropped: DroppedClient[];
  readonly lost: Set<string>;
  reason: string;
}

function begun(round: number): Mutable {
  return { round, phases: [], phase: undefined, asked: new Set(), dropped: [], lost: new Set(), reason: "" };
}
