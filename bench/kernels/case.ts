/** One kernel at one size, with those it is measured against. */
import type { Aim } from "../frame/report.ts";
import type { Contestant } from "../frame/turns.ts";
import type { Peers } from "../peers/install.ts";
import type { Site } from "./site.ts";

export interface Rival extends Contestant {
  /** A limit is what the machine can do, a peer another library, plain a loop in JavaScript or our other build. */
  readonly kind: "limit" | "peer" | "plain";
  /** What this rival does in one call, in the case's unit; default what the kernel does. */
  readonly amount?: number;
  readonly aim?: Aim;
}

type Unit = "GFLOP/s" | "GB/s" | "M/s";

export interface Contest {
  readonly unit: Unit;
  /** Floating-point operations, bytes or things of one call. */
  readonly amount: number;
  readonly kernel: () => void;
  readonly rivals: readonly Rival[];
  /** Aim for the ratio to whichever of the peers is fastest. */
  readonly bestPeer?: Aim;
  /** Gives back what the peers hold. */
  readonly release?: () => void | Promise<void>;
}

/** What a case is made with. */
export interface Stage {
  readonly site: Site;
  readonly peers: Peers;
}

export interface KernelCase {
  readonly name: string;
  create(stage: Stage): Contest | Promise<Contest>;
}

export const atLeast = (ratio: number): Aim => ({ kind: "at_least", ratio });

/** Amounts per second in the unit's thousands. */
export function rateOf(unit: Unit, amount: number, ms: number): number {
  return amount / ms / (unit === "M/s" ? 1e3 : 1e6);
}
