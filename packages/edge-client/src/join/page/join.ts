/** Joining a task in a page: both threads are dedicated workers, which need no cross-origin isolation. */
import type { Split } from "@shoal/models";
import { createBrowserHints } from "../../nats/reconnect-hints.ts";
import { usualMemoryBytes, type JoinPlace, type JoinThread } from "../join-place.ts";
import type { JoinedSession, JoinOptions, JoinTask, TrainingData } from "../join-task.ts";
import { joinOnThreads } from "../join-threads.ts";
import { claimDatabase } from "./claim-database.ts";

const shareOfMemory = 1 / 8;

/** As `join` of Node has it. */
export function join(task: JoinTask, data: Split | TrainingData, options: JoinOptions = {}): Promise<JoinedSession> {
  const { deviceMemory } = navigator as { readonly deviceMemory?: number };
  const place: JoinPlace = {
    platform: "browser",
    memoryBytes: deviceMemory === undefined ? usualMemoryBytes : Math.floor(deviceMemory * 2 ** 30 * shareOfMemory),
    // Each written in one, and with the names that the files have when they are built, as bundlers know workers.
    start: (thread) =>
      thread === "network"
        ? threadOf(new Worker(new URL("./network-worker.js", import.meta.url), { type: "module" }))
        : threadOf(new Worker(new URL("./compute-worker.js", import.meta.url), { type: "module" })),
    claim: claimDatabase,
    watch(tell) {
      const stopHints = createBrowserHints().listen(() => tell({ type: "reconnect_hint" }));
      const goes = (event: Event): void => {
        // A page that is kept for "back" goes on when it is shown again.
        if (!("persisted" in event && event.persisted === true)) tell({ type: "page_goes" });
      };
      addEventListener("pagehide", goes);
      return () => {
        stopHints();
        removeEventListener("pagehide", goes);
      };
    },
  };
  return joinOnThreads(place, task, data, options);
}

function threadOf(worker: Worker): JoinThread {
  return {
    port: worker,
    onDeath(tell) {
      worker.addEventListener("error", ({ message }) => tell(message || "its script did not load"));
    },
    terminate: () => worker.terminate(),
  };
}
