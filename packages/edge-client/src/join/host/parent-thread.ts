/** Whoever has started this thread of Node. */
import { parentPort } from "node:worker_threads";
import type { ThreadPort } from "../join-messages.ts";

/** @throws Error on a thread that nobody has started */
export function parentThread(): ThreadPort {
  const port = parentPort;
  if (port === null) throw new Error("this is a thread's entry: it cannot be run by itself");
  return {
    postMessage: (message, { transfer }) => port.postMessage(message, transfer as ArrayBuffer[]),
    addEventListener: (_type, listen) => void port.on("message", (data: unknown) => listen({ data })),
  };
}
