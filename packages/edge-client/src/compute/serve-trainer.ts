/** The compute thread's end: trains when the client's thread asks. */
import { ShoalError } from "@shoal/errors";
import type { LocalTrainer } from "../session/local-training.ts";
import type { ComputePort, FromCompute, ToCompute } from "./compute-messages.ts";

/** Serves a trainer at `port` from now on. The trainer must let messages in while it trains (`pause`). */
export function serveTrainer(port: ComputePort, trainer: LocalTrainer): void {
  const running = new Map<number, AbortController>();
  const say = (message: FromCompute, transfer: ArrayBuffer[] = []): void => port.postMessage(message, { transfer });
  const answer = (call: number, work: () => Promise<void>): void => {
    work().catch((error: unknown) => say({ type: "failed", call, error: ShoalError.from(error).toJSON() }));
  };
  port.addEventListener("message", ({ data }) => {
    const message = data as ToCompute;
    switch (message.type) {
      case "greet":
        return say({ type: "ready", samples: trainer.samples, testSamples: trainer.testSamples });
      case "train":
        return answer(message.call, () => train(message));
      case "evaluate": {
        const { call, task, own } = message;
        return answer(call, async () => {
          say({ type: "measured", call, measurement: await trainer.evaluate(task, own) });
        });
      }
      case "stop":
        return running.get(message.call)?.abort();
      case "close":
        for (const each of running.values()) each.abort();
        void trainer.close();
    }
  });
  port.start?.();

  async function train({ call, task, work }: Extract<ToCompute, { readonly type: "train" }>): Promise<void> {
    const stopping = new AbortController();
    running.set(call, stopping);
    try {
      const onProgress = (progress: { readonly epoch: number; readonly loss: number }): void =>
        say({ type: "progress", call, ...progress });
      const result = await trainer.train(task, { ...work, signal: stopping.signal, onProgress });
      const { buffer } = result.update;
      say({ type: "trained", call, result }, buffer instanceof ArrayBuffer ? [buffer] : []);
    } finally {
      running.delete(call);
    }
  }
}
