/** Whether the lead went from one coordinator to another without a cause. */
import { coordinatorNode } from "@shoal/protocol";
import type { Mishap, Scenario } from "../scenario/scenario.ts";
import { storeNode } from "../world/reachability.ts";

/** @param leads how often a coordinator took the lead */
export function checkLead({ mishaps, store }: Scenario, leads: number): readonly string[] {
  const hasCause = store.lossRate > 0 || mishaps.some(({ mishap }) => mayEndLead(mishap));
  return hasCause || leads <= 1 ? [] : [`the lead was taken ${leads} times, and nothing has befallen who leads`];
}

function mayEndLead(mishap: Mishap): boolean {
  switch (mishap.kind) {
    case "crash":
    case "pause":
    case "clock jump":
    case "leave":
      return mishap.node === coordinatorNode;
    case "partition": {
      const { left, right } = mishap;
      return right === "*" || [...left, ...right].some((node) => node === coordinatorNode || node === storeNode);
    }
    case "all die":
      return true;
    case "never filled":
    case "disk full":
    case "join":
      return false;
  }
}
