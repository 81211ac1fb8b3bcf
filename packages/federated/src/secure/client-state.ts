/**
 * A client of a secure sum as a state machine: what it does on each message of the server, whoever the server is.
 *
 *   advertised ──roster──▶ shared ──shares──▶ masking ──request──▶ answered
 *        └──────────────────────┴───anything else──────┴──────────────▶ left
 *
 * Invariants
 *   S1  of each neighbour at most one of the two shares is given away, in the whole session.
 *   S2  one roster, one set of shares and one request are answered; what comes after, or out of turn, ends it.
 *   S3  a request is answered only if it is about the client's own sum: the client is in it, at least `minimumClients`
 *       are, and of its neighbours as many as the threshold: without that check a server could say of all neighbours of
 *       one client that they have left, and be given what takes that one's masks off.
 *   S4  a client that has left says nothing more.
 * Source  Bonawitz et al., CCS 2017, section 6; Bell et al., CCS 2020.
 */
import { counted } from "@shoal/errors";
import { maximumClients, type Roster, type SecureSettings, type UnmaskingRequest } from "./messages.ts";

export type ClientState =
  | { readonly phase: "advertised" }
  | {
      readonly phase: "shared";
      readonly self: number;
      readonly clients: number;
      readonly neighbours: readonly number[];
      readonly threshold: number;
    }
  | {
      readonly phase: "masking";
      readonly self: number;
      readonly clients: number;
      /** Neighbours whose shares this client holds: all of them are masked against. */
      readonly partners: readonly number[];
      readonly threshold: number;
    }
  | { readonly phase: "answered" }
  | { readonly phase: "left"; readonly reason: string };

export type ClientEvent =
  /** The client has found itself in the roster at `self`, and its neighbours in the graph that follows from it. */
  | {
      readonly type: "roster";
      readonly roster: Roster;
      readonly self: number;
      readonly neighbours: readonly number[];
      readonly threshold: number;
    }
  /** The shares that were sealed for this client: from whom. */
  | { readonly type: "shares"; readonly senders: readonly number[] }
  | { readonly type: "request"; readonly request: UnmaskingRequest };

export type ClientEffect =
  /** Share both secrets among the neighbours. */
  | { readonly type: "share"; readonly neighbours: readonly number[]; readonly threshold: number }
  /** Mask the vector against these. */
  | { readonly type: "mask"; readonly partners: readonly number[] }
  /** Give away these shares. */
  | { readonly type: "reveal"; readonly seedsOf: readonly number[]; readonly maskKeysOf: readonly number[] }
  /** Forget all secrets. */
  | { readonly type: "leave"; readonly reason: string };

export interface ClientStep {
  readonly state: ClientState;
  readonly effect: ClientEffect;
}

type Settings = Pick<SecureSettings, "minimumClients">;

export function advanceClient(state: ClientState, event: ClientEvent, settings: Settings): ClientStep {
  const wrong = faultOf(state, event, settings);
  if (wrong !== undefined) return { state: { phase: "left", reason: wrong }, effect: { type: "leave", reason: wrong } };
  switch (event.type) {
    case "roster": {
      const { self, neighbours, threshold, roster } = event;
      const effect = { type: "share", neighbours, threshold } as const;
      return { state: { phase: "shared", self, clients: roster.length, neighbours, threshold }, effect };
    }
    case "shares": {
      const partners = [...event.senders].sort((a, b) => a - b);
      const { self, clients, threshold } = state as Extract<ClientState, { phase: "shared" }>;
      return { state: { phase: "masking", self, clients, partners, threshold }, effect: { type: "mask", partners } };
    }
    case "request": {
      const { partners } = state as Extract<ClientState, { phase: "masking" }>;
      const survivors = new Set(event.request.survivors);
      const seedsOf = partners.filter((partner) => survivors.has(partner));
      const maskKeysOf = partners.filter((partner) => !survivors.has(partner));
      return { state: { phase: "answered" }, effect: { type: "reveal", seedsOf, maskKeysOf } };
    }
  }
}

/** Why this message ends the session, if it does. */
function faultOf(state: ClientState, event: ClientEvent, { minimumClients }: Settings): string | undefined {
  if (state.phase === "left") return state.reason; // S4
  if (state.phase === "advertised" && event.type === "roster") return faultOfRoster(event, minimumClients);
  if (state.phase === "shared" && event.type === "shares") return faultOfShares(event.senders, state);
  if (state.phase === "masking" && event.type === "request")
    return faultOfRequest(event.request, state, minimumClients);
  return `a ${event.type} came to a client that has ${state.phase === "masking" ? "masked its vector" : state.phase}`; // S2
}

function faultOfRoster(
  { roster, neighbours, self }: Extract<ClientEvent, { type: "roster" }>,
  minimum: number,
): string | undefined {
  const { length } = roster;
  if (length < minimum || length > maximumClients) {
    return `a roster of ${counted(length, "client")}, expected ${minimum} … ${maximumClients}`;
  }
  if (new Set(roster.map(({ client }) => client)).size < length) return "a client is in the roster twice";
  const keys = roster.flatMap(({ maskKey, sealKey }) => [String(maskKey), String(sealKey)]);
  if (new Set(keys).size < keys.length) return "a key is in the roster twice";
  if (!isSetWithin(neighbours, length) || neighbours.includes(self)) return "the neighbours are not in the roster";
  return undefined;
}

function faultOfShares(
  senders: readonly number[],
  state: Extract<ClientState, { phase: "shared" }>,
): string | undefined {
  if (new Set(senders).size < senders.length) return "shares of a client came twice";
  const stranger = senders.find((sender) => !state.neighbours.includes(sender));
  if (stranger !== undefined) return `shares came from client ${stranger}, who is no neighbour`;
  if (senders.length < state.threshold) {
    return `${counted(senders.length, "neighbour has", "neighbours have")} shared their secrets, fewer than the threshold of ${state.threshold}`;
  }
  return undefined;
}

function faultOfRequest(
  { survivors, dropped }: UnmaskingRequest,
  { self, clients, partners, threshold }: Extract<ClientState, { phase: "masking" }>,
  minimum: number,
): string | undefined {
  const both = [...survivors, ...dropped];
  if (!isSetWithin(both, clients)) return "a client is asked for twice, or is not in the roster"; // S1
  if (survivors.length < minimum)
    return `a sum of ${counted(survivors.length, "client")}, at least ${minimum} are promised`; // S3
  if (!survivors.includes(self)) return "the request leaves this client out of the sum that it is in"; // S3
  const asked = new Set(both);
  const missing = partners.find((partner) => !asked.has(partner));
  if (missing !== undefined) return `the request does not say what became of client ${missing}`;
  const inSum = new Set(survivors);
  const near = partners.filter((partner) => inSum.has(partner)).length;
  if (near < threshold)
    return `${counted(near, "neighbour is", "neighbours are")} in the sum, fewer than the threshold of ${threshold}`; // S3
  return undefined;
}

function isSetWithin(indices: readonly number[], clients: number): boolean {
  const isIndex = (index: number): boolean => Number.isInteger(index) && index >= 0 && index < clients;
  return new Set(indices).size === indices.length && indices.every(isIndex);
}
