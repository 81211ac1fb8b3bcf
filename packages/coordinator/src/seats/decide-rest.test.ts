import { describe, expect, it } from "vitest";
import { decideRest, type RestFacts } from "./decide-rest.ts";

const still: RestFacts = {
  ...{ working: [], unfenced: [], outdated: [], isCopied: false },
  ...{ sinceMs: 10, limitMs: 1000 },
};

describe("coming to rest", () => {
  it("is over when nobody has batches, the gone are fenced everywhere, and no older copy is being written", () => {
    expect(decideRest(still).kind).toBe("rest");
    expect(decideRest({ ...still, sinceMs: 2000 }).kind).toBe("rest");
  });

  it.each<[Partial<RestFacts>, string]>([
    [{ working: ["worker-1", "worker-2"] }, "worker-1, worker-2 to end what is leased"],
    [{ unfenced: ["worker-3"] }, "a worker in the place of worker-3"],
    [{ outdated: ["server-1"] }, "server-1 to note who takes part"],
    [{ isCopied: true }, "the snapshot that is being written"],
  ])("waits by name, and gives up at its deadline (%o)", (change, reason) => {
    expect(decideRest({ ...still, ...change })).toEqual({ kind: "wait", reason });
    const late = decideRest({ ...still, ...change, sinceMs: 1000 });
    expect(late).toEqual({ kind: "give_up", reason: `within 1000 ms: ${reason}` });
  });

  it("names as many as a sentence holds", () => {
    const working = Array.from({ length: 20 }, (_, index) => `worker-${index + 1}`);
    expect(decideRest({ ...still, working }).reason).toMatch(/worker-8 and 12 more to end/);
  });
});
