/** How a stage of a secure sum ends: with the next one, or with an abort that names what is missing. */
import { counted } from "@shoal/errors";
import { adversariesAmong } from "./graph-parameters.ts";
import { openSession, pointOf, type SecureSession } from "./roster.ts";
import type {
  AdvertisingState,
  MaskingState,
  OpenServerState,
  ServerEffect,
  LostSecret,
  ServerStep,
  SharingState,
  Unmasking,
  UnmaskingState,
} from "./server-state.ts";

/** @param reason - all clients hear it: it names none of them */
export function abort(state: OpenServerState, reason: string, lost?: LostSecret): ServerStep {
  const roster = state.phase === "advertising" ? state.keys : state.roster;
  const clients = roster.map(({ client }) => client);
  return {
    state: { phase: "aborted", reason },
    effects: [{ type: "abort", clients, reason, ...(lost !== undefined && { lost }) }],
    reason,
  };
}

export function endAdvertising(state: AdvertisingState, nowMs: number): ServerStep {
  const { keys, plan, gone } = state;
  if (keys.length < plan.minimumClients) {
    return abort(
      state,
      `${counted(keys.length, "client has", "clients have")} come, at least ${plan.minimumClients} are needed`,
    );
  }
  const roster = [...keys].sort((a, b) => (a.client < b.client ? -1 : 1));
  let opened: SecureSession;
  try {
    opened = openSession(roster, plan);
  } catch (error) {
    return abort(state, error instanceof Error ? error.message : String(error));
  }
  const { id: session, neighbours, threshold } = opened;
  const deadlineMs = nowMs + plan.stageTimeoutMs;
  const sealed = roster.map(() => []);
  const next: SharingState = {
    ...{ phase: "sharing", plan, gone, roster, session, neighbours, threshold, deadlineMs, shared: [], sealed },
  };
  const to = roster.map(({ client }) => client);
  const reason = `${keys.length} of ${plan.invited} clients have come`;
  return { state: next, effects: [{ type: "send_roster", to, roster }], reason };
}

/** Who has too few neighbours left could not be unmasked: it goes too, and so on until nobody has. */
export function endSharing(state: SharingState, nowMs: number): ServerStep {
  const { plan, threshold } = state;
  let shared: readonly number[] = [...state.shared].sort((a, b) => a - b);
  for (;;) {
    const present = new Set(shared);
    const kept = shared.filter((client) => among(state.neighbours[client], present).length >= threshold);
    if (kept.length === shared.length) break;
    shared = kept;
  }
  if (shared.length < plan.minimumClients) {
    const came = `${counted(state.shared.length, "client has", "clients have")} shared their secrets`;
    const kept = `of ${state.shared.length} clients that have shared their secrets ${counted(shared.length, "has", "have")} enough neighbours left`;
    const reason = state.shared.length < plan.minimumClients ? came : kept;
    return abort(state, `${reason}, at least ${plan.minimumClients} are needed`);
  }
  const present = new Set(shared);
  const neighbours = state.neighbours.map((some) => among(some, present));
  const deadlineMs = nowMs + (plan.maskingTimeoutMs ?? plan.stageTimeoutMs);
  const next: MaskingState = { ...state, phase: "masking", neighbours, shared, masked: [], deadlineMs };
  const effects = shared.map((client) => sendShares(next, client));
  return {
    state: next,
    effects,
    reason: `${shared.length} of ${state.roster.length} clients have shared their secrets`,
  };
}

export function sendShares(state: MaskingState, client: number): ServerEffect {
  const present = new Set(state.shared);
  const shares = (state.sealed[client] ?? []).filter(({ from }) => present.has(from));
  return { type: "send_shares", to: nameOf(state, client), shares };
}

export function endMasking(state: MaskingState, nowMs: number): ServerStep {
  const { plan, threshold, neighbours, roster, session, gone } = state;
  const present = new Set(state.masked);
  const survivors = state.shared.filter((client) => present.has(client));
  const dropped = state.shared.filter((client) => !present.has(client));
  if (survivors.length < plan.minimumClients) {
    return abort(
      state,
      `${counted(survivors.length, "masked vector has", "masked vectors have")} come, at least ${plan.minimumClients} are needed`,
    );
  }
  const lost = state.shared.find((client) => among(neighbours[client], present).length < threshold);
  if (lost !== undefined) {
    const why = `of its neighbours fewer than the threshold of ${threshold} are left`;
    const reason = `of the neighbours of a client fewer than the threshold of ${threshold} are left`;
    return abort(state, reason, { client: nameOf(state, lost), why });
  }
  const request = { survivors, dropped };
  const deadlineMs = nowMs + plan.stageTimeoutMs;
  const collected = roster.map(() => []);
  const next: UnmaskingState = {
    ...{ phase: "unmasking", plan, gone, roster, session, neighbours, threshold, deadlineMs },
    ...{ request, answered: [], sealed: state.sealed, liars: [], collected },
  };
  const to = survivors.map((client) => nameOf(state, client));
  const reason = `${survivors.length} masked vectors have come, ${counted(dropped.length, "client has", "clients have")} left`;
  return { state: next, effects: [{ type: "send_request", to, request }], reason };
}

/** The first client whose secret the shares that have come do not give. */
export function firstMissing({ request, threshold, collected }: UnmaskingState): number | undefined {
  return [...request.survivors, ...request.dropped].find((client) => (collected[client]?.length ?? 0) < threshold);
}

export function endUnmasking(state: UnmaskingState): ServerStep {
  const missing = firstMissing(state);
  if (missing !== undefined) {
    const client = nameOf(state, missing);
    const why = `fewer than ${state.threshold} of its neighbours have given their share of its secret`;
    const reason = `fewer than ${state.threshold} neighbours of a client have given their share of its secret`;
    const accused = accusedDealers(state);
    const isAccused = accused.some((effect) => effect.type === "accuse" && effect.client === client);
    const aborted = abort(state, reason, isAccused ? undefined : { client, why });
    return { ...aborted, effects: [...accused, ...aborted.effects] };
  }
  const { request, roster, session, threshold, collected, neighbours } = state;
  const inSum = new Set(request.survivors);
  const unmasking: Unmasking = {
    threshold,
    survivors: request.survivors.map((client) => ({ client, shares: collected[client] ?? [] })),
    dropped: request.dropped.map((client) => ({
      client,
      partners: among(neighbours[client], inSum),
      shares: collected[client] ?? [],
    })),
  };
  const survivors = request.survivors.map((client) => nameOf(state, client));
  const reason = `the secrets of ${survivors.length} survivors and ${request.dropped.length} others are there`;
  return { state: { phase: "summed", survivors }, effects: [{ type: "unmask", roster, session, unmasking }], reason };
}

/**
 * Dealers whose secret has too few shares because more neighbours than may be adversarial hold none that opened and is of
 * its hash: then one of them at least is honest, and the dealer is not. With fewer nobody can tell a dealer who has
 * sealed nothing from neighbours who say so.
 */
function accusedDealers({ roster, plan, request, ...state }: UnmaskingState): readonly ServerEffect[] {
  const { answered, liars, neighbours, threshold, collected } = state;
  const most = Math.max(1, adversariesAmong(roster.length, plan.threat));
  const honest = new Set(answered.filter((client) => !liars.includes(client)));
  return [...request.survivors, ...request.dropped].flatMap((client) => {
    const given = new Set((collected[client] ?? []).map(({ from }) => from));
    const without = among(neighbours[client], honest).filter((neighbour) => !given.has(neighbour)).length;
    if (given.size >= threshold || without <= most) return [];
    const reason = `${without} of its neighbours got no share of its secret that opens and is of its hash`;
    return [{ type: "accuse", client: nameOf({ roster }, client), reason, isFatal: true }];
  });
}

export function among(clients: readonly number[] | undefined, present: ReadonlySet<number>): readonly number[] {
  return (clients ?? []).filter((client) => present.has(client));
}

export function nameOf({ roster }: { readonly roster: readonly { readonly client: string }[] }, index: number): string {
  return roster[index]?.client ?? `client ${pointOf(index)}`;
}
