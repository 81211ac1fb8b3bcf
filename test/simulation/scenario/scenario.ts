/** What a simulated cluster goes through: plain data, drawn from a seed. */
import type { NetworkSettings } from "@shoal/actors";
import type { CoordinatorSettings } from "@shoal/coordinator";
import type { JobSpec } from "@shoal/protocol";
import type { Plane } from "../world/reachability.ts";

export type Mishap =
  /** A process is gone without a goodbye; `silent`: with its machine, so that nobody is told. */
  | { readonly kind: "crash"; readonly node: string; readonly silent: boolean; readonly backAfterMs: number | null }
  /** A process stands still. */
  | { readonly kind: "pause"; readonly node: string; readonly forMs: number }
  | {
      readonly kind: "partition";
      readonly planes: readonly Plane[];
      readonly left: readonly string[];
      readonly right: readonly string[] | "*";
      readonly oneWay: boolean;
      readonly forMs: number;
    }
  /** A process's clock goes forward at once. */
  | { readonly kind: "clock jump"; readonly node: string; readonly byMs: number }
  /** It says goodbye; a server gives what it holds to others first. */
  | { readonly kind: "leave"; readonly node: string }
  /**
   * Everything dies at once. What comes up later has so many servers and workers, and the store that was there or an empty
   * one: then somebody has to ask for the run again.
   */
  | {
      readonly kind: "all die";
      readonly keepsStore: boolean;
      readonly backAfterMs: number;
      readonly servers: number;
      readonly workers: number;
    }
  /** A server lives and answers, and keeps nothing of the states that it is sent: it never catches up with a copy. */
  | { readonly kind: "never filled"; readonly node: string; readonly forMs: number }
  /** The place of the snapshots takes nothing more. */
  | { readonly kind: "disk full"; readonly forMs: number }
  | { readonly kind: "join"; readonly node: string };

/** When: at this moment, or when so many messages have arrived, just before anybody hears the last one. */
export type Moment = { readonly atMs: number } | { readonly atMessage: number };

/** How the data plane is: each figure a probability or milliseconds. */
export interface DataPlane {
  readonly fastestMs: number;
  readonly slowestMs: number;
  /** Of requests; half of them before they have taken effect, half after it. */
  readonly lossRate: number;
  readonly duplicateRate: number;
  /** Requests that arrive when their sender has given them up, or soon. */
  readonly strayRate: number;
  readonly longestStrayMs: number;
}

export interface StoreTrouble {
  readonly slowestMs: number;
  /** Of requests without an answer; half of them have taken effect. */
  readonly lossRate: number;
}

/** How the place of the snapshots is. */
export interface DiskTrouble {
  readonly slowestMs: number;
  /** Of requests without an answer; half of them have taken effect. */
  readonly lossRate: number;
}

export interface Scenario {
  /** Its kind and seed. */
  readonly name: string;
  readonly job: JobSpec;
  /** Contributions of one step. */
  readonly slots: number;
  readonly samples: number;
  readonly servers: number;
  readonly workers: number;
  /** Coordinators that run from the start: one leads, the others wait. */
  readonly coordinators: number;
  readonly settings: Partial<CoordinatorSettings>;
  readonly bus: Partial<NetworkSettings>;
  readonly data: DataPlane;
  readonly store: StoreTrouble;
  /** Left out: there is no place for snapshots. */
  readonly disk?: DiskTrouble;
  readonly mishaps: readonly { readonly when: Moment; readonly mishap: Mishap }[];
  /** So long before everybody else the coordinators start, ms: 0 by default. */
  readonly headStartMs?: number;
  /** A run that is not over then hangs, ms. */
  readonly limitMs: number;
}
