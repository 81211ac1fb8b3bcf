/** Has the digits of this tab, and trains on them: in a worker of its own, so that a step holds up no message. */
import { createInlineTrainer, serveTrainer } from "@shoal/edge-client";
import { ShoalError } from "@shoal/errors";
import { loadKernelModules } from "@shoal/kernels-wasm";
import type { FromCompute, ToCompute } from "./client-messages.ts";
import { createLocalData, picturesOf } from "./local-data.ts";
import { createRecogniser, type Recogniser } from "./recogniser.ts";

let recogniser: Recogniser | undefined;

const say = (message: FromCompute): void => postMessage(message);

addEventListener("message", ({ data }: MessageEvent<ToCompute>) => {
  if (data.type === "load") void load(data).catch(fail);
  else {
    const shares = recogniser?.recognise(data.pixels);
    if (shares !== undefined) say({ type: "recognised", shares });
  }
});

async function load({ data, memoryBytes, client }: Extract<ToCompute, { readonly type: "load" }>): Promise<void> {
  const { train, test } = createLocalData(data);
  const modules = await loadKernelModules();
  recogniser = createRecogniser(modules, picturesOf(train));
  const trainer = createInlineTrainer({
    ...{ modules, data: train, pause: breathe, memoryBytes },
    ...(test !== undefined && { testData: test }),
  });
  serveTrainer(client, recogniser.watch(trainer));
}

function fail(error: unknown): void {
  const { message } = ShoalError.from(error);
  say({ type: "failed", reason: message.replace(/^\[[a-z_]+\] /, "") });
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
