/** What a client's exchanges moved: bytes as the vectors are, bytes as they were written, and what that lost. */
import type { Traffic } from "@shoal/protocol";

/** One payload. */
export interface Moved {
  readonly direction: "push" | "pull";
  /** Name of the encoding, or the form in which values came. */
  readonly encoding: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** ‖error‖ / ‖vector‖ of an encoded push. */
  readonly relativeError?: number | undefined;
}

export const noTraffic: Traffic = {
  pushedBefore: 0,
  pushedAfter: 0,
  pulledBefore: 0,
  pulledAfter: 0,
  errorSum: 0,
  errors: 0,
};

export function addMoved(traffic: Traffic, moved: Moved): Traffic {
  const { direction, bytesBefore, bytesAfter, relativeError } = moved;
  const pushes = direction === "push" ? 1 : 0;
  return {
    pushedBefore: traffic.pushedBefore + pushes * bytesBefore,
    pushedAfter: traffic.pushedAfter + pushes * bytesAfter,
    pulledBefore: traffic.pulledBefore + (1 - pushes) * bytesBefore,
    pulledAfter: traffic.pulledAfter + (1 - pushes) * bytesAfter,
    errorSum: traffic.errorSum + (relativeError ?? 0),
    errors: traffic.errors + (relativeError === undefined ? 0 : 1),
  };
}

export interface TrafficCount {
  add(moved: Moved): void;
  /** What was added since the last call. */
  take(): Traffic;
}

export function createTrafficCount(): TrafficCount {
  let traffic = noTraffic;
  return {
    add(moved) {
      traffic = addMoved(traffic, moved);
    },
    take() {
      const taken = traffic;
      traffic = noTraffic;
      return taken;
    },
  };
}
