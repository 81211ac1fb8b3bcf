import { chunkRange, contributionId, describeVector, isComplete, type ContributionOffer } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { createContributionStore } from "./contribution-store.ts";

const chunkBytes = 8;
const bytesOf = (fill: number): Uint8Array => new Uint8Array(20).fill(fill);
const offerOf = (client: string, content: Uint8Array, round = 1): ContributionOffer => ({
  ...{
    id: contributionId(client, "t", round),
    task: "t",
    round,
    client,
    baseVersion: 0,
    samples: 1,
    steps: 1,
    loss: 0,
  },
  ...{ encoding: "float32", content: describeVector(content, chunkBytes) },
});
const part = ({ content }: ContributionOffer, of: Uint8Array, index: number): Uint8Array => {
  const { begin, end } = chunkRange(content, index);
  return of.subarray(begin, end);
};
const create = () => createContributionStore({ bytesOfClient: 40, bytesInAll: 60, idleMs: 100 });

describe("the store of contributions", () => {
  it("puts one together from its chunks in any order, and says what is there after a break", () => {
    const store = create();
    const content = Uint8Array.from({ length: 20 }, (_, index) => index);
    const offer = offerOf("a", content);
    store.begin(offer, 0);
    for (const index of [2, 0]) {
      expect(store.put("a", offer.id, index, part(offer, content, index), 1)).toEqual({ kind: "kept" });
    }
    const again = store.begin(offer, 2);
    expect(again).toMatchObject({ kind: "receive", received: { count: 3, bits: Uint8Array.of(0b101) } });
    const last = store.put("a", offer.id, 1, part(offer, content, 1), 3);
    expect(last).toEqual({ kind: "complete", contribution: { offer, content } });
  });

  it("takes chunks of nobody else, of no other content, and none unasked", () => {
    const store = create();
    const content = bytesOf(1);
    const offer = offerOf("a", content);
    expect(store.put("a", offer.id, 0, part(offer, content, 0), 0)).toEqual({ kind: "unknown" });
    store.begin(offer, 0);
    expect(store.put("b", offer.id, 0, part(offer, content, 0), 0)).toEqual({ kind: "unknown" });
    expect(store.put("a", offer.id, 0, bytesOf(2).subarray(0, 8), 0)).toEqual({ kind: "damaged" });
    expect(store.put("a", offer.id, 3, new Uint8Array(), 0)).toEqual({ kind: "damaged" });
  });

  it("begins anew when the client has trained again", () => {
    const store = create();
    const [first, second] = [bytesOf(1), bytesOf(2)];
    const offer = offerOf("a", first);
    store.begin(offer, 0);
    store.put("a", offer.id, 0, part(offer, first, 0), 0);
    const other = offerOf("a", second);
    const begun = store.begin(other, 1);
    expect(begun.kind === "receive" && begun.received.bits).toEqual(Uint8Array.of(0));
    expect(begun.kind === "receive" && isComplete(begun.received)).toBe(false);
  });

  it("keeps no room for rounds that are over, however often a chunk of theirs is sent again", () => {
    const store = create();
    const [old, present] = [offerOf("a", bytesOf(1)), offerOf("b", bytesOf(1), 2)];
    for (const offer of [old, present]) store.begin(offer, 0);
    store.put("a", old.id, 0, part(old, bytesOf(1), 0), 90);
    store.endBefore(2);
    expect(store.put("a", old.id, 0, part(old, bytesOf(1), 0), 180)).toEqual({ kind: "unknown" });
    expect(store.put("b", present.id, 0, part(present, bytesOf(1), 0), 180)).toEqual({ kind: "kept" });
  });

  it("has no more room than it says, and frees what nobody goes on with", () => {
    const store = create();
    for (const client of ["a", "b", "c"]) expect(store.begin(offerOf(client, bytesOf(1)), 0).kind).toBe("receive");
    expect(store.begin(offerOf("d", bytesOf(1)), 50)).toMatchObject({ kind: "no_room", isClients: false });
    store.expire(101);
    expect(store.begin(offerOf("d", bytesOf(1)), 101).kind).toBe("receive");
    store.begin(offerOf("d", bytesOf(1), 2), 101);
    expect(store.begin(offerOf("d", bytesOf(1), 3), 101)).toMatchObject({ kind: "no_room", isClients: true });
  });

  it("keeps accepted ones until they are let go", () => {
    const store = create();
    const offers = ["a", "b", "c"].map((client) => offerOf(client, bytesOf(1)));
    for (const offer of offers) store.accept({ offer, content: bytesOf(1) });
    const [a, b, c] = offers.map(({ id }) => id) as [string, string, string];
    expect(store.accepted([c, a]).map(({ offer }) => offer.client)).toEqual(["c", "a"]);
    store.retain([b]);
    expect([a, b, c].map((id) => store.has(id))).toEqual([false, true, false]);
    expect(() => store.accepted([a])).toThrow("is not here");
  });
});
