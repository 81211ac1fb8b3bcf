/** What differs between Node and pages, for whoever joins a task there. */
import type { ThreadPort, ToNetwork } from "./join-messages.ts";

/** That training may take where neither the program nor the device says: half of what a small phone gives a tab. */
export const usualMemoryBytes: number = 256 * 2 ** 20;

/** A thread that was started. */
export interface JoinThread {
  readonly port: ThreadPort;
  /** @param tell - told what it said, if it dies by itself */
  onDeath(tell: (reason: string) => void): void;
  terminate(): void;
}

export interface Claim {
  /** null: in memory. */
  readonly storage: string | null;
  readonly release: () => void;
}

export interface JoinPlace {
  /** Which device this is, for people. */
  readonly platform: string;
  /** That training may take where nobody says how many. */
  readonly memoryBytes: number;
  start(thread: "network" | "compute"): JoinThread;
  /** Where this client may keep things, of what the program asks for. */
  claim(storage: string | null | undefined): Promise<Claim>;
  /** Passes on what the network's thread does not hear of by itself. @returns stops */
  readonly watch: (tell: (message: ToNetwork) => void) => () => void;
}
