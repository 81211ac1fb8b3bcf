/** Rounds whose updates are masked, through the whole chain in virtual time: clients and aggregators die in every stage. */
import { createRandom } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  contributionId,
  createSecureClient,
  decodeSecureClientMessage,
  describeVector,
  emptyLedger,
  encodeSecureMessage,
  epsilonOf,
  latticeNoiseMultiplier,
  maskedBytes,
  maskedEncoding,
  planLattice,
  settingsOfSum,
  spend,
  verifyChain,
  type ClientPlane,
  type ClientRequest,
  type RoundOffer,
  type SecureClientMessage,
  type SecureClientPorts,
} from "@shoal/federated";
import { describe, expect, it } from "vitest";
import {
  maskedNames,
  maskedSettings,
  maskedSize,
  maskedUpdate,
  playMasked,
  samplesOf,
  type MaskedPlan,
  type MaskedRun,
} from "../support/masked-clients.ts";

/** −Δ of those who are in the record: the sum of integers is exact, so only the mean is rounded, once. */
function expectedOf(round: number, clients: readonly string[]): number[] {
  const weight = clients.reduce((sum, client) => sum + samplesOf(client), 0);
  const sum = new Float64Array(maskedSize);
  for (const client of clients) {
    maskedUpdate(client, round).forEach((value, key) => (sum[key] = (sum[key] ?? 0) + samplesOf(client) * value));
  }
  return Array.from(sum, (value) => -Math.fround(value / weight));
}

/** Every step's update is that of the clients that its record names. */
function expectExact({ records, updates }: MaskedRun): void {
  const committed = records.filter(({ body }) => body.outcome === "committed");
  expect(committed.map(({ body }) => body.step)).toEqual(updates.map((_, step) => step));
  for (const { body } of committed) {
    const clients = body.contributed.list.map(({ client }) => client);
    expect(clients.length).toBeGreaterThanOrEqual(5);
    expect(updates[body.step]?.map((value) => value + 0)).toEqual(
      expectedOf(body.round, clients).map((value) => value + 0),
    );
  }
}

const contributors = ({ records }: MaskedRun, round: number): number =>
  records.find(({ body }) => body.round === round)?.body.contributed.count ?? NaN;

/** "m0" and "m1" are gone before they say this, in the first round. */
const goneBefore =
  (stage: string, count = 2, awayMs = 60_000): NonNullable<MaskedPlan["dies"]> =>
  (client, request) => {
    const isLast = request.type === "secure_message" ? request.stage === stage : request.type === stage;
    const inFirst =
      "round" in request ? request.round === 1 : request.type === "offer_contribution" && request.offer.round === 1;
    return isLast && inFirst && maskedNames.indexOf(client) < count ? awayMs : undefined;
  };

describe("rounds with masked updates", () => {
  it("come to the exact mean of all, wait for no timer, and tell nothing of single clients", async () => {
    const run = await playMasked({ steps: 2 });
    expectExact(run);
    expect([contributors(run, 1), contributors(run, 2)]).toEqual([10, 10]);
    expect(run.endedAtMs).toBeLessThan(500);
    const [first] = run.records;
    expect(first?.body).toMatchObject({ samples: 0, trainingLoss: null });
    expect(first?.body.contributed.list[0]).toMatchObject({ samples: 0, loss: 0 });
    expect(first?.body.phases.map(({ phase }) => phase)).toEqual([
      ...["selecting", "configuring", "reporting", "advertising", "sharing", "masking", "unmasking", "summed"],
      ...["committing", "committed"],
    ]);
    expect(run.events.filter(({ type }) => type === "let_go" || type === "failed")).toEqual([]);
  });

  it.each([
    ["keys", 8, "the keys did not come in time", "round 1, advertising: waits for the keys of 2 of 10 clients"],
    ["shares", 8, "the sealed shares did not come in time", "waits for the sealed shares of 2 of 10 clients (m0, m1)"],
    [
      "offer_contribution",
      8,
      "the masked updates did not come",
      "waits for the masked updates of 2 of 10 clients (m0, m1)",
    ],
    ["masked", 10, undefined, undefined],
    ["answer", 10, undefined, undefined],
  ] as const)("survive clients that are gone before they say %s", async (stage, count, reason, wait) => {
    const run = await playMasked({ steps: 1, dies: goneBefore(stage) });
    expectExact(run);
    expect(contributors(run, 1)).toBe(count);
    const dropped = run.records[0]?.body.dropped.list ?? [];
    expect(dropped.map(({ client }) => client).toSorted()).toEqual(reason === undefined ? [] : ["m0", "m1"]);
    for (const each of dropped) expect(each.reason).toContain(reason);
    if (wait !== undefined) expect([...run.waits].join("\n")).toContain(wait);
  });

  it.each([
    ["keys", "no secure sum: 4 clients have come, at least 5 are needed", 4],
    ["shares", "no secure sum: 4 clients have shared their secrets, at least 5 are needed", 4],
    ["offer_contribution", "no secure sum: 4 masked vectors have come, at least 5 are needed", 4],
    ["masked", "have given their share of its secret", 0],
  ] as const)(
    "are abandoned, with the reason, where too many are gone before they say %s",
    async (stage, reason, told) => {
      const run = await playMasked({ steps: 1, dies: goneBefore(stage, 6, 3_000) });
      expect(run.records[0]?.body).toMatchObject({ round: 1, outcome: "abandoned" });
      expect(run.records[0]?.body.reason).toContain(reason);
      expectExact(run);
      // Who has said all that it had to say was told so.
      const left = run.events.filter((event) => event.type === "let_go" && event.round === 1);
      expect(left.map(({ client }) => client)).toEqual(expect.arrayContaining(maskedNames.slice(10 - told)));
    },
  );

  it("go on at once without a client that was reloaded: its keys are gone, and it says so", async () => {
    for (const stage of ["shares", "offer_contribution"]) {
      const run = await playMasked({ steps: 1, dies: goneBefore(stage, 1, 20) });
      expectExact(run);
      expect(contributors(run, 1)).toBe(9);
      expect(run.endedAtMs).toBeLessThan(500);
      expect(run.records[0]?.body.dropped.list).toMatchObject([
        { client: "m0", reason: "it declined: it was reloaded, and its keys are gone" },
      ]);
    }
  });

  it("keep the vector of a client that says goodbye behind it", async () => {
    const run = await playMasked({ steps: 1, dies: goneBefore("masked", 1, 20) });
    expectExact(run);
    expect(contributors(run, 1)).toBe(10);
    expect(run.records[0]?.body.dropped.count).toBe(0);
  });

  it("count once whatever messages are lost", async () => {
    for (let seed = 1; seed <= 2; seed += 1) {
      const random = createRandom(`masked ${seed}`);
      const isLost = (): boolean => random.uniform() < 0.05;
      expectExact(await playMasked({ steps: 1, isLost, delayMs: () => 1 + random.integer(20) }));
    }
  });
});

/** What a client should not say: before the sum begins, after its roster, and at last what takes it out of the sum. */
async function sayWrongThings(plane: ClientPlane, cryptography: SecureClientPorts, said: string[]): Promise<void> {
  const [offered, begun] = [Promise.withResolvers<RoundOffer>(), Promise.withResolvers<void>()];
  plane.listen((notice) => {
    if (notice.type === "round_offered") offered.resolve(notice.offer);
    if (notice.type === "secure_notice" && notice.stage === "roster") begun.resolve();
  });
  const device = { memoryBytes: 1e9, samples: 1, testSamples: 0, encodings: ["float32"], platform: "node" };
  await plane.request({ type: "check_in", device }, 5_000);
  const { round, version } = await offered.promise;
  await plane.request({ type: "answer_offer", round, takesPart: true, reason: "" }, 5_000);
  const say = async (what: string, request: ClientRequest): Promise<void> => {
    const reply = await plane.request(request, 5_000).catch((error: unknown) => ShoalError.from(error));
    const kind = reply instanceof ShoalError ? reply.code : reply.type === "answered" ? reply.answer.kind : reply.type;
    said.push(`${what}: ${kind}`);
  };
  const saySecure = (what: string, message: SecureClientMessage, of = round): Promise<void> =>
    say(what, { type: "secure_message", round: of, stage: message.type, body: encodeSecureMessage(message) });
  const { secure } = maskedSettings();
  if (secure === null) throw new Error("these settings mask");
  const settings = settingsOfSum(secure.task, "digits", round);
  const keys = await createSecureClient("m0", settings, cryptography).advertise();
  const content = new Uint8Array(maskedBytes(maskedSize, settings));
  const upload: ClientRequest = {
    ...{ type: "offer_contribution", trace: null, content },
    offer: {
      ...{ id: contributionId("m0", "digits", round), task: "digits", round, client: "m0", baseVersion: version },
      ...{ samples: 1, steps: 1, loss: 0, encoding: maskedEncoding, content: describeVector(content) },
    },
  };
  await say("no keys", { type: "secure_message", round, stage: "keys", body: Uint8Array.of(1, 2, 3) });
  await say("no stage", { type: "secure_message", round, stage: "secrets", body: Uint8Array.of() });
  await saySecure("keys of another", { type: "keys", keys: { ...keys, client: "m1" } });
  await saySecure("keys for another round", { type: "keys", keys }, round + 1);
  await saySecure("keys that are none", {
    type: "keys",
    keys: { ...keys, sealKey: keys.sealKey.slice().fill(255, 1) },
  });
  await say("a vector before all", upload);
  await saySecure("keys", { type: "keys", keys });
  await begun.promise;
  await saySecure("masked, without a vector", { type: "masked" });
  await say("a vector before shares", upload);
  await saySecure("too few shares", { type: "shares", shares: [] });
  await saySecure("anything then", { type: "keys", keys });
}

describe("a client that says what it should not", () => {
  it("is told so, is out of the sum, and costs nobody else anything", async () => {
    const said: string[] = [];
    const run = await playMasked({ steps: 1, instead: (plane, ports) => sayWrongThings(plane, ports, said) });
    expect(said).toEqual([
      "no keys: codec_failed",
      "no stage: codec_failed",
      "keys of another: invalid_argument",
      "keys for another round: gone",
      "keys that are none: invalid_argument",
      "a vector before all: stale",
      "keys: noted",
      "masked, without a vector: gone",
      "a vector before shares: stale",
      "too few shares: gone",
      "anything then: gone",
    ]);
    expectExact(run);
    expect(contributors(run, 1)).toBe(9);
    expect(run.records[0]?.body.dropped.list).toMatchObject([
      { client: "m0", reason: "shares are not one for each neighbour" },
    ]);
  });
});

/** Every byte of the shares that "m0" gives away is wrong. */
function lies(client: string, request: ClientRequest): ClientRequest {
  if (client !== "m0" || request.type !== "secure_message" || request.stage !== "answer") return request;
  const message = decodeSecureClientMessage("answer", request.body);
  if (message.type !== "answer") return request;
  const seeds = message.answer.seeds.map(({ of, share }) => ({ of, share: share.map((byte) => byte ^ 255) }));
  return { ...request, body: encodeSecureMessage({ ...message, answer: { ...message.answer, seeds } }) };
}

/** What "m0" seals opens for nobody. */
function sealsNothing(client: string, request: ClientRequest): ClientRequest {
  if (client !== "m0" || request.type !== "secure_message" || request.stage !== "shares") return request;
  const message = decodeSecureClientMessage("shares", request.body);
  if (message.type !== "shares") return request;
  const shares = message.shares.map((each) => ({ ...each, sealed: each.sealed.slice().fill(7) }));
  return { ...request, body: encodeSecureMessage({ type: "shares", shares }) };
}

describe("a client that gives away wrong shares of others", () => {
  it("costs no round, is named in each, and is asked no more after a few", async () => {
    const run = await playMasked({ steps: 5, bend: lies });
    expectExact(run);
    const rounds = run.records.map(({ body }) => [
      body.outcome,
      body.contributed.count,
      body.asked.list.includes("m0"),
    ]);
    // Three offences lead into quarantine, and what is held against a client has faded a little by the third.
    expect(rounds).toEqual([
      ["committed", 10, true],
      ["committed", 10, true],
      ["committed", 10, true],
      ["committed", 10, true],
      ["committed", 9, false],
    ]);
    const named = run.records.map(({ body }) => body.dropped.list);
    const [entry] = named[0] ?? [];
    expect(entry?.reason).toContain("shares that are not what was dealt");
    expect(named.map((list) => list.map(({ client }) => client))).toEqual([["m0"], ["m0"], ["m0"], ["m0"], []]);
  });
});

/** The shares that "m0" deals are of its seed, and it is bound to them, but says that its seed is another one. */
function commitsToNothing(client: string, request: ClientRequest): ClientRequest {
  if (client !== "m0" || request.type !== "secure_message" || request.stage !== "keys") return request;
  const message = decodeSecureClientMessage("keys", request.body);
  if (message.type !== "keys") return request;
  const keys = { ...message.keys, seedHash: new Uint8Array(32) };
  return { ...request, body: encodeSecureMessage({ type: "keys", keys }) };
}

describe("a client whose secret cannot be joined from what it dealt", () => {
  it.each([
    ["opens for nobody", sealsNothing, "neighbours of a client", "got no share of its secret"],
    ["is no secret of it", commitsToNothing, "the shares that a client dealt", "do not give its secret"],
  ] as const)("because it %s costs one round, which names it, and is not in the next", async (_, bend, why, what) => {
    const run = await playMasked({ steps: 1, bend });
    expectExact(run);
    const [first, ...others] = run.records.map(({ body }) => body);
    expect(first).toMatchObject({ outcome: "abandoned", reason: expect.stringContaining(why) as string });
    expect(first?.dropped.list.find(({ client }) => client === "m0")?.reason).toContain(what);
    expect(others.map(({ outcome, asked }) => [outcome, asked.list.includes("m0")])).toEqual([["committed", false]]);
    const told = run.events.flatMap((event) => (event.type === "let_go" ? [event.reason] : []));
    expect(told.length).toBeGreaterThan(0);
    expect(told.filter((each) => /m0|client 0/.test(each))).toEqual([]);
  });
});

describe("an aggregator of masked updates that dies", () => {
  it("is followed by one that abandons its round and plays another, whatever its last deed was", async () => {
    const { deeds, words } = await playMasked({ steps: 2 });
    const stages = ["configuring", "advertising", "sharing", "masking", "unmasking", "takes the masks off"];
    const inStages = stages.flatMap((stage) => {
      const found = words.filter(([, what]) => what.includes(stage === "configuring" ? "have not answered" : stage));
      expect(found.length, stage).toBeGreaterThan(0);
      return found.map(([done]) => done + 1).filter((_, at) => at === Math.floor(found.length / 2));
    });
    const reasons = new Set<string>();
    // And when the update has been pushed, and behind that.
    for (const diesAt of [...inStages, deeds - 8, deeds - 1]) {
      const run = await playMasked({ steps: 2, aggregatorDies: [diesAt] });
      expectExact(run);
      expect(verifyChain(run.records.toSorted((a, b) => a.sequence - b.sequence)).kind).toBe("intact");
      for (const { body } of run.records) if (body.outcome === "abandoned") reasons.add(body.reason);
    }
    expect([...reasons]).toEqual(["its secure sum was lost with its aggregator"]);
  });
});

describe("noise of clients under masks", () => {
  it("is in the sum, and costs what the fewest that may be in it come to", async () => {
    const lattice = { weightCap: 1, levels: 1025, noiseVariance: 1e4 };
    const planned = planLattice({ clip: 4, clients: maskedNames.length, ...lattice });
    const noiseMultiplier = latticeNoiseMultiplier(planned, maskedSize, 5);
    const budget = { epsilon: 100, delta: 1e-5 };
    const base = maskedSettings(lattice);
    const privacy = { clip: 4, noiseMultiplier, adaptive: null, population: null, budget };
    const secure = base.secure === null ? null : { ...base.secure, expected: 8 };
    const run = await playMasked({ steps: 1, settings: { ...base, privacy, secure }, dies: goneBefore("shares") });
    const { epsilon } = epsilonOf(spend(emptyLedger(), { noiseMultiplier, samplingRate: 1, sampling: "none" }), 1e-5);
    expect(run.records[0]?.body).toMatchObject({ outcome: "committed", epsilon });
    // Eight clients' noise of deviation 100 steps, 128 steps to 1, divided by the 8 that are expected.
    const deviation = (100 * Math.sqrt(8)) / 128 / 8;
    const sum = (key: number): number =>
      maskedNames.slice(2).reduce((total, client) => total + (maskedUpdate(client, 1)[key] ?? 0), 0);
    const noise = run.updates[0]?.map((value, key) => value + sum(key) / 8) ?? [];
    const variance = noise.reduce((total, value) => total + value ** 2, 0) / maskedSize;
    // A mean square over 37 values is within five of its deviations, √(2/37), of one.
    expect(variance / deviation ** 2).toBeGreaterThan(0.2);
    expect(variance / deviation ** 2).toBeLessThan(1 + 5 * Math.sqrt(2 / maskedSize));
  });

  it("costs a round whose masks may have been taken off, though it came to nothing", async () => {
    const lattice = { weightCap: 1, levels: 1025, noiseVariance: 1e4 };
    const base = maskedSettings(lattice);
    const noiseMultiplier = 10;
    const budget = { epsilon: 100, delta: 1e-5 };
    const privacy = { clip: 4, noiseMultiplier, adaptive: null, population: null, budget };
    const run = await playMasked({ steps: 1, settings: { ...base, privacy }, dies: goneBefore("masked", 6, 3_000) });
    const spent = (rounds: number): number =>
      epsilonOf(spend(emptyLedger(), { noiseMultiplier, samplingRate: 1, sampling: "none" }, rounds), 1e-5).epsilon;
    // Rounds that do not find their clients meanwhile cost nothing.
    const [first, ...later] = run.records.map(({ body }) => [body.outcome, body.epsilon]);
    expect(first).toEqual(["abandoned", spent(1)]);
    expect(later.at(-1)).toEqual(["committed", spent(2)]);
    expect(later.slice(0, -1).every(([outcome, epsilon]) => outcome === "abandoned" && epsilon === spent(1))).toBe(
      true,
    );
  });
});
