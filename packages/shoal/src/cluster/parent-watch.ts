/** The child's half of `child-node.ts`: reports to the parent and ends when the parent says so or is gone. */
import type { ReadyMessage, StopMessage } from "./child-node.ts";

/** Tells the parent, if there is one, that this process serves. */
export function reportReady(detail: Readonly<Record<string, string>>): void {
  process.send?.({ type: "ready", detail } satisfies ReadyMessage, undefined, undefined, () => undefined);
}

/** Settles with the reason when this process shall end: a signal, the parent's word, or the parent's death. */
export function stopRequested(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve(signal));
    if (process.send === undefined) return;
    const orphaned = (): void => resolve("the parent process is gone");
    process.once("disconnect", orphaned);
    // The parent may have ended while this process was still loading: that event is not repeated.
    if (!process.connected) orphaned();
    process.on("message", (message: StopMessage) => {
      if (message.type === "stop") resolve("the parent process said stop");
    });
  });
}
