/** The client of this tab, in a worker: a page that is scrolled, hidden or drawn on does not hold it up. */
import { createSystemRandom, systemClock, type Timer } from "@shoal/actors/browser";
import {
  connectEdge,
  createClientKey,
  createInlineTrainer,
  createMemoryStorage,
  createUpdateCodec,
  join,
  openIndexedDbStorage,
  type EdgeConnection,
  type Session,
  type SessionEvent,
} from "@shoal/edge-client";
import { isShoalError, ShoalError } from "@shoal/errors";
import { loadKernelModules } from "@shoal/kernels-wasm";
import type { FromClient, ToClient } from "./client-messages.ts";
import { createLocalData, picturesOf } from "./local-data.ts";
import { createRecogniser, type Recogniser } from "./recogniser.ts";

type Start = Extract<ToClient, { readonly type: "start" }>;

const trafficEveryMs = 500;
/** Where nobody serves a task yet, or nobody answers. */
const tryAgainMs = 2_000;

const random = createSystemRandom();
const stopping = new AbortController();
let session: Session | undefined;
let recogniser: Recogniser | undefined;
let isInRound = false;

const say = (message: FromClient): void => postMessage(message);

addEventListener("message", ({ data }: MessageEvent<ToClient>) => {
  if (data.type === "start") void start(data).catch(fail);
  else if (data.type === "stop") stop();
  else if (data.type === "page_goes") leaveIfIdle();
  else {
    const shares = recogniser?.recognise(data.pixels);
    if (shares !== undefined) say({ type: "recognised", shares });
  }
});

function stop(): void {
  stopping.abort();
  void session?.close();
}

/** In the middle of a round it says nothing: a page that is loaded again goes on with it; else the round has a deadline. */
function leaveIfIdle(): void {
  if (!isInRound) stop();
}

function hear(event: SessionEvent): void {
  if (event.type === "offered") isInRound = true;
  if (event.type === "answered" || event.type === "let_go") isInRound = false;
  say({ type: "event", event });
}

function fail(error: unknown): void {
  const { message } = ShoalError.from(error);
  say({ type: "stopped", reason: message.replace(/^\[[a-z_]+\] /, "") });
}

async function start({ origin, ticket, data, memoryBytes, ...known }: Start): Promise<void> {
  const { train, test } = createLocalData(data);
  const seed = known.seed ?? createClientKey();
  if (known.seed === null) say({ type: "key", seed });
  const modules = await loadKernelModules();
  recogniser = createRecogniser(modules, picturesOf(train));
  const trainer = recogniser.watch(
    createInlineTrainer({
      ...{ modules, data: train, pause: breathe, memoryBytes },
      ...(test !== undefined && { testData: test }),
    }),
  );
  const { enrolment, plane, traffic } = await connectPatiently({ origin, ticket, seed });
  const { pass: _secret, ...told } = enrolment;
  say({ type: "enrolled", enrolment: told, samples: train.count });
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
    ...{ task: enrolment.task, client: enrolment.client, plane, trainer, codec: createUpdateCodec(modules) },
    device: { memoryBytes, platform: "browser" },
    onEvent: hear,
  });
  if (stopping.signal.aborted) void session.close();
  const reason = await session.ended;
  counting?.cancel();
  say({ type: "traffic", ...traffic() });
  say({ type: "stopped", reason });
}

type Whom = Pick<Parameters<typeof connectEdge>[0], "origin" | "ticket" | "seed">;

/** Until there is a task: a page may be opened before it is submitted. */
async function connectPatiently(whom: Whom): Promise<EdgeConnection> {
  for (;;) {
    try {
      return await connectEdge({ ...whom, clock: systemClock, random, onRefused: refused });
    } catch (error) {
      const passes = isShoalError(error, "run_not_found") || isShoalError(error, "transport_lost");
      if (!passes || stopping.signal.aborted) throw error;
      await new Promise((resolve) => systemClock.after(tryAgainMs, () => resolve(undefined)));
    }
  }
}

function refused(error: ShoalError): void {
  stop();
  fail(error);
}

const channel = new MessageChannel();
const breathing: (() => void)[] = [];
channel.port1.onmessage = () => breathing.shift()?.();

/** Lets messages in. A timer would wait for 4 ms after each step. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    breathing.push(resolve);
    channel.port2.postMessage(null);
  });
}
