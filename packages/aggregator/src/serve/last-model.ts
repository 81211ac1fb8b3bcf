/** The end of a task: clients fetch its last values before whoever has them is gone. */
import type { LastModel } from "@shoal/federated";
import type { Room } from "./room.ts";

/** Nobody has asked for so long: whoever wanted them has them. */
const quietMs = 750;
/** However many still ask. */
const mostMs = 60_000;
const lookEveryMs = 50;

/** Where a task that is over has its last values, and when somebody asked for them last. */
export interface LastValues {
  model: LastModel | null;
  /** Why the task is over; undefined: it is not. */
  over: string | undefined;
  askedAtMs: number;
}

/** Settles when all clients have gone, none asks any more, or after a minute. */
export async function serveLast({ last, registry, clock }: Room): Promise<void> {
  if (last.model === null) return;
  last.askedAtMs = clock.now();
  const untilMs = clock.now() + mostMs;
  while (registry.size > 0 && clock.now() < untilMs && clock.now() - last.askedAtMs < quietMs) {
    await new Promise<void>((resolve) => void clock.after(lookEveryMs, resolve));
  }
}
