/** Has the digits of this tab, and trains on them: in a worker of its own, so that a step holds up no message. */
import { createInlineTrainer, serveTrainer, type LocalTrainer } from "@shoal/edge-client";
import { ShoalError } from "@shoal/errors";
import { loadKernelModules } from "@shoal/kernels-wasm";
import type { FromCompute, ToCompute } from "./client-messages.ts";
import { sentenceOf } from "./describe-event.ts";
import type { DrawnDigit } from "./drawing-pad.ts";
import { openLocalData, picturesOf, type LocalData } from "./local-data.ts";
import { createRecogniser, type Recogniser } from "./recogniser.ts";

let recogniser: Recogniser | undefined;
/** Takes a digit more. */
let take: ((digit: DrawnDigit) => void) | undefined;

const say = (message: FromCompute): void => postMessage(message);

addEventListener("message", ({ data }: MessageEvent<ToCompute>) => {
  switch (data.type) {
    case "load":
      return void load(data).catch(fail);
    case "drawn":
      return take?.(data.digit);
    case "recognise": {
      const shares = recogniser?.recognise(data.pixels);
      if (shares !== undefined) say({ type: "recognised", shares });
    }
  }
});

type Load = Extract<ToCompute, { readonly type: "load" }>;

async function load({ data, drawn, memoryBytes, client }: Load): Promise<void> {
  const digits = openLocalData(data);
  const first = digits(drawn);
  const modules = await loadKernelModules();
  const all = [...drawn];
  const trainerOf = ({ train, test }: LocalData): LocalTrainer =>
    createInlineTrainer({
      ...{ modules, data: train, pause: breathe, memoryBytes },
      ...(test !== undefined && { testData: test }),
    });
  let newest = trainerOf(first);
  take = (digit) => {
    all.push(digit);
    newest = trainerOf(digits(all));
  };
  recogniser = createRecogniser(modules, picturesOf(first.train));
  const trainer: LocalTrainer = {
    ...{ samples: newest.samples, testSamples: newest.testSamples },
    train: (task, work) => newest.train(task, work),
    evaluate: (task, own) => newest.evaluate(task, own),
    close: () => newest.close(),
  };
  serveTrainer(client, recogniser.watch(trainer));
}

function fail(error: unknown): void {
  say({ type: "failed", reason: sentenceOf(ShoalError.from(error).message) });
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
