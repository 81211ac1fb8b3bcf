/**
 * Plays a secure sum: real clients and the real server, messages handed over at once, time by the steps. Vectors go by in
 * chunks, so that a hundred clients with a million values fit into the memory of one sum.
 */
import {
  addMasked,
  advanceSecureSum,
  createSecureClient,
  createSecureExchange,
  createUnmasker,
  decodeSecureClientMessage,
  decodeSecureServerMessage,
  encodeSecureMessage,
  nextSecureDeadline,
  openSession,
  startSecureSum,
  systemRandomBytes,
  type Identity,
  type Roster,
  type SecureClient,
  type SecureClientMessage,
  type SecureExchange,
  type SecureReaction,
  type SecureServerMessage,
  type SecureSession,
  type SecureSumPlan,
  type ServerEffect,
  type ServerEvent,
  type ServerState,
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
  /** What a client makes of its message on the way up. */
  readonly bend?: (client: string, message: SecureClientMessage) => SecureClientMessage;
  /** Every message comes twice. */
  readonly twice?: boolean;
  /** Called with each chunk of the sum. */
  readonly take: (begin: number, sum: Uint32Array) => void;
  /** Milliseconds of a clock, for durations. */
  readonly now?: () => number;
}

export interface SumOutcome {
  readonly state: ServerState;
  readonly reasons: readonly string[];
  /** Whom something was held against, in that order. */
  readonly accused: readonly Extract<ServerEffect, { type: "accuse" }>[];
  /** Names, in the order of the roster. */
  readonly survivors: readonly string[];
  readonly session: SecureSession | undefined;
  /** Bytes of keys, shares and vector that one client sends and is sent: the greatest of all. */
  readonly bytes: { readonly up: number; readonly down: number; readonly vector: number };
  /** Of all clients together, and of the server. */
  readonly spentMs: { readonly keys: number; readonly masks: number; readonly server: number };
}

const stages: readonly LastStage[] = ["nothing", "advertise", "share", "mask", "all"];
const { subtle } = globalThis.crypto;
const ports = { subtle, randomBytes: systemRandomBytes };

export async function playSecureSum(played: PlayedSum): Promise<SumOutcome> {
  const play = createPlay(played);
  await advertise(play);
  const masking = await share(play);
  const sum = await mask(play, masking);
  const unmask = await reveal(play, masking);
  if (unmask !== undefined) {
    const { roster, session, unmasking } = unmask;
    const site = { subtle, settings: played.plan, roster, session: new Uint8Array(session) };
    const unmasker = await play.measured("server", () => createUnmasker(site, unmasking));
    for (const [begin, part] of chunksOf(sum, played.chunk)) {
      await play.measured("server", () => unmasker.unmask(begin, part));
      played.take(begin, part);
    }
  }
  return play.outcome();
}

type Play = ReturnType<typeof createPlay>;

function createPlay(played: PlayedSum) {
  const { plan, now = () => 0 } = played;
  const [up, down] = [new Map<string, number>(), new Map<string, number>()];
  const spentMs = { keys: 0, masks: 0, server: 0 };
  const reasons: string[] = [];
  let time = 0;
  let state: ServerState = startSecureSum(plan, time);
  let effects: ServerEffect[] = [];
  const accused: Extract<ServerEffect, { type: "accuse" }>[] = [];
  let roster: Roster | undefined;
  const count = (into: Map<string, number>, client: string, bytes: number): void => {
    into.set(client, (into.get(client) ?? 0) + bytes);
  };
  const pass = (event: ServerEvent): void => {
    const step = advanceSecureSum(state, event, time);
    state = step.state;
    reasons.push(step.reason);
    effects.push(...step.effects);
    accused.push(...step.effects.filter((effect) => effect.type === "accuse"));
  };
  return {
    played,
    clients: new Map<string, { readonly client: SecureClient; readonly exchange: SecureExchange }>(),
    pass(event: ServerEvent): void {
      pass(event);
      if (played.twice === true) pass(event);
    },
    countUp: (client: string, bytes: number) => count(up, client, bytes),
    isThere: (client: string, stage: LastStage) => stages.indexOf(played.lastStage(client)) >= stages.indexOf(stage),
    /** Lets the stage end by its deadline where it has not, and hands over what the server has to say since the last time. */
    endOf(phase: ServerState["phase"]): readonly ServerEffect[] {
      const deadline = state.phase === phase ? nextSecureDeadline(state) : undefined;
      if (deadline !== undefined) {
        time = deadline;
        pass({ type: "tick" });
      }
      const said = effects;
      effects = [];
      roster ??= said.find((effect) => effect.type === "send_roster")?.roster;
      return said;
    },
    /** A message on its way, as bytes. */
    sendUp<T extends SecureClientMessage>(client: string, message: T): T {
      const bytes = encodeSecureMessage(message);
      count(up, client, bytes.length);
      return decodeSecureClientMessage(message.type, bytes) as T;
    },
    async sendDown(
      client: string,
      message: SecureServerMessage,
      stage: LastStage,
    ): Promise<SecureReaction | undefined> {
      const bytes = encodeSecureMessage(message);
      count(down, client, bytes.length);
      const exchange = this.clients.get(client)?.exchange;
      if (exchange === undefined || !this.isThere(client, stage)) return undefined;
      const take = () => exchange.take(decodeSecureServerMessage(message.type, bytes));
      if (played.twice !== true) return await this.measured("keys", take);
      const [first, again] = await Promise.all([take(), take()]);
      if (again.kind !== (first.kind === "mask" ? "nothing" : first.kind))
        throw new Error(`${first.kind}, ${again.kind}`);
      return first;
    },
    async measured<T>(of: keyof typeof spentMs, work: () => T | Promise<T>): Promise<T> {
      const began = now();
      const result = await work();
      spentMs[of] += now() - began;
      return result;
    },
    outcome: (): SumOutcome => ({
      ...{ state, reasons, accused, spentMs },
      session: roster === undefined ? undefined : openSession(roster, plan),
      survivors: state.phase === "summed" ? state.survivors : [],
      bytes: {
        up: Math.max(0, ...up.values()),
        down: Math.max(0, ...down.values()),
        vector: Math.ceil((played.size * plan.bits) / 8),
      },
    }),
  };
}

async function advertise(play: Play): Promise<void> {
  const { played, clients } = play;
  for (const name of played.clients) {
    const client = createSecureClient(name, played.plan, { ...ports, identity: played.identity?.(name) });
    const exchange = createSecureExchange(client);
    clients.set(name, { client, exchange });
    if (!play.isThere(name, "advertise")) continue;
    const first = play.sendUp(name, await play.measured("keys", () => exchange.begin()));
    if (first.type === "keys") play.pass(first);
  }
}

/** @returns who can mask now */
async function share(play: Play): Promise<readonly string[]> {
  for (const effect of play.endOf("advertising")) {
    if (effect.type !== "send_roster") continue;
    for (const client of effect.to) await answer(play, client, { type: "roster", roster: effect.roster }, "share");
  }
  const masking: string[] = [];
  for (const effect of play.endOf("sharing")) {
    if (effect.type !== "send_shares") continue;
    const reaction = await play.sendDown(effect.to, { type: "shares", shares: effect.shares }, "mask");
    if (reaction?.kind === "mask") masking.push(effect.to);
  }
  return [...new Set(masking)];
}

/** Gives the server's message to a client that is still there at this stage, and its answer to the server. */
async function answer(play: Play, client: string, message: SecureServerMessage, stage: LastStage): Promise<void> {
  const reaction = await play.sendDown(client, message, stage);
  if (reaction?.kind !== "send") return;
  const { bend = (_, sent) => sent } = play.played;
  const answered = play.sendUp(client, bend(client, reaction.message));
  if (answered.type === "shares" || answered.type === "answer") play.pass({ ...answered, client });
}

async function mask({ played, clients, measured, countUp }: Play, masking: readonly string[]): Promise<Uint32Array> {
  const sum = new Uint32Array(played.size);
  for (const [begin, part] of chunksOf(sum, played.chunk)) {
    for (const name of masking) {
      const values = new Uint32Array(part.length);
      played.fill(name, begin, values);
      const packed = await measured("masks", () => clients.get(name)?.client.mask(values));
      if (packed === undefined) throw new Error(name);
      countUp(name, packed.length);
      await measured("server", () => addMasked(part, packed, played.plan.bits));
    }
  }
  return sum;
}

async function reveal(
  play: Play,
  masking: readonly string[],
): Promise<Extract<ServerEffect, { type: "unmask" }> | undefined> {
  for (const client of masking) play.pass({ ...play.sendUp(client, { type: "masked" }), client });
  for (const effect of play.endOf("masking")) {
    if (effect.type !== "send_request") continue;
    for (const client of effect.to) await answer(play, client, { type: "request", request: effect.request }, "all");
  }
  return play.endOf("unmasking").find((effect) => effect.type === "unmask");
}

function* chunksOf(sum: Uint32Array, chunk: number): Generator<readonly [begin: number, part: Uint32Array]> {
  for (let begin = 0; begin < sum.length; begin += chunk) yield [begin, sum.subarray(begin, begin + chunk)];
}
