/** Joined clients against the real aggregator in virtual time: they lose messages, die and are reloaded. */
import { createHash } from "node:crypto";
import { createRandom } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { planLocalPrivacy } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { playJoined, type JoinedPlan, type JoinedRun } from "../support/joined-clients.ts";
import { plainLocalTraining } from "../support/local-training.ts";
import { settingsFor } from "../support/played-task.ts";

const rounds = 2;
const undisturbed = playJoined({ rounds });

async function expectSame(plan: Omit<JoinedPlan, "rounds">): Promise<JoinedRun> {
  const run = await playJoined({ ...plan, rounds });
  const { updates } = await undisturbed;
  expect(run.updates).toEqual(updates);
  expect(run.contributions).toEqual([3, 3]);
  expect(run.trainedAgain).toEqual([]);
  expect(run.events.filter(({ type }) => type === "failed" || type === "not_kept")).toEqual([]);
  return run;
}

describe("a client that has joined", () => {
  it("takes part in every round, asks for nothing twice, and hears the end", async () => {
    const { requests, endedAtMs, reasons, events } = await expectSame({});
    expect(reasons).toEqual(Array.from({ length: 3 }, () => "all rounds are done"));
    // What is small goes with the answer to the offer, and with the offer of the contribution.
    expect(requests).toMatchObject({ answer_offer: 2, offer_contribution: 2 });
    // The rest is the last values, and a goodbye.
    expect(Object.keys(requests).filter((type) => type !== "check_in")).toHaveLength(2 + 3);
    expect(requests).toMatchObject({ fetch_manifest: 1, fetch_chunk: 1, leave: 1 });
    expect(requests["check_in"]).toBeLessThanOrEqual(3); // at first, and after each round
    // Two rounds of 15 ms of training, 1 ms each way: nobody waits for a timer.
    expect(endedAtMs).toBeLessThan(200);
    const own = events.filter(({ name }) => name === "a").map(({ type }) => type);
    expect(own).toEqual(expect.arrayContaining(["connected", "checked_in", "offered", "downloading", "answered"]));
  });

  it("has the task's last values when it is over, though it took part in no round or read them in bfloat16", async () => {
    const down = { bfloat16: { name: "bfloat16" } };
    const settings = settingsFor({ goal: 2, minimum: 2, invited: 3 }, { down });
    const run = await playJoined({ rounds: 3, settings, trainMs: (name) => (name === "a" ? 600_000 : 5) });
    const { values, models } = run;
    const hash = createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex");
    for (const model of models) {
      expect(model).toMatchObject({ version: 3, hash });
      expect(model?.parameters).toEqual({
        "0.weight": { shape: [1, 4], values: values.slice(0, 4) },
        "0.bias": { shape: [1], values: values.slice(4) },
      });
    }
  });

  it("comes to the same when it is reloaded at any of its deeds, and trains nothing again that it has kept", async () => {
    const { deeds } = await undisturbed;
    expect(deeds).toBeGreaterThan(30);
    for (let diesAt = 1; diesAt <= deeds; diesAt += 1) {
      await expectSame({ lives: [diesAt] }).catch((cause: unknown) => {
        throw new Error(`died at deed ${diesAt} of ${deeds}`, { cause });
      });
    }
  });

  it("comes to the same when it dies again and again", async () => {
    const random = createRandom("deaths");
    for (let seed = 0; seed < 20; seed += 1) {
      const lives = Array.from({ length: 6 }, () => 1 + random.integer(25));
      await expectSame({ lives, awayMs: random.integer(200) }).catch((cause: unknown) => {
        throw new Error(`lives ${lives.join(", ")}`, { cause });
      });
    }
  });

  it.each([
    { name: "int8", least: 3.6 },
    { name: "int4", least: 6.5 },
    { name: "top_k", share: 0.1, least: 4.9 },
  ])("sends $name, what it leaves out with later rounds, over reloads too", async ({ least, ...up }) => {
    const size = 5_000;
    const given = { goal: 3, minimum: 3, invited: 3 };
    const settings = settingsFor(given, { normBound: null, up: { [up.name]: up } });
    const play = (own: Partial<JoinedPlan> = {}) => playJoined({ rounds: 6, size, settings, uneven: true, ...own });
    const { summaries, values } = await play();
    // The record of each round has the bytes of three updates.
    for (const { bytesUp } of summaries) expect((3 * 4 * size) / bytesUp).toBeGreaterThan(least);
    const plain = await playJoined({
      rounds: 6,
      size,
      settings: settingsFor(given, { normBound: null }),
      uneven: true,
    });
    const distance = (found: Float32Array): number =>
      Math.hypot(...found.map((value, key) => value - (plain.values[key] ?? 0))) / Math.hypot(...plain.values);
    // A tenth of the keys a round has gone less far in six rounds; eight or four bits of each arrive nearly whole.
    expect(distance(values)).toBeLessThan(up.name === "top_k" ? 0.65 : 0.02);
    for (const diesAt of [7, 12, 19]) {
      const again = await play({ lives: [diesAt, diesAt + 4] });
      expect(again.values).toEqual(values);
    }
  });

  it("fetches only the chunks that it lacks", async () => {
    const size = 100_000; // 4 chunks of 128 KiB
    const settings = settingsFor({ goal: 3, minimum: 3, invited: 3 }, { normBound: null });
    const whole = await playJoined({ rounds: 1, size, settings });
    // And as many again of the last values.
    expect(whole.requests).toMatchObject({ fetch_chunk: 4 + 4, put_chunk: 4 });
    for (const diesAt of [10, 14, 18, 22, 26, 30]) {
      const run = await playJoined({ rounds: 1, size, settings, lives: [diesAt] });
      expect(run.contributions).toEqual([3]);
      expect(run.trainedAgain).toEqual([]);
      const own = run.events.filter(({ name }) => name === "a");
      const uploads = own.findIndex(({ type }) => type === "uploading");
      // What was kept counts as present: a page that goes on shows how far it is.
      expect(own.slice(0, uploads).findLast(({ type }) => type === "downloading")).toMatchObject({ bytes: 4 * size });
      // Those that were under way when it died are asked for again.
      expect(run.requests["fetch_chunk"]).toBeLessThanOrEqual(4 + 4 + 4);
      expect(run.requests["put_chunk"]).toBeLessThanOrEqual(4 + 4);
    }
  });

  it("counts once in each round whatever messages are lost", async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const random = createRandom(`loss ${seed}`);
      const settings = settingsFor(
        { goal: 3, minimum: 3, invited: 3, configurationTimeoutMs: 120_000, reportingTimeoutMs: 600_000 },
        { leaseMs: 90_000 },
      );
      await expectSame({
        settings,
        isLost: () => random.uniform() < 0.15,
        delayMs: () => 1 + random.integer(50),
      }).catch((cause: unknown) => {
        throw new Error(`seed ${seed}`, { cause });
      });
    }
  });

  it.each(["heard", "lost"])("stops training when its round goes on without it: the notice is %s", async (fate) => {
    const settings = settingsFor({ goal: 2, minimum: 2, invited: 3 }, { leaseMs: 9_000 });
    const run = await playJoined({
      ...{ rounds: 2, settings, hears: (type) => fate === "heard" || type !== "round_over" },
      // The second round needs "a": "b" has far to go in it.
      trainMs: (name, round) => (name === "a" && round === 1 ? 600_000 : name === "b" && round === 2 ? 600_000 : 5),
    });
    expect(run.contributions).toEqual([2, 2]);
    const ends = run.events.filter(({ name, type }) => name === "a" && type === "let_go");
    expect(ends).toHaveLength(1);
    expect(run.endedAtMs).toBeLessThan(10_000);
  });

  it("goes on in memory where nothing can be kept, and says so once", async () => {
    const full = (): Promise<never> => Promise.reject(new ShoalError("store_unavailable", "the disk is full", {}));
    const run = await playJoined({ rounds, storage: () => ({ get: full, set: full, clear: full }) });
    expect(run.updates).toEqual((await undisturbed).updates);
    expect(run.events.filter(({ type }) => type === "not_kept")).toHaveLength(3);
  });

  it("says nothing of its data beside its update where something is promised of its privacy", async () => {
    const budget = { epsilon: 1_000, delta: 1e-5 };
    const privacy = { clip: 1, noiseMultiplier: 1, adaptive: null, population: null, budget };
    const settings = settingsFor({ goal: 3, minimum: 3, invited: 3 }, { privacy });
    const { said, summaries } = await playJoined({ rounds, settings });
    const offers = said.flatMap((request) => (request.type === "offer_contribution" ? [request.offer] : []));
    expect(offers).toHaveLength(6);
    for (const { samples, steps, loss } of offers) expect([samples, steps, loss]).toEqual([1, 1, 0]);
    const devices = said.flatMap((request) => (request.type === "check_in" ? [request.device] : []));
    for (const { samples, testSamples } of devices) expect([samples, testSamples]).toEqual([1, 0]);
    for (const summary of summaries) expect(summary).toMatchObject({ samples: 0, trainingLoss: null });
  });

  const local = planLocalPrivacy({ name: "local", epsilon: 1, delta: 1e-5, clip: 1, budget: 3 });
  const spentBy = ({ events }: JoinedRun, who: string) =>
    events.flatMap((event) => (event.name === who && event.type === "privacy_spent" ? [event] : []));

  it("says what its own noise leaves to be told, which is what the rounds' records say, over reloads too", async () => {
    const settings = settingsFor({ goal: 3, minimum: 3, invited: 3 }, { localPrivacy: local });
    const play = (lives: readonly number[]) => playJoined({ rounds: 4, settings, lives });
    const undisturbed = await play([]);
    for (const name of ["a", "b", "c"]) {
      const own = spentBy(undisturbed, name).map(({ contributions }) => contributions);
      expect(own).toEqual([0, 1, 1, 2, 2, 3, 3, 4]);
      undisturbed.summaries.forEach(({ epsilon }, at) =>
        expect(spentBy(undisturbed, name)[2 * at + 1]?.epsilon).toBeCloseTo(epsilon ?? 0, 9),
      );
    }
    for (let diesAt = 4; diesAt <= 30; diesAt += 1) {
      const own = spentBy(await play([diesAt]), "a").map(({ contributions }) => contributions);
      expect(own).toEqual(own.toSorted((one, other) => one - other));
      // One that was counted and had not left yet is counted again.
      expect([4, 5]).toContain(own.at(-1));
    }
  });

  it("leaves before its contributions come to more than its own limit, and says so; the others go on", async () => {
    const settings = settingsFor({ goal: 2, minimum: 2, invited: 3 }, { localPrivacy: local });
    const privacyLimit = { epsilon: 2, delta: 1e-5 };
    const run = await playJoined({ rounds: 5, settings, privacyLimit });
    expect(run.reasons[0]).toMatch(/^\[privacy_budget_spent\] contribution \d of this client would bring ε to 2\.\d+/);
    expect(run.reasons.slice(1)).toEqual(["all rounds are done", "all rounds are done"]);
    const [mine, others] = ["a", "b"].map((name) => spentBy(run, name).at(-1)?.epsilon ?? 0);
    expect(mine).toBeLessThanOrEqual(2);
    expect(others).toBeGreaterThan(2);
    const offered = run.said.filter((each) => each.type === "offer_contribution" && each.offer.client === "a");
    expect(offered).toHaveLength(spentBy(run, "a").at(-1)?.contributions ?? 0);
    expect(run.requests).toMatchObject({ leave: 1 });
  });

  it.each([
    new ShoalError("invalid_argument", "label 77 of row 0 is not in [0, 10)"),
    new ShoalError("out_of_memory", "training takes 3 GiB, this device has 1 GiB"),
  ])("leaves where the task does not fit it, says why, and holds nobody up: %s", async (unfit) => {
    const settings = settingsFor({ goal: 2, minimum: 2, invited: 3 });
    const { events, contributions, reasons, requests } = await playJoined({ rounds: 4, unfit, settings });
    expect(contributions).toEqual([2, 2, 2, 2]);
    expect(reasons).toEqual([unfit.message, "all rounds are done", "all rounds are done"]);
    expect(events.filter(({ name, type }) => name === "a" && type === "failed")).toHaveLength(1);
    expect(requests).toMatchObject({ answer_offer: 2, leave: 1 }); // of one round: it takes part, and does not
  });

  it("leaves before it takes part where all its samples at once do not fit it, and holds nobody up", async () => {
    const local = { ...plainLocalTraining, batchSize: null };
    const settings = settingsFor({ goal: 2, minimum: 2, invited: 3 }, { local });
    const { contributions, reasons, requests, said } = await playJoined({ rounds: 4, memoryBytes: 1e6, settings });
    expect(contributions).toEqual([2, 2, 2, 2]);
    const reason = expect.stringMatching(/at once takes \d+ bytes, the device has 1000000$/) as string;
    expect(reasons).toEqual([reason, "all rounds are done", "all rounds are done"]);
    expect(said).toContainEqual(expect.objectContaining({ type: "answer_offer", takesPart: false, reason }));
    expect(requests).toEqual({ check_in: expect.any(Number) as number, answer_offer: 1, leave: 1 });
  });

  it("says of its own mishaps no more than their kind where something is promised of its privacy", async () => {
    const unfit = new ShoalError("invalid_argument", "label 77 of row 0 is not in [0, 10)");
    const budget = { epsilon: 1_000, delta: 1e-5 };
    const privacy = { clip: 1, noiseMultiplier: 1, adaptive: null, population: null, budget };
    const settings = settingsFor({ goal: 2, minimum: 2, invited: 3 }, { privacy });
    const { said, reasons } = await playJoined({ rounds: 1, unfit, settings });
    expect(reasons).toContain(unfit.message); // told at home
    const told = said.flatMap((request) => ("reason" in request && request.reason !== "" ? [request.reason] : []));
    expect(told).toContain("invalid_argument");
    expect(told.join()).not.toContain("77");
  });
});
