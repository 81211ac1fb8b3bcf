/**
 * One push of a whole vector whose exchanges begin bit by bit: shards of the last keys first, as a backward pass gives
 * their gradients.
 */
import { ShoalError } from "@shoal/errors";
import type { PullReply, PushReply } from "@shoal/protocol";
import type { PushPullOutcome } from "./contribution.ts";

export interface StagedPush {
  /** Begins the exchanges of all shards whose keys are ≥ `key`, in descending order; 0: of all that are left. */
  begin(key: number): void;
  /** Begins no more: the gradient will not be computed. `outcome` fails once those begun have settled. */
  abandon(error: ShoalError): void;
  /** Settles when every shard's exchange has, with the first error if there is one. `pulled` is empty without a pull. */
  readonly outcome: Promise<PushPullOutcome>;
}

/** What one shard answered. */
export interface ShardOutcome {
  readonly push: PushReply;
  readonly pull?: PullReply | undefined;
}

/**
 * @param begins the first key of each shard, ascending
 * @param exchange begins the exchange with the shard at a position; fails by its promise only
 */
export function createStagedPush(
  begins: readonly number[],
  exchange: (index: number) => Promise<ShardOutcome>,
): StagedPush {
  const begun: Promise<ShardOutcome>[] = Array.from({ length: begins.length });
  const whole = Promise.withResolvers<PushPullOutcome>();
  whole.promise.catch(() => undefined); // whoever computes may fail first, and never look at it
  let rest = begins.length;
  let isOver = false;
  const end = (): void => {
    isOver = true;
    whole.resolve(outcomeOf(begun));
  };
  return {
    begin(key) {
      while (!isOver && rest > 0 && (begins[rest - 1] ?? 0) >= key) {
        rest -= 1;
        const under = exchange(rest);
        under.catch(() => undefined); // looked at when all have begun
        begun[rest] = under;
      }
      if (rest === 0 && !isOver) end();
    },
    abandon(error) {
      if (isOver) return;
      isOver = true;
      void Promise.allSettled(begun).then(() => whole.reject(error));
    },
    outcome: whole.promise,
  };
}

async function outcomeOf(begun: readonly Promise<ShardOutcome>[]): Promise<PushPullOutcome> {
  const outcomes = (await Promise.allSettled(begun)).map((outcome) => {
    if (outcome.status === "rejected") throw ShoalError.from(outcome.reason);
    return outcome.value;
  });
  return {
    pushed: outcomes.map(({ push }) => push),
    pulled: outcomes.flatMap(({ pull }) => (pull === undefined ? [] : [pull.version])),
  };
}
