/**
 * Plays a secure sum: real clients and the real server, messages handed over at once, time by the steps. Vectors go by in
 * chunks, so that a hundred clients with a million values fit into the memory of one sum.
 */
import {
  addMasked,
  advanceSecureSum,
  createSecureClient,
  createUnmasker,
  nextSecureDeadline,
  openSession,
  startSecureSum,
  systemRandomBytes,
  type AdvertisedKeys,
  type Identity,
  type Roster,
  type SealedShares,
  type SecureClient,
  type SecureSession,
  type SecureSumPlan,
  type ServerEffect,
  type ServerEvent,
  type ServerState,
  type UnmaskingRequest,
} from "@shoal/federated";

/** The last thing that a client does. */
export type LastStage = "nothing" | "advertise" | "share" | "mask" | "all";

export interface PlayedSum {
  readonly plan: SecureSumPlan;
  readonly clients: readonly string[];
  readonly size: number;
  /** Elements that go by at a time: a multiple of 16. */
  readonly chunk: number;
  /** When a client leaves. */
  readonly lastStage: (client: string) => LastStage;
  /** A client's values from element `begin` on, into `into`. */
  readonly fill: (client: string, begin: number, into: Uint32Array) => void;
  readonly identity?: (client: string) => Identity;
  /** Called with each chunk of the sum. */
  readonly take: (begin: number, sum: Uint32Array) => void;
  /** Milliseconds of a clock, for durations. */
  readonly now?: () => number;
}

export interface SumOutcome {
  readonly state: ServerState;
  readonly reasons: readonly string[];
  /** Names, in the order of the roster. */
  readonly survivors: readonly string[];
  readonly session: SecureSession | undefined;
  /** Bytes of keys, shares and vector that one client sends and is sent: the greatest of all. */
  readonly bytes: { readonly up: number; readonly down: number; readonly vector: number };
  /** Of all clients together, and of the server. */
  readonly spentMs: { readonly keys: number; readonly masks: number; readonly server: number };
}

const stages: readonly LastStage[] = ["nothing", "advertise", "share", "mask", "all"];

export async function playSecureSum(played: PlayedSum): Promise<SumOutcome> {
  const { subtle } = globalThis.crypto;
  const { plan, now = () => 0 } = played;
  const ports = { subtle, randomBytes: systemRandomBytes };
  const clients = new Map<string, SecureClient>();
  const up = new Map<string, number>();
  const down = new Map<string, number>();
  const spentMs = { keys: 0, masks: 0, server: 0 };
  const reasons: string[] = [];
  let time = 0;
  let session: SecureSession | undefined = undefined;
  let state: ServerState = startSecureSum(plan, time);

  const isThere = (client: string, stage: LastStage): boolean =>
    stages.indexOf(played.lastStage(client)) >= stages.indexOf(stage);
  const count = (into: Map<string, number>, client: string, bytes: number): void => {
    into.set(client, (into.get(client) ?? 0) + bytes);
  };
  const measured = async <T>(of: keyof typeof spentMs, work: () => Promise<T>): Promise<T> => {
    const began = now();
    const result = await work();
    spentMs[of] += now() - began;
    return result;
  };
  const pass = (event: ServerEvent): readonly ServerEffect[] => {
    const step = advanceSecureSum(state, event, time);
    state = step.state;
    reasons.push(step.reason);
    return step.effects;
  };
  /** Lets the stage end by its deadline where it has not. */
  const passTime = (phase: ServerState["phase"]): readonly ServerEffect[] => {
    const deadline = state.phase === phase ? nextSecureDeadline(state) : undefined;
    if (deadline === undefined) return [];
    time = deadline;
    return pass({ type: "tick" });
  };
  const outcome = (): SumOutcome => ({
    ...{ state, reasons, session, spentMs },
    survivors: state.phase === "summed" ? state.survivors : [],
    bytes: {
      up: Math.max(0, ...up.values()),
      down: Math.max(0, ...down.values()),
      vector: Math.ceil((played.size * plan.bits) / 8),
    },
  });

  // 1  keys
  let effects: ServerEffect[] = [];
  for (const name of played.clients) {
    const identity = played.identity?.(name);
    const client = createSecureClient(name, plan, { ...ports, identity });
    clients.set(name, client);
    if (!isThere(name, "advertise")) continue;
    const keys = await measured("keys", () => client.advertise());
    count(up, name, bytesOfKeys(keys));
    effects.push(...pass({ type: "keys", keys }));
  }
  effects.push(...passTime("advertising"));
  // 2  shares
  const sent = find(effects, "send_roster");
  if (sent !== undefined) session = openSession(sent.roster, plan);
  effects = [];
  for (const name of sent?.to ?? []) {
    const roster: Roster = sent?.roster ?? [];
    count(
      down,
      name,
      roster.reduce((sum, keys) => sum + bytesOfKeys(keys), 0),
    );
    if (!isThere(name, "share")) continue;
    const shares = await measured("keys", async () => (await clients.get(name)?.share(roster)) ?? []);
    count(up, name, bytesOfShares(shares));
    effects.push(...pass({ type: "shares", client: name, shares }));
  }
  effects.push(...passTime("sharing"));
  const masking: string[] = [];
  for (const effect of effects) {
    if (effect.type !== "send_shares") continue;
    count(down, effect.to, bytesOfShares(effect.shares));
    if (!isThere(effect.to, "mask")) continue;
    await measured("keys", async () => clients.get(effect.to)?.receive(effect.shares));
    masking.push(effect.to);
  }

  // 3  masked vectors
  const sum = new Uint32Array(played.size);
  for (let begin = 0; begin < played.size; begin += played.chunk) {
    const part = sum.subarray(begin, begin + played.chunk);
    for (const name of masking) {
      const values = new Uint32Array(part.length);
      played.fill(name, begin, values);
      const packed = await measured("masks", async () => (await clients.get(name)?.mask(values)) ?? new Uint8Array());
      count(up, name, packed.length);
      await measured("server", () => Promise.resolve(addMasked(part, packed, plan.bits)));
    }
  }
  effects = masking.flatMap((client) => pass({ type: "masked", client }));
  effects.push(...passTime("masking"));

  // 4  shares of secrets
  const request = find(effects, "send_request");
  effects = [];
  for (const name of request?.to ?? []) {
    const asked: UnmaskingRequest = request?.request ?? { survivors: [], dropped: [] };
    count(down, name, 2 * (asked.survivors.length + asked.dropped.length));
    if (!isThere(name, "all")) continue;
    const answer = await measured("keys", async () => clients.get(name)?.reveal(asked));
    if (answer === undefined) continue;
    count(
      up,
      name,
      [...answer.seeds, ...answer.maskKeys].reduce((total, { share }) => total + share.length + 2, 0),
    );
    effects.push(...pass({ type: "answer", client: name, answer }));
  }
  effects.push(...passTime("unmasking"));
  const found = find(effects, "unmask");
  if (found === undefined) return outcome();
  const site = { subtle, settings: plan, roster: found.roster, session: new Uint8Array(found.session) };
  const unmasker = await measured("server", () => createUnmasker(site, found.unmasking));
  for (let begin = 0; begin < played.size; begin += played.chunk) {
    const part = sum.subarray(begin, begin + played.chunk);
    await measured("server", () => unmasker.unmask(begin, part));
    played.take(begin, part);
  }
  return outcome();
}

function find<T extends ServerEffect["type"]>(
  effects: readonly ServerEffect[],
  type: T,
): Extract<ServerEffect, { type: T }> | undefined {
  return effects.find((effect): effect is Extract<ServerEffect, { type: T }> => effect.type === type);
}

const bytesOfKeys = ({ maskKey, sealKey, seedHash, signature }: AdvertisedKeys): number =>
  maskKey.length + sealKey.length + seedHash.length + signature.length;
/** Sender and receiver are two bytes each: there are at most a thousand. */
const bytesOfShares = (shares: readonly SealedShares[]): number =>
  shares.reduce((sum, { sealed }) => sum + sealed.length + 4, 0);
