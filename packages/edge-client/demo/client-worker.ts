/** The client of this tab, in a worker: neither the page nor the training holds it up. */
import { createSystemRandom, systemClock, type Timer } from "@shoal/actors/browser";
import {
  connectEdge,
  createClientKey,
  createComputeTrainer,
  createMemoryStorage,
  createUpdateCodec,
  join,
  openIndexedDbStorage,
  type EdgeConnection,
  type ReconnectHints,
  type Session,
  type SessionEvent,
} from "@shoal/edge-client";
import { isShoalError, ShoalError } from "@shoal/errors";
import { loadKernelModules } from "@shoal/kernels-wasm";
import type { FromClient, ToClient } from "./client-messages.ts";
import { sentenceOf } from "./describe-event.ts";

type Start = Extract<ToClient, { readonly type: "start" }>;

const trafficEveryMs = 500;
/** Where nobody serves a task yet, nobody answers, or others of this address have all the places. */
const mayPass = ["run_not_found", "transport_lost", "no_capacity"] as const;
const tryAgainMs = 2_000;

const random = createSystemRandom();
const stopping = new AbortController();
let session: Session | undefined;
let isInRound = false;
/** For good: this device, or its data, do not suit the task. */
let wasTurnedAway = false;

const say = (message: FromClient): void => postMessage(message);

addEventListener("message", ({ data }: MessageEvent<ToClient>) => {
  if (data.type === "start") void start(data).catch(fail);
  else if (data.type === "stop") stop();
  else if (data.type === "page_goes") leaveIfIdle();
});

/** The page's. */
const hints: ReconnectHints = {
  listen(onHint) {
    const hear = ({ data }: MessageEvent<ToClient>): void => {
      if (data.type === "reconnect_hint") onHint();
    };
    addEventListener("message", hear);
    return () => removeEventListener("message", hear);
  },
};

/** Who is not in yet has nobody to say goodbye to: it does not wait for an answer to what it has asked. */
function stop(): void {
  stopping.abort();
  if (session === undefined) say({ type: "stopped", end: "left", reason: "", modelHash: "" });
  else void session.close();
}

/** In the middle of a round it says nothing: a page that is loaded again goes on with it; else the round has a deadline. */
function leaveIfIdle(): void {
  if (!isInRound) stop();
}

function hear(event: SessionEvent): void {
  if (event.type === "offered") isInRound = true;
  if (event.type === "answered" || event.type === "let_go") isInRound = false;
  if (event.type === "turned_away") wasTurnedAway = event.isFinal && event.over === undefined;
  say({ type: "event", event });
}

function fail(error: unknown): void {
  say({ type: "stopped", end: isRefusal(error) ? "refused" : "failed", reason: reasonOf(error), modelHash: "" });
}

function reasonOf(error: unknown): string {
  return sentenceOf(ShoalError.from(error).message);
}

/** Trying again would end alike. */
function isRefusal(error: unknown): boolean {
  return (["unauthenticated", "permission_denied", "update_needed"] as const).some((code) => isShoalError(error, code));
}

async function start({ origin, ticket, memoryBytes, compute, ...known }: Start): Promise<void> {
  const seed = known.seed ?? createClientKey();
  if (known.seed === null) say({ type: "key", seed });
  const modules = await loadKernelModules();
  const trainer = await createComputeTrainer({ port: compute, clock: systemClock });
  const { enrolment, plane, traffic } = await connectPatiently({ origin, ticket, seed });
  const { pass: _secret, ...told } = enrolment;
  say({ type: "enrolled", enrolment: told, samples: trainer.samples });
  let counting: Timer | undefined;
  const count = (): void => {
    say({ type: "traffic", ...traffic() });
    counting = systemClock.after(trafficEveryMs, count);
  };
  count();
  // Where the browser keeps nothing, a reload begins afresh.
  const storage = await openIndexedDbStorage(`shoal ${enrolment.client}`).catch(() => createMemoryStorage());
  session = join({
    storage,
    ...{
      task: enrolment.task,
      client: enrolment.client,
      plane,
      trainer,
      codec: createUpdateCodec(modules, memoryBytes),
    },
    device: { memoryBytes, platform: "browser" },
    onEvent: hear,
  });
  if (stopping.signal.aborted) void session.close();
  const own = session;
  const reason = await own.ended;
  counting?.cancel();
  say({ type: "traffic", ...traffic() });
  const end = wasTurnedAway ? "refused" : stopping.signal.aborted ? "left" : "over";
  say({ type: "stopped", end, reason, modelHash: own.model()?.hash ?? "" });
}

type Whom = Pick<Parameters<typeof connectEdge>[0], "origin" | "ticket" | "seed">;

/** Until there is a task: a page may be opened before it is submitted. */
async function connectPatiently(whom: Whom): Promise<EdgeConnection> {
  for (;;) {
    try {
      return await connectEdge({ ...whom, clock: systemClock, random, hints, onRefused: refused });
    } catch (error) {
      if (!mayPass.some((code) => isShoalError(error, code)) || stopping.signal.aborted) throw error;
      say({ type: "nobody", reason: reasonOf(error) });
      await new Promise((resolve) => systemClock.after(tryAgainMs, () => resolve(undefined)));
    }
  }
}

function refused(error: ShoalError): void {
  fail(error);
  void session?.close();
}
