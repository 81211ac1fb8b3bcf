/**
 * Who is there: clients that have checked in, and which of them are idle. Soft state, lost with its aggregator: clients
 * are asked to check in again. Only what is held against them lasts (`kept-standings.ts`).
 *
 * A client that has let an offer run out rests: it is not drawn until it is heard of again. One that is gone without a word
 * costs one round its time to answer, and not each that would draw it until its lease is over; one whose offer was lost is
 * back with its next check-in. One that declines rests for a time that grows (`declines.ts`), whether it is heard of or not; that it
 * left and came back does not end it.
 *
 * Bounds  `mostClients` in all, and as many of whom something is remembered; the one that has been silent longest is
 *         forgotten for a new one. A check-in and a departure take constant time.
 */
import type { Random } from "@shoal/actors";
import {
  goodStanding,
  holdAgainst,
  isForgiven,
  isTrusted,
  type Device,
  type Standing,
  type StandingRules,
} from "@shoal/federated";
import { standingIn, type KeptStandings } from "./kept-standings.ts";
import { createDeclines, type Declines } from "./declines.ts";
import { createIdlePool, type IdlePool } from "./idle-pool.ts";

export interface RegistrySettings {
  readonly mostClients: number;
  /** Silence that counts as absence, at least. Throttled tabs wake once a minute: below 90 s they would come and go. */
  readonly leaseMs: number;
  readonly standing: StandingRules;
}

/**
 * heard     the newest that is known of it is a sign of life.
 * asked     it was offered a round since then.
 * resting   and has let that offer run out.
 */
export type Presence = "heard" | "asked" | "resting";

export interface KnownClient {
  readonly device: Device;
  readonly heardAtMs: number;
  /** Silence that counts as its absence. */
  readonly leaseMs: number;
  readonly presence: Presence;
  /** When it was offered a round last; −Infinity: never. */
  readonly askedAtMs: number;
  /** In a round; or it left one before its end, and was not heard of since. */
  readonly isBusy: boolean;
}

export interface Registry {
  /** Clients that may be drawn. */
  readonly idle: number;
  /** Clients that have let an offer run out and were not heard of since. */
  readonly resting: number;
  /** Clients that are here, and have declined so lately that they are not drawn. */
  readonly declining: number;
  /** When the first of all rests of those who declined is over, clock time; undefined: nobody rests. */
  readonly nextReturnMs: number | undefined;
  readonly size: number;
  /** Heard of it, and that it is there. @param leaseMs - as it is told; at least, and by default, that of the settings */
  checkIn(client: string, device: Device, nowMs: number, leaseMs?: number): void;
  /** Heard of it. */
  touch(client: string, nowMs: number): void;
  find(client: string): KnownClient | undefined;
  leave(client: string): void;
  /** Whether it takes part in a round. */
  setBusy(client: string, isBusy: boolean): void;
  /** It is being offered a round. */
  asked(client: string, nowMs: number): void;
  /**
   * The time to answer their offers is over. Who was heard of since it was asked is there all the same.
   * @returns those who rest now
   */
  unanswered(clients: readonly string[]): readonly string[];
  /** It was drawn and has declined. @returns for how long it rests, ms */
  decline(client: string, nowMs: number): number;
  /** It has taken part: what it declined before does not count any more. */
  tookPart(client: string): void;
  /** How long this client rests because it declined, ms; 0: it may be drawn. */
  declinesFor(client: string, nowMs: number): number;
  /** Who has rested long enough may be drawn. */
  release(nowMs: number): void;
  /** When those who are here and decline may be drawn again, clock time: the first and the last; undefined: nobody rests. */
  returns(): { readonly firstMs: number; readonly lastMs: number } | undefined;
  /** Idle clients that were not heard of after `sinceMs` rest, until they are. @returns who they are */
  callRoll(sinceMs: number): readonly string[];
  /** So many idle clients, by lot; fewer where there are no more. */
  draw(count: number, except: readonly string[], random: Random): readonly string[];
  /**
   * Forgets the silent, and what is held against clients that have long been good; who has rested long enough may be drawn.
   * @param isAwaited - in a round, which has deadlines of its own: who trains may be silent
   * @returns whom it forgot
   */
  sweep(nowMs: number, isAwaited: (client: string) => boolean): readonly string[];
  standing(client: string): Standing;
  /**
   * A contribution was refused for what is in it.
   * @param isFatal - it has cost all others their round: it is in quarantine at once
   */
  holdAgainst(client: string, nowMs: number, isFatal?: boolean): Standing;
}

interface RegistryState {
  readonly settings: RegistrySettings;
  /** In the order in which they were last heard of. */
  readonly clients: Map<string, KnownClient>;
  readonly standings: Map<string, Standing>;
  readonly pool: IdlePool;
  readonly resting: Set<string>;
  readonly declines: Declines;
  /** Those of them who are here and rest. */
  readonly declining: Set<string>;
}

/** @param kept - what the aggregator before this one held against clients, on this one's clock */
export function createRegistry(settings: RegistrySettings, kept?: KeptStandings): Registry {
  const standings = new Map(kept?.clients.map((each) => [each[0], standingIn(each)]));
  const state: RegistryState = {
    ...{ settings, clients: new Map(), standings, pool: createIdlePool(), resting: new Set() },
    ...{ declines: createDeclines(settings.mostClients), declining: new Set() },
  };
  return {
    get idle() {
      return state.pool.count;
    },
    get resting() {
      return state.resting.size;
    },
    get declining() {
      return state.declining.size;
    },
    get nextReturnMs() {
      return state.declines.nextMs;
    },
    get size() {
      return state.clients.size;
    },
    checkIn(client, device, heardAtMs, leaseMs = settings.leaseMs) {
      makeRoom(state, client);
      const { isBusy = false, askedAtMs = -Infinity } = state.clients.get(client) ?? {};
      hear(state, client, { device, heardAtMs, leaseMs, presence: "heard", askedAtMs, isBusy });
    },
    touch(client, heardAtMs) {
      const known = state.clients.get(client);
      if (known !== undefined) hear(state, client, { ...known, heardAtMs, presence: "heard" });
    },
    find: (client) => state.clients.get(client),
    leave: (client) => forget(state, client),
    setBusy(client, isBusy) {
      const known = state.clients.get(client);
      if (known !== undefined && known.isBusy !== isBusy) put(state, client, { ...known, isBusy });
    },
    asked(client, askedAtMs) {
      const known = state.clients.get(client);
      if (known !== undefined) put(state, client, { ...known, presence: "asked", askedAtMs });
    },
    unanswered: (clients) => clients.filter((client) => isUnanswered(state, client)),
    ...createRests(state),
    callRoll: (sinceMs) => callRoll(state, sinceMs),
    draw: (count, except, random) => state.pool.draw(count, except, random),
    sweep: (nowMs, isAwaited) => sweep(state, nowMs, isAwaited),
    standing: (client) => standingOf(state, client),
    holdAgainst(client, nowMs, isFatal = false) {
      const weight = isFatal ? settings.standing.mostOffences : 1;
      const standing = holdAgainst(standingOf(state, client), settings.standing, nowMs, weight);
      remember(state, client, standing);
      if (!isTrusted(standing, nowMs)) state.pool.remove(client);
      return standing;
    },
  };
}

/** Of clients that decline. */
function createRests(
  state: RegistryState,
): Pick<Registry, "decline" | "tookPart" | "declinesFor" | "release" | "returns"> {
  const { declines, declining } = state;
  const untilMs = (client: string): number => declines.endOf(client) ?? 0;
  return {
    decline(client, nowMs) {
      const forgotten = declines.add(client, nowMs);
      if (forgotten !== undefined) lookAgain(state, forgotten);
      lookAgain(state, client);
      return untilMs(client) - nowMs;
    },
    tookPart(client) {
      declines.forget(client);
      lookAgain(state, client);
    },
    declinesFor: (client, nowMs) => (declines.rests(client) ? Math.max(0, untilMs(client) - nowMs) : 0),
    release: (nowMs) => release(state, nowMs),
    returns() {
      const ends = [...declining].map(untilMs).toSorted((one, other) => one - other);
      const [firstMs, lastMs] = [ends.at(0), ends.at(-1)];
      return firstMs === undefined || lastMs === undefined ? undefined : { firstMs, lastMs };
    },
  };
}

function release(state: RegistryState, nowMs: number): void {
  for (const client of state.declines.release(nowMs)) lookAgain(state, client);
}

/** What keeps it from being drawn has changed. */
function lookAgain(state: RegistryState, client: string): void {
  const known = state.clients.get(client);
  if (known !== undefined) put(state, client, known);
}

/** It becomes the one that was heard of last. */
function hear(state: RegistryState, client: string, known: KnownClient): void {
  state.clients.delete(client);
  put(state, client, known);
}

/** Where it stands in the order stays: being drawn is no sign of life. */
function put(state: RegistryState, client: string, known: KnownClient): void {
  const { clients, pool, resting, declining } = state;
  const isSilent = known.presence === "resting";
  const declines = state.declines.rests(client);
  clients.set(client, known);
  resting[isSilent ? "add" : "delete"](client);
  declining[declines ? "add" : "delete"](client);
  const mayBeDrawn = !isSilent && !declines && !known.isBusy && isTrusted(standingOf(state, client), known.heardAtMs);
  pool[mayBeDrawn ? "add" : "remove"](client);
}

function isUnanswered(state: RegistryState, client: string): boolean {
  const known = state.clients.get(client);
  if (known?.presence !== "asked") return false;
  put(state, client, { ...known, presence: "resting" });
  return true;
}

function callRoll(state: RegistryState, sinceMs: number): readonly string[] {
  const called: string[] = [];
  for (const [client, known] of state.clients) {
    if (known.heardAtMs > sinceMs) break;
    if (!state.pool.has(client)) continue;
    called.push(client);
    put(state, client, { ...known, presence: "resting" });
  }
  return called;
}

function makeRoom(state: RegistryState, client: string): void {
  const [silent] = state.clients.keys();
  const isFull = !state.clients.has(client) && state.clients.size >= state.settings.mostClients;
  if (isFull && silent !== undefined) forget(state, silent);
}

function forget({ clients, pool, resting, declining }: RegistryState, client: string): void {
  clients.delete(client);
  pool.remove(client);
  resting.delete(client);
  declining.delete(client);
}

function sweep(state: RegistryState, nowMs: number, isAwaited: (client: string) => boolean): readonly string[] {
  const { clients, standings, settings } = state;
  const silent: string[] = [];
  for (const [client, { heardAtMs, leaseMs }] of clients) {
    const silentMs = nowMs - heardAtMs;
    // Of those who were heard of later nobody's lease is over.
    if (silentMs <= settings.leaseMs) break;
    if (silentMs > leaseMs && !isAwaited(client)) silent.push(client);
  }
  for (const client of silent) forget(state, client);
  release(state, nowMs);
  for (const [client, standing] of standings) {
    if (isForgiven(standing, settings.standing, nowMs)) standings.delete(client);
  }
  return silent;
}

/** As many as there are clients, the newest. */
function remember({ standings, settings }: RegistryState, client: string, standing: Standing): void {
  standings.delete(client);
  standings.set(client, standing);
  const [first] = standings.keys();
  if (standings.size > settings.mostClients && first !== undefined) standings.delete(first);
}

function standingOf({ standings }: RegistryState, client: string): Standing {
  return standings.get(client) ?? goodStanding;
}
