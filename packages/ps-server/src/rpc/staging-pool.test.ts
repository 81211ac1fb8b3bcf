import { createKernelMemory } from "@shoal/kernels-wasm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideStaging, type StagingVerdict } from "./staging-decision.ts";
import { createStagingPool, type StagingPlace, type StagingPool } from "./staging-pool.ts";

const memory = createKernelMemory();

interface Contribution {
  verdict: StagingVerdict;
  place: StagingPlace | undefined;
  answer: string;
  readonly cancel: () => void;
}

function ask(pool: StagingPool, verdict: StagingVerdict, owner = "worker", settled?: () => void): Contribution {
  const contribution = {
    verdict,
    place: undefined,
    answer: "waits",
    cancel: (): void => ticket.cancel(),
  } as Contribution;
  const ticket = pool.request({
    owner,
    verdict: () => contribution.verdict,
    settle(answer) {
      expect(contribution.answer).toBe("waits");
      contribution.answer = typeof answer === "string" ? answer : "bytes" in answer ? "placed" : answer.code;
      contribution.place = typeof answer === "object" && "bytes" in answer ? answer : undefined;
      settled?.();
    },
  });
  return contribution;
}

describe("staging", () => {
  test("keeps the last region for the contribution that is folded next", () => {
    expect(decideStaging("later", 2, 2).kind).toBe("wait");
    expect(decideStaging("next", 2, 2).kind).toBe("take");
    expect(decideStaging("next", 3, 2).kind).toBe("wait");
    expect(decideStaging("discard", 3, 2).kind).toBe("discard");
  });

  test("serves those who wait in their order when a region comes back", () => {
    const pool = createStagingPool({ memory, keys: 4, slots: 1 });
    const order: string[] = [];
    const [first, , ...waiting] = ["a", "b", "c", "d"].map((name) => ask(pool, "next", name, () => order.push(name)));
    expect(waiting.map(({ answer }) => answer)).toEqual(["waits", "waits"]);
    expect(pool.owners()).toEqual(["a", "b"]);
    first?.place?.release();
    first?.place?.release();
    expect(order).toEqual(["a", "b", "c"]);
  });

  test("lets one that is next now overtake those that are later", () => {
    const pool = createStagingPool({ memory, keys: 4, slots: 1 });
    ask(pool, "later");
    const [waiting, behind] = [ask(pool, "later"), ask(pool, "later")];
    behind.verdict = "next";
    pool.review();
    expect([waiting.answer, behind.answer]).toEqual(["waits", "placed"]);
  });

  test("tells one that waits when its gradient is of no use any more", () => {
    const pool = createStagingPool({ memory, keys: 4, slots: 0 });
    const waiting = ask(pool, "later");
    waiting.verdict = "discard";
    pool.review();
    expect(waiting.answer).toBe("discard");
    expect(pool.idle).toBe(true);
  });

  test("answers with the error when the memory has no region left", () => {
    const small = createKernelMemory({ initialBytes: 65_536, maximumBytes: 65_536 });
    const pool = createStagingPool({ memory: small, keys: 100_000, slots: 1 });
    expect(ask(pool, "next").answer).toBe("out_of_memory");
    expect(pool.idle).toBe(true);
  });

  test("gives its regions back to the memory, those on loan when they return", () => {
    const before = memory.allocatedBytes;
    const pool = createStagingPool({ memory, keys: 1024, slots: 2 });
    const [kept, returned] = [ask(pool, "next"), ask(pool, "next")];
    returned.place?.release();
    pool.dispose();
    expect(memory.allocatedBytes).toBe(before + 4096);
    kept.place?.release();
    expect(memory.allocatedBytes).toBe(before);
  });

  test("never lends more than its regions, and everybody is served in the end", () => {
    const verdict = fc.constantFrom<StagingVerdict>("next", "later", "later", "discard");
    const event = fc.oneof(
      fc.record({ kind: fc.constant("ask" as const), verdict }),
      fc.record({ kind: fc.constant("release" as const), which: fc.nat(20) }),
      fc.record({ kind: fc.constant("cancel" as const), which: fc.nat(20) }),
      fc.record({ kind: fc.constant("change" as const), which: fc.nat(20), verdict }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), (events, slots) => {
        const pool = createStagingPool({ memory, keys: 4, slots });
        const all: Contribution[] = [];
        const cancelled = new Set<Contribution>();
        for (const step of events) {
          const one = step.kind === "ask" ? undefined : all[step.which % Math.max(1, all.length)];
          if (step.kind === "ask") all.push(ask(pool, step.verdict));
          else if (one !== undefined && step.kind === "release") one.place?.release();
          else if (one !== undefined && step.kind === "cancel") {
            if (one.answer === "waits") cancelled.add(one);
            one.cancel();
          } else if (one !== undefined && step.kind === "change") {
            one.verdict = step.verdict;
            pool.review();
          }
          expect(pool.owners().length).toBeLessThanOrEqual(slots + 1);
        }
        for (let round = 0; round < all.length; round++) for (const { place } of all) place?.release();
        expect(all.filter((one) => one.answer === "waits" && !cancelled.has(one))).toEqual([]);
        expect(pool.idle).toBe(true);
        pool.dispose();
      }),
    );
  });
});
