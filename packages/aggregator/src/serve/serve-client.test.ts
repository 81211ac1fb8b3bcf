import { createMemoryStore, createRandom, createSimulatedClock, runSimulation } from "@shoal/actors";
import {
  clientReplySchema,
  contributionId,
  createInProcessPlane,
  describeVector,
  encodeMessage,
  decodeMessage,
  type ClientNotice,
  type ClientReply,
  type ClientRequest,
  type Device,
} from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../../test/support/kernel-site.ts";
import { descriptionOf, float32, settingsFor, taskSize as size } from "../../../../test/support/played-task.ts";
import { openAggregator } from "../aggregator.ts";

const device: Device = { memoryBytes: 1e9, samples: 10, testSamples: 5, encodings: ["float32"], platform: "node" };
const settings = settingsFor(
  {
    goal: 2,
    minimum: 1,
    invited: 2,
    selectionTimeoutMs: 60_000,
    configurationTimeoutMs: 60_000,
    reportingTimeoutMs: 60_000,
  },
  { memoryBytes: 5e8 },
);
const kernels = createKernelSite("baseline");
const update = new Uint8Array(new Float32Array(size).fill(1).buffer);

const offerOf = (client: string, round = 1) => ({
  ...{
    id: contributionId(client, "digits", round),
    task: "digits",
    round,
    client,
    baseVersion: 0,
    samples: 3,
    steps: 1,
  },
  ...{ loss: 1, encoding: "float32", content: describeVector(update) },
});

/** Two members and a stranger, with the round taken as far as a phase. */
async function createScene() {
  const clock = createSimulatedClock();
  const plane = createInProcessPlane({ clock });
  const aggregator = await openAggregator({
    ...{ run: "r1", description: descriptionOf(settings), settings, random: createRandom("a") },
    ...{ plane: plane.aggregator, store: createMemoryStore(), clock },
    codecs: createVectorCodecs(float32, { size }, kernels),
  });
  const ends = new Map(["m1", "m2", "stranger"].map((name) => [name, plane.connect(name)]));
  const notices: { readonly client: string; readonly notice: ClientNotice }[] = [];
  for (const [client, end] of ends) end.listen((notice) => void notices.push({ client, notice }));
  const ask = async (client: string, request: ClientRequest): Promise<ClientReply | Error> => {
    const end = ends.get(client);
    if (end === undefined) throw new Error(`no ${client}`);
    const reply = end.request(request, 5_000).catch((error: unknown) => error as Error);
    await runSimulation(clock, { forMs: 100 });
    return reply;
  };
  const contribute = async (client: string): Promise<ClientReply | Error> => {
    await ask(client, { type: "offer_contribution", offer: offerOf(client), trace: null, content: null });
    return ask(client, { type: "put_chunk", id: offerOf(client).id, index: 0, content: update });
  };
  const step = () => ({
    ...{ step: 0, version: 0, parameters: new Float32Array(size), gradient: new Float32Array(size) },
  });
  return { clock, aggregator, ask, contribute, notices, step };
}

type Scene = Awaited<ReturnType<typeof createScene>>;

const answer = (round: number, takesPart = true): ClientRequest => ({
  ...{ type: "answer_offer", round, takesPart, reason: "" },
});
const advance: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  "before the first round": async () => undefined,
  waiting: async ({ aggregator, step }) => void aggregator.aggregate(step()).catch(() => undefined),
  selecting: async ({ ask }) => void (await ask("m1", { type: "check_in", device })),
  configuring: async ({ ask }) => void (await ask("m2", { type: "check_in", device })),
  reporting: async ({ ask }) => {
    for (const client of ["m1", "m2"]) await ask(client, answer(1));
  },
  committing: async ({ contribute }) => {
    for (const client of ["m1", "m2"]) await contribute(client);
  },
  closed: async ({ aggregator }) => aggregator.close(),
};
const phases = Object.keys(advance);

async function sceneIn(phase: string): Promise<Scene> {
  const scene = await createScene();
  for (const each of phases.slice(0, phases.indexOf(phase) + 1)) {
    await advance[each]?.(scene);
    await runSimulation(scene.clock, { forMs: 50 });
  }
  return scene;
}

const manifest = describeVector(new Uint8Array(new Float32Array(size).buffer));
const requests: Readonly<Record<string, (client: string) => ClientRequest>> = {
  check_in: () => ({ type: "check_in", device }),
  "answer_offer yes": () => answer(1),
  "answer_offer no": () => answer(1, false),
  "answer_offer to another round": () => answer(7),
  fetch_manifest: () => ({ type: "fetch_manifest", round: 1, encoding: "float32" }),
  "fetch_manifest of no round": () => ({ type: "fetch_manifest", round: 99, encoding: "float32" }),
  fetch_chunk: () => ({ type: "fetch_chunk", hash: manifest.hash, index: 0 }),
  offer_contribution: (client) => ({ type: "offer_contribution", offer: offerOf(client), trace: null, content: null }),
  "offer_contribution to another round": (client) => ({
    ...{ type: "offer_contribution", offer: offerOf(client, 5), trace: null, content: null },
  }),
  put_chunk: (client) => ({ type: "put_chunk", id: offerOf(client).id, index: 0, content: update }),
  report_evaluation: () => ({ type: "report_evaluation", round: 1, samples: 5, loss: 1, accuracy: 0.5 }),
  leave: () => ({ type: "leave", reason: "the page is closed" }),
};
/** What each request may be answered with, ever. */
const legal: Readonly<Record<string, readonly ClientReply["type"][]>> = {
  check_in: ["checked_in"],
  answer_offer: ["offer_noted"],
  fetch_manifest: ["manifest", "gone"],
  fetch_chunk: ["chunk", "gone"],
  offer_contribution: ["send_chunks", "answered"],
  put_chunk: ["chunk_kept", "answered", "gone"],
  report_evaluation: ["noted"],
  leave: ["noted"],
};

describe("whatever a client asks", () => {
  for (const phase of phases) {
    it(`${phase}: it gets a legal answer`, async () => {
      for (const [name, request] of Object.entries(requests)) {
        for (const client of ["m1", "stranger"]) {
          const scene = await sceneIn(phase);
          const asked = request(client);
          const reply = await scene.ask(client, asked);
          await scene.aggregator.close();
          const what = `${name} of ${client}, ${phase}`;
          if (phase === "closed") {
            expect(reply, what).toMatchObject({ code: "transport_lost" });
            continue;
          }
          if (reply instanceof Error) throw new Error(`${what}: ${reply.message}`, { cause: reply });
          expect(legal[asked.type], `${what}: ${reply.type}`).toContain(reply.type);
          expect(decodeMessage(encodeMessage(reply), clientReplySchema), what).toEqual(reply);
        }
      }
    });
  }
});

describe("a member that means harm", () => {
  const offering = (offer: ReturnType<typeof offerOf>): ClientRequest => ({
    ...{ type: "offer_contribution", offer, trace: null, content: null },
  });

  it("cannot take the place of another's upload, nor have it refused", async () => {
    const scene = await sceneIn("reporting");
    const { id } = offerOf("m2");
    expect(await scene.ask("m2", offering(offerOf("m2")))).toMatchObject({ type: "send_chunks" });
    const other = describeVector(new Uint8Array(update.length));
    const stolen = await scene.ask("m1", offering({ ...offerOf("m1"), id, content: other }));
    expect(stolen).toMatchObject({ answer: { kind: "rejected", cause: "bad_offer" } });
    const last = await scene.ask("m2", { type: "put_chunk", id, index: 0, content: update });
    expect(last).toMatchObject({ answer: { kind: "accepted" } });
    await scene.aggregator.close();
  });

  it("is not asked for a while when it sends what it did not announce", async () => {
    const scene = await sceneIn("reporting");
    const { id } = offerOf("m1");
    await scene.ask("m1", offering(offerOf("m1")));
    for (let tries = 0; tries < 4; tries += 1) {
      const damaged = { type: "put_chunk", id, index: 0, content: new Uint8Array(update.length) } as const;
      expect(await scene.ask("m1", damaged)).toMatchObject({ answer: { cause: "damaged" } });
    }
    expect(await scene.ask("m1", { type: "check_in", device })).toMatchObject({ type: "turned_away", isFinal: false });
    await scene.aggregator.close();
  });

  it("cannot keep a round from its end by what it says of itself", async () => {
    const scene = await sceneIn("reporting");
    const measured = { type: "report_evaluation", round: 1, samples: 2 ** 53 - 1, loss: 1e308, accuracy: 1 } as const;
    await scene.ask("m1", measured);
    await scene.ask("m2", { ...measured, loss: 1 });
    // Half a character: JSON has none, so neither has a record.
    await scene.ask("m1", { type: "leave", reason: "gone \ud83d" });
    await runSimulation(scene.clock, { forMs: 70_000 });
    expect(scene.aggregator.describe()).toMatch(/^round [23]/);
    await scene.aggregator.close();
  });
});

describe("an aggregator's answers", () => {
  it("to a stranger's contribution is that nobody asked it", async () => {
    const scene = await sceneIn("reporting");
    const reply = await scene.ask("stranger", {
      type: "offer_contribution",
      offer: offerOf("stranger"),
      trace: null,
      content: null,
    });
    expect(reply).toMatchObject({ answer: { kind: "rejected", cause: "not_a_member" } });
    await scene.aggregator.close();
  });

  it("to a contribution that is sent again is that it is there", async () => {
    const scene = await sceneIn("reporting");
    expect(await scene.contribute("m1")).toMatchObject({ answer: { kind: "accepted", weight: 3 } });
    const again = await scene.ask("m1", {
      type: "offer_contribution",
      offer: offerOf("m1"),
      trace: null,
      content: null,
    });
    expect(again).toMatchObject({ answer: { kind: "duplicate", accepted: true } });
    await scene.aggregator.close();
  });

  it("to an answer to another round leaves this one as it is", async () => {
    const scene = await sceneIn("reporting");
    await scene.ask("m1", answer(7, false));
    expect(scene.aggregator.describe()).toContain("m1");
    await scene.aggregator.close();
  });

  it("to a client that declines is when it may be asked again, and its check-ins are told no less", async () => {
    const scene = await sceneIn("configuring");
    const declined = { type: "offer_noted", isMember: false, reportWithinMs: 0, values: null, comeBackAfterMs: 2_000 };
    expect(await scene.ask("m1", answer(1, false))).toEqual(declined);
    await runSimulation(scene.clock, { forMs: 900 });
    const reply = (await scene.ask("m1", { type: "check_in", device })) as Extract<ClientReply, { leaseMs: number }>;
    expect(reply.comeBackAfterMs).toBeGreaterThanOrEqual(1_000);
    // Two check-ins may be lost.
    expect(reply.leaseMs).toBeGreaterThanOrEqual(3 * reply.comeBackAfterMs);
    // What comes twice is counted once.
    expect(await scene.ask("m1", answer(1, false))).not.toHaveProperty("comeBackAfterMs");
    await scene.aggregator.close();
  });

  it("to a device that lacks memory, samples or an encoding is final", async () => {
    const scene = await sceneIn("selecting");
    for (const lacking of [{ memoryBytes: 4e8 }, { samples: 0 }, { encodings: ["zip"] }]) {
      const reply = await scene.ask("m1", { type: "check_in", device: { ...device, ...lacking } });
      expect(reply).toMatchObject({ type: "turned_away", isFinal: true });
    }
    const checkIn = (memoryBytes: number) => scene.ask("m1", { type: "check_in", device: { ...device, memoryBytes } });
    const reason = "training takes 500000000 bytes, the device has 499999999";
    expect(await checkIn(5e8 - 1)).toMatchObject({ type: "turned_away", isFinal: true, reason });
    expect(await checkIn(5e8)).toMatchObject({ type: "checked_in" });
    await scene.aggregator.close();
  });

  it("says what the round waits for", async () => {
    const said: (string | undefined)[] = [];
    for (const phase of phases.slice(0, -1)) {
      const scene = await sceneIn(phase);
      said.push(scene.aggregator.describe());
      await scene.aggregator.close();
    }
    expect(said).toEqual([
      undefined,
      expect.stringMatching(/^before round 1: 0 clients are idle, 1 is needed, for 0 s$/),
      expect.stringMatching(/^round 1: 1 of 2 clients are idle, \d+ s left$/),
      expect.stringMatching(
        /^round 1: 2 of 2 clients have not answered \(m\d, m\d\), \d+ s left, then it is given up$/,
      ),
      expect.stringMatching(/^round 1: waits for 2 of 2 contributions \(m\d, m\d\), \d+ s left, then one is enough$/),
      "round 1: puts 2 contributions together",
    ]);
  });

  it("are told to clients whose round is over for them", async () => {
    const scene = await sceneIn("configuring");
    await scene.aggregator.finish("enough");
    await runSimulation(scene.clock, { forMs: 50 });
    const told = scene.notices.filter(({ client }) => client === "m1").map(({ notice }) => notice);
    expect(told).toContainEqual(expect.objectContaining({ type: "round_over", round: 1, reason: "enough" }));
    expect(told).toContainEqual({ type: "task_over", reason: "enough", model: null });
    await scene.aggregator.close();
  });
});
