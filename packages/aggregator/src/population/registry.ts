/**
 * Who is there: clients that have checked in, and which of them are idle. Soft state, lost with its aggregator: clients
 * are asked to check in again.
 *
 * Bounds  `mostClients` in all, and as many of whom something is remembered; the one that has been silent longest is forgotten for a new one. A check-in and a departure
 *         take constant time.
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
import { createIdlePool, type IdlePool } from "./idle-pool.ts";

export interface RegistrySettings {
  readonly mostClients: number;
  /** Silence that counts as absence. Throttled tabs wake once a minute: below 90 s they would come and go. */
  readonly leaseMs: number;
  readonly standing: StandingRules;
}

export interface KnownClient {
  readonly device: Device;
  readonly heardAtMs: number;
  /** In a round. */
  readonly isBusy: boolean;
}

export interface Registry {
  /** Clients that may be drawn. */
  readonly idle: number;
  readonly size: number;
  /** Heard of it, and that it is there. */
  checkIn(client: string, device: Device, nowMs: number): void;
  /** Heard of it. */
  touch(client: string, nowMs: number): void;
  find(client: string): KnownClient | undefined;
  leave(client: string): void;
  /** Whether it takes part in a round. */
  setBusy(client: string, isBusy: boolean): void;
  /** So many idle clients, by lot; fewer where there are no more. */
  draw(count: number, except: readonly string[], random: Random): readonly string[];
  /** Forgets the silent, and what is held against clients that have long been good. @returns whom it forgot */
  sweep(nowMs: number): readonly string[];
  standing(client: string): Standing;
  /** A contribution was refused for what is in it. */
  holdAgainst(client: string, nowMs: number): Standing;
}

interface RegistryState {
  readonly settings: RegistrySettings;
  /** In the order in which they were last heard of. */
  readonly clients: Map<string, KnownClient>;
  readonly standings: Map<string, Standing>;
  readonly pool: IdlePool;
}

export function createRegistry(settings: RegistrySettings): Registry {
  const state: RegistryState = { settings, clients: new Map(), standings: new Map(), pool: createIdlePool() };
  return {
    get idle() {
      return state.pool.count;
    },
    get size() {
      return state.clients.size;
    },
    checkIn(client, device, heardAtMs) {
      makeRoom(state, client);
      hear(state, client, { device, heardAtMs, isBusy: state.clients.get(client)?.isBusy ?? false });
    },
    touch(client, heardAtMs) {
      const known = state.clients.get(client);
      if (known !== undefined) hear(state, client, { ...known, heardAtMs });
    },
    find: (client) => state.clients.get(client),
    leave: (client) => forget(state, client),
    setBusy(client, isBusy) {
      const known = state.clients.get(client);
      if (known !== undefined && known.isBusy !== isBusy) put(state, client, { ...known, isBusy });
    },
    draw: (count, except, random) => state.pool.draw(count, except, random),
    sweep: (nowMs) => sweep(state, nowMs),
    standing: (client) => standingOf(state, client),
    holdAgainst(client, nowMs) {
      const standing = holdAgainst(standingOf(state, client), settings.standing, nowMs);
      remember(state, client, standing);
      if (!isTrusted(standing, nowMs)) state.pool.remove(client);
      return standing;
    },
  };
}

/** It becomes the one that was heard of last. */
function hear(state: RegistryState, client: string, known: KnownClient): void {
  state.clients.delete(client);
  put(state, client, known);
}

/** Where it stands in the order stays: being drawn is no sign of life. */
function put(state: RegistryState, client: string, known: KnownClient): void {
  state.clients.set(client, known);
  if (!known.isBusy && isTrusted(standingOf(state, client), known.heardAtMs)) state.pool.add(client);
  else state.pool.remove(client);
}

function makeRoom(state: RegistryState, client: string): void {
  const [silent] = state.clients.keys();
  const isFull = !state.clients.has(client) && state.clients.size >= state.settings.mostClients;
  if (isFull && silent !== undefined) forget(state, silent);
}

function forget({ clients, pool }: RegistryState, client: string): void {
  clients.delete(client);
  pool.remove(client);
}

function sweep(state: RegistryState, nowMs: number): readonly string[] {
  const { clients, standings, settings } = state;
  const silent: string[] = [];
  for (const [client, { heardAtMs, isBusy }] of clients) {
    if (nowMs - heardAtMs <= settings.leaseMs) break;
    // Rounds have deadlines of their own: who trains may be silent.
    if (!isBusy) silent.push(client);
  }
  for (const client of silent) forget(state, client);
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
