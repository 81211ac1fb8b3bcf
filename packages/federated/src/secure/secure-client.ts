/**
 * A client of a secure sum: does what the state machine decides, with keys of its own.
 *
 *   masked = x + PRG(b) + Σ_{v above} PRG(s_v) − Σ_{v below} PRG(s_v)   (mod 2^bits)
 *
 * b is a random seed, s_v what was agreed on with neighbour v. Masks between two clients cancel in the sum; those of a seed
 * are taken off when enough neighbours have said that the client is in it. Nothing here is kept over a restart: a client
 * that has died is one that has left, and joins the next sum with new keys.
 */
import { ShoalError } from "@shoal/errors";
import { createRandomBits, type RandomBytes } from "../privacy/random-bits.ts";
import { packBits } from "./bit-packing.ts";
import { advanceClient, type ClientEffect, type ClientEvent, type ClientState } from "./client-state.ts";
import { signedMessage, type Identity } from "./identity.ts";
import {
  agree,
  deriveKey,
  exportSecret,
  generateKeyPair,
  secretBytes,
  type Bytes,
  type KeyPair,
} from "./key-agreement.ts";
import { applyMasks, chunkAlignment, type SignedMask } from "./mask-stream.ts";
import type {
  AdvertisedKeys,
  RevealedShare,
  Roster,
  SealedShares,
  SecureSettings,
  UnmaskingAnswer,
  UnmaskingRequest,
} from "./messages.ts";
import { openSession, pointOf, seedHashOf, signOf } from "./roster.ts";
import { openShares, sealShares, type SharePair } from "./sealed-share.ts";
import { isAsDealt, shareHashOf } from "./share-hash.ts";
import { splitSecret, type Share } from "./shamir.ts";

export interface SecureClientPorts {
  readonly subtle: SubtleCrypto;
  /** Cryptographic. */
  readonly randomBytes: RandomBytes;
  /** Left out: keys are neither signed nor checked. */
  readonly identity?: Identity | undefined;
}

/**
 * Calls come in this order, each once; another order, or a message that is not in order, ends the session: then the
 * call and all later ones throw `permission_denied`, and the secrets are gone.
 */
export interface SecureClient {
  readonly state: ClientState;
  advertise(): Promise<AdvertisedKeys>;
  /** @returns shares for each neighbour, sealed */
  share(roster: Roster): Promise<readonly SealedShares[]>;
  /** Takes the shares of the neighbours, and has the masks ready. */
  receive(shares: readonly SealedShares[]): Promise<void>;
  /**
   * Masks the next chunk of the vector. Chunks follow each other from 0; each is masked once, because two vectors under
   * one mask tell their difference. A repeated upload sends the bytes that it has.
   * @param values - below 2^bits; overwritten. All but the last chunk have a multiple of 16 elements
   * @returns the chunk as packed integers
   */
  mask(values: Uint32Array): Promise<Uint8Array<ArrayBuffer>>;
  reveal(request: UnmaskingRequest): Promise<UnmaskingAnswer>;
}

interface Secrets {
  readonly maskPair: KeyPair;
  readonly sealPair: KeyPair;
  readonly seed: Bytes;
}

interface Joined {
  readonly roster: Roster;
  readonly session: Bytes;
  readonly self: number;
  /** Keys that shares are sealed with, by neighbour. */
  readonly sealKeys: ReadonlyMap<number, CryptoKey>;
}

/** What a client knows and must forget in the end. */
interface Memory {
  state: ClientState;
  secrets: Promise<Secrets> | undefined;
  joined: Joined | undefined;
  /** Shares of neighbours' secrets, as far as they opened and are of their hashes: at most one pair a neighbour. */
  held: Map<number, SharePair>;
  masks: readonly SignedMask[];
  /** Element that the next chunk begins with; undefined when there is none. */
  next: number | undefined;
}

interface Site {
  readonly client: string;
  readonly settings: SecureSettings;
  readonly ports: SecureClientPorts;
}

export function createSecureClient(client: string, settings: SecureSettings, ports: SecureClientPorts): SecureClient {
  const site = { client, settings, ports };
  const nothing = { secrets: undefined, joined: undefined, masks: [], next: undefined };
  const memory: Memory = { state: { phase: "advertised" }, held: new Map(), ...nothing };
  /** Whatever fails ends the session: a client that tries again with half a state could be made to say too much. */
  const orLeave = async <T>(work: (memory: Memory, site: Site) => Promise<T>): Promise<T> => {
    try {
      return await work(memory, site);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (memory.state.phase !== "left") memory.state = { phase: "left", reason };
      forget(memory);
      throw error;
    }
  };
  return {
    get state() {
      return memory.state;
    },
    advertise: () => orLeave(advertise),
    share: (roster) => orLeave((own, at) => share(own, at, roster)),
    receive: (shares) => orLeave((own, at) => receive(own, at, shares)),
    mask: (values) => orLeave((own, at) => mask(own, at, values)),
    reveal: (request) => orLeave((own, at) => Promise.resolve(reveal(own, at, request))),
  };
}

function forget(memory: Memory): void {
  memory.secrets = undefined;
  memory.joined = undefined;
  memory.masks = [];
  memory.next = undefined;
  memory.held = new Map();
}

/** Lets the state machine decide. @throws ShoalError permission_denied - where it leaves */
function step<T extends ClientEffect["type"]>(
  memory: Memory,
  { settings }: Site,
  event: ClientEvent,
  expected: T,
): Extract<ClientEffect, { type: T }> {
  const { state, effect } = advanceClient(memory.state, event, settings);
  memory.state = state;
  if (effect.type === expected) return effect as Extract<ClientEffect, { type: T }>;
  throw refusal(state.phase === "left" ? state.reason : "out of order");
}

async function advertise(memory: Memory, { client, settings, ports }: Site): Promise<AdvertisedKeys> {
  if (memory.secrets !== undefined || memory.state.phase !== "advertised") throw refusal("keys are advertised once");
  memory.secrets = makeSecrets(settings, ports);
  const { maskPair, sealPair, seed } = await memory.secrets;
  const seedHash = seedHashOf(seed);
  const keys = { client, maskKey: maskPair.publicKey, sealKey: sealPair.publicKey, seedHash };
  const signature = (await ports.identity?.sign(signedMessage(settings, keys))) ?? new Uint8Array();
  return { ...keys, signature };
}

async function share(memory: Memory, site: Site, roster: Roster): Promise<readonly SealedShares[]> {
  const { client, settings, ports } = site;
  const secrets = await secretsOf(memory);
  const self = findSelf(client, roster, secrets);
  await checkSignatures(roster, settings, ports);
  const { id: session, neighbours, threshold } = openSession(roster, settings);
  const event = { type: "roster", roster, self, neighbours: neighbours[self] ?? [], threshold } as const;
  const effect = step(memory, site, event, "share");
  const sealKeys = new Map<number, CryptoKey>();
  memory.joined = { roster, session, self, sealKeys };
  const random = createRandomBits(ports.randomBytes);
  const points = effect.neighbours.map(pointOf);
  const maskKeys = splitSecret(await exportSecret(ports.subtle, secrets.maskPair), threshold, points, random);
  const seeds = splitSecret(secrets.seed, threshold, points, random);
  return await Promise.all(
    effect.neighbours.map(async (to, i) => {
      const agreed = await agree(ports.subtle, secrets.sealPair, keysAt(roster, to).sealKey);
      const key = await deriveKey(ports.subtle, agreed, session, "seal");
      sealKeys.set(to, key);
      const pair = { maskKey: bytesAt(maskKeys, i), seed: bytesAt(seeds, i) };
      const hashes = {
        maskKey: shareHashOf(session, [self, to], "maskKey", pair.maskKey),
        seed: shareHashOf(session, [self, to], "seed", pair.seed),
      };
      return { from: self, to, sealed: await sealShares(ports, key, [self, to], pair), hashes };
    }),
  );
}

async function receive(memory: Memory, site: Site, shares: readonly SealedShares[]): Promise<void> {
  const { subtle } = site.ports;
  const { partners } = step(memory, site, { type: "shares", senders: shares.map(({ from }) => from) }, "mask");
  const [joined, secrets] = [joinedOf(memory), await secretsOf(memory)];
  const bySender = new Map(shares.map((each) => [each.from, each]));
  const held = new Map<number, SharePair>();
  await Promise.all(
    partners.map(async (from) => {
      const [key, dealt] = [joined.sealKeys.get(from), bySender.get(from)];
      if (key === undefined || dealt === undefined) throw refusal(`client ${from} is no neighbour`);
      // What does not open is given away to nobody; that costs its sender, and not those whom it was sent to.
      const pair = await openShares(subtle, key, [from, joined.self], dealt.sealed).catch(() => undefined);
      if (pair !== undefined && isPairAsDealt(joined, dealt, pair)) held.set(from, pair);
    }),
  );
  const masks = await masksOf(partners, joined, secrets, subtle);
  if (memory.state.phase !== "masking") throw refusal("the server did not wait for the masks");
  [memory.held, memory.masks, memory.next] = [held, masks, 0];
}

/** Who gave away another share than its dealer is bound to would answer for it. */
function isPairAsDealt({ session, self }: Joined, { from, hashes }: SealedShares, pair: SharePair): boolean {
  const dealt = { from, to: self, hashes };
  return isAsDealt(session, dealt, "maskKey", pair.maskKey) && isAsDealt(session, dealt, "seed", pair.seed);
}

async function mask(memory: Memory, { settings, ports }: Site, values: Uint32Array): Promise<Uint8Array<ArrayBuffer>> {
  const { masks, next } = memory;
  if (memory.state.phase !== "masking" || next === undefined) throw refusal("there is nothing to mask yet, or no more");
  // The next chunk has to begin at a block: behind a shorter one there is none.
  memory.next = values.length % chunkAlignment === 0 ? next + values.length : undefined;
  await applyMasks(ports.subtle, masks, settings.bits, next, values);
  return packBits(values, settings.bits);
}

function reveal(memory: Memory, site: Site, request: UnmaskingRequest): UnmaskingAnswer {
  const { seedsOf, maskKeysOf } = step(memory, site, { type: "request", request }, "reveal");
  if (memory.masks.length === 0) throw refusal("the server did not wait for the masks");
  const sharesOf = (clients: readonly number[], secret: keyof SharePair): readonly RevealedShare[] =>
    clients.flatMap((of) => {
      const pair = memory.held.get(of);
      return pair === undefined ? [] : [{ of, share: pair[secret] }];
    });
  const answer = { seeds: sharesOf(seedsOf, "seed"), maskKeys: sharesOf(maskKeysOf, "maskKey") };
  forget(memory);
  return answer;
}

const refusal = (why: string): ShoalError =>
  new ShoalError("permission_denied", `the secure sum is over for this client: ${why}`);
const keysAt = (roster: Roster, index: number): AdvertisedKeys => {
  const keys = roster[index];
  if (keys === undefined) throw refusal(`client ${index} is not in the roster`);
  return keys;
};
const bytesAt = (shares: readonly Share[], index: number): Bytes => shares[index]?.bytes ?? new Uint8Array();

async function secretsOf({ secrets }: Memory): Promise<Secrets> {
  if (secrets === undefined) throw refusal("there are no keys, or no more");
  return await secrets;
}

function joinedOf({ joined }: Memory): Joined {
  if (joined === undefined) throw refusal("there is no roster, or no more");
  return joined;
}

async function makeSecrets({ curve }: SecureSettings, { subtle, randomBytes }: SecureClientPorts): Promise<Secrets> {
  const seed = new Uint8Array(secretBytes);
  randomBytes(seed);
  const [maskPair, sealPair] = await Promise.all([generateKeyPair(subtle, curve), generateKeyPair(subtle, curve)]);
  return { maskPair, sealPair, seed };
}

function findSelf(client: string, roster: Roster, { maskPair, sealPair }: Secrets): number {
  const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
    a.length === b.length && a.every((byte, index) => byte === b[index]);
  const self = roster.findIndex((entry) => entry.client === client);
  const entry = roster[self];
  if (entry === undefined || !isSame(entry.maskKey, maskPair.publicKey) || !isSame(entry.sealKey, sealPair.publicKey)) {
    throw refusal("the roster does not have this client's keys");
  }
  return self;
}

async function checkSignatures(
  roster: Roster,
  settings: SecureSettings,
  { identity }: SecureClientPorts,
): Promise<void> {
  if (identity === undefined) return;
  for (const { signature, ...keys } of roster) {
    if (!(await identity.verify(keys.client, signedMessage(settings, keys), signature))) {
      throw refusal(`the keys of ${keys.client} are not signed by it`);
    }
  }
}

async function masksOf(
  partners: readonly number[],
  { roster, session, self }: Joined,
  { maskPair, seed }: Secrets,
  subtle: SubtleCrypto,
): Promise<readonly SignedMask[]> {
  const pairs = partners.map(async (partner): Promise<SignedMask> => {
    const agreed = await agree(subtle, maskPair, keysAt(roster, partner).maskKey);
    return { key: await deriveKey(subtle, agreed, session, "pair-mask"), sign: signOf(self, partner) };
  });
  const own = deriveKey(subtle, seed, session, "self-mask");
  return await Promise.all([own.then((key): SignedMask => ({ key, sign: 1 })), ...pairs]);
}
