import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chunksPresent } from "./chunk-set.ts";
import type { ContributionOffer } from "./contribution.ts";
import { beginUpload, createIntake, endUpload, expireUploads, receiveChunk, type Intake } from "./intake.ts";

const limits = { bytesOfClient: 100, bytesInAll: 150, idleMs: 1_000 };

function offer(id: string, client: string, bytes: number, hash = id): ContributionOffer {
  const content = { hash, bytes, chunkBytes: 40, chunkHashes: new Uint8Array(Math.ceil(bytes / 40) * 32) };
  const base = { task: "digits", round: 1, baseVersion: 0, samples: 5, steps: 1, loss: 1, encoding: "float32" };
  return { ...base, id, client, content };
}

function begin(intake: Intake, given: ContributionOffer, nowMs = 0): Intake {
  const decision = beginUpload(intake, given, nowMs);
  if (decision.kind === "no_room") throw new Error(decision.reason);
  return decision.intake;
}

describe("an intake", () => {
  it("goes on where an upload was left, and begins anew when its content is another", () => {
    let intake = begin(createIntake(limits), offer("x", "a", 80));
    intake = receiveChunk(intake, "x", 1, 5)?.intake ?? intake;
    const again = beginUpload(intake, offer("x", "a", 80), 10);
    expect(again.kind === "receive" && chunksPresent(again.upload.received)).toBe(1);
    const other = beginUpload(intake, offer("x", "a", 80, "trained again"), 10);
    expect(other.kind === "receive" && chunksPresent(other.upload.received)).toBe(0);
  });

  it("is complete with the last chunk, and passes over chunks of nothing", () => {
    const intake = begin(createIntake(limits), offer("x", "a", 80));
    const first = receiveChunk(intake, "x", 1, 1);
    expect(first?.isComplete).toBe(false);
    expect(receiveChunk(first?.intake ?? intake, "x", 0, 2)?.isComplete).toBe(true);
    expect(receiveChunk(intake, "x", 2, 1)).toBeUndefined();
    expect(receiveChunk(intake, "y", 0, 1)).toBeUndefined();
  });

  it("has no room beyond its bounds, and says whose fault that is", () => {
    const intake = begin(createIntake(limits), offer("x", "a", 80));
    expect(beginUpload(intake, offer("y", "a", 30), 0)).toMatchObject({ kind: "no_room", isClients: true });
    expect(beginUpload(intake, offer("z", "b", 80), 0)).toMatchObject({ kind: "no_room", isClients: false });
    expect(beginUpload(endUpload(intake, "x"), offer("z", "b", 80), 0).kind).toBe("receive");
  });

  it("forgets what nobody goes on with", () => {
    let intake = begin(begin(createIntake(limits), offer("x", "a", 40)), offer("y", "b", 40), 500);
    const { expired, intake: left } = expireUploads(intake, 1_001);
    expect(expired).toEqual(["x"]);
    intake = left;
    expect([...intake.uploads.keys()]).toEqual(["y"]);
  });

  it("never holds more than its bounds, whatever is offered", () => {
    const offers = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat({ max: 6 }), fc.nat({ max: 120 })));
    fc.assert(
      fc.property(offers, (all) => {
        let intake = createIntake(limits);
        for (const [client, number, bytes] of all) {
          const decision = beginUpload(intake, offer(`${client}${number}`, client, bytes, `${bytes}`), 0);
          if (decision.kind === "receive") ({ intake } = decision);
          const held = [...intake.uploads.values()];
          const sum = (of: typeof held): number =>
            of.reduce((bytesHeld, { offer: { content } }) => bytesHeld + content.bytes, 0);
          expect(sum(held)).toBeLessThanOrEqual(limits.bytesInAll);
          expect(sum(held.filter((upload) => upload.offer.client === client))).toBeLessThanOrEqual(
            limits.bytesOfClient,
          );
        }
      }),
    );
  });
});
