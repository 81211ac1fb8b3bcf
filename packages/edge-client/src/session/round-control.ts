/** SCAFFOLD's part of a round: this client's control, the change that goes with its update, and what is kept of both. */
import { ShoalError } from "@shoal/errors";
import { agreedEncoding } from "./agreed-encoding.ts";
import { decline } from "./decline.ts";
import { createOwnControl, type ControlBegun, type ControlledOffer } from "./own-control.ts";
import type { RoundOutcome, RoundRoom } from "./round-room.ts";

/** A client without its control is of no use to the round. */
export type Declined = Extract<RoundOutcome, { readonly kind: "let_go" }> & { readonly comeBackAfterMs: number };

interface RoundFacts {
  /** Name of the updates' encoding. */
  readonly encoding: string;
  /** What the round's random choices follow from. */
  readonly draw: number;
}

interface ChangedControl {
  /** The change, as it is sent. */
  readonly content: Uint8Array;
  /** What the round leaves. */
  readonly left: ControlBegun;
}

export interface RoundControl {
  /** What it is for this round. A server that has no use for it is told. @throws ShoalError cancelled */
  begin(): Promise<ControlBegun | Declined>;
  /**
   * The change goes with the update, in the same encoding.
   * @param change - [size] float32, borrowed; of this round
   * @throws ShoalError invalid_argument - the trainer knows no controls
   */
  renew(facts: RoundFacts, begun: ControlBegun, change: Float32Array | undefined): Promise<ChangedControl>;
  /** @param left - borrowed */
  keep(left: ControlBegun): Promise<void>;
  /** The round's contribution was taken. */
  confirm(): Promise<void>;
}

const without = {
  too_far_back: "the run has gone back further than this client has kept its control variate",
  later_epoch:
    "this client's control variate began later than the run's, which has gone back before that, or is served by a machine whose " +
    "clock is behind",
};

export function createRoundControl(room: RoundRoom, offer: ControlledOffer): RoundControl {
  const { task, storage, plane, signal } = room;
  const kept = createOwnControl(storage, task.task);
  return {
    async begin() {
      const begun = await kept.before(offer, task.size);
      if (typeof begun === "object") return begun;
      const reason = without[begun];
      const refusal = { round: offer.round, reason, lostControl: true } as const;
      return { kind: "let_go", reason, comeBackAfterMs: await decline(plane, refusal, signal) };
    },
    renew: (facts, begun, change) => renew(room, facts, begun, change),
    keep: (left) => kept.keep(offer, left),
    confirm: () => kept.confirm(offer),
  };
}

async function renew(
  { codec, task }: RoundRoom,
  { encoding, draw }: RoundFacts,
  { own, unsent }: ControlBegun,
  change: Float32Array | undefined,
): Promise<ChangedControl> {
  if (change?.length !== task.size) {
    throw new ShoalError("invalid_argument", "this trainer has no control variates", { field: "local.correction" });
  }
  const options = { draw, leftOver: unsent, plain: task.plain };
  const { content, leftOver } = await codec.encode(agreedEncoding(task.up, encoding), change, options);
  const renewed = own.map((value, key) => value + (change[key] ?? 0));
  return { content, left: { own: renewed, unsent: leftOver ?? new Float32Array(task.size) } };
}
