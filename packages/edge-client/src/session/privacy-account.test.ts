import { contributionOf, emptyLedger, epsilonOf, planLocalPrivacy, spend, type PrivacyBudget } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { createMemoryStorage, type ClientStorage } from "../storage/client-storage.ts";
import { createPrivacyAccount, mostTasks } from "./privacy-account.ts";
import type { SessionEvent } from "./session-event.ts";

const plan = planLocalPrivacy({ name: "local", epsilon: 1, delta: 1e-5, clip: 2, budget: null });
const epsilonAfter = (contributions: number, delta = 1e-5): number =>
  epsilonOf(spend(emptyLedger(), contributionOf(plan), contributions), delta).epsilon;

interface Told {
  readonly task?: string;
  readonly budget?: number | null;
  readonly clip?: number | null;
  readonly localNoise?: number;
  readonly storage?: ClientStorage;
  readonly limit?: PrivacyBudget;
}

function opened({ task = "t", budget = null, clip = plan.clip, localNoise = plan.deviation, ...own }: Told = {}) {
  const events: SessionEvent[] = [];
  const privacy = { clip, localNoise, secure: null, local: { delta: 1e-5, budget } };
  const account = createPrivacyAccount({
    ...{ task: { task, privacy }, storage: own.storage ?? createMemoryStorage(), limit: own.limit },
    tell: (event) => void events.push(event),
  });
  return { account, events };
}

async function spendAll({ account }: ReturnType<typeof opened>): Promise<number> {
  for (let contributions = 0; ; contributions += 1) {
    try {
      await account.check();
      await account.spend();
    } catch {
      return contributions;
    }
  }
}

describe("a client's own account of its privacy", () => {
  it("says what the aggregator's does, and known answers where they fit", async () => {
    const { account, events } = opened();
    await account.check();
    for (let at = 0; at < 5; at += 1) await account.spend();
    const spent = events.map((event) => (event.type === "privacy_spent" ? event.epsilon : Number.NaN));
    expect(events[0]).toEqual({ type: "privacy_spent", contributions: 0, epsilon: 0, delta: 1e-5 });
    expect(events.at(-1)).toMatchObject({ contributions: 5, delta: 1e-5 });
    spent.slice(1).forEach((epsilon, at) => expect(epsilon).toBeCloseTo(epsilonAfter(at + 1), 9));
    // z = 1, and a hundred times z = 5.
    const once = opened({ clip: 3, localNoise: 6 });
    await once.account.spend();
    expect((once.events[0] as { epsilon?: number }).epsilon).toBeCloseTo(4.728507, 3);
    const often = opened({ clip: 0.5, localNoise: 5 });
    for (let at = 0; at < 100; at += 1) await often.account.spend();
    expect((often.events.at(-1) as { epsilon?: number }).epsilon).toBeCloseTo(10.72551, 3);
  });

  it("stops where the aggregator does: at the task's budget, to the last bit of it", async () => {
    for (const affordable of [1, 3, 20]) {
      expect(await spendAll(opened({ budget: epsilonAfter(affordable) }))).toBe(affordable);
    }
  });

  it("stops at the client's own limit where that is less, whatever δ the task names", async () => {
    const limit = { epsilon: epsilonAfter(2, 1e-7), delta: 1e-7 };
    expect(await spendAll(opened({ limit }))).toBe(2);
    expect(await spendAll(opened({ limit, budget: epsilonAfter(1) }))).toBe(1);
  });

  it("is kept for each task over reloads, of the newest tasks", async () => {
    const storage = createMemoryStorage();
    const budget = epsilonAfter(3);
    await opened({ storage }).account.spend();
    expect(await spendAll(opened({ storage, budget }))).toBe(2);
    expect(await spendAll(opened({ storage, budget, task: "other" }))).toBe(3);
    expect(await spendAll(opened({ storage, budget }))).toBe(0);
    for (let at = 0; at < mostTasks; at += 1) await opened({ storage, task: `t${at}` }).account.spend();
    expect(await spendAll(opened({ storage, budget, task: `t0` }))).toBe(2);
    expect(await spendAll(opened({ storage, budget }))).toBe(3);
  });

  it("adds up contributions with other noise, and takes noise without a norm for none, after a reload too", async () => {
    const storage = createMemoryStorage();
    await opened({ storage }).account.spend();
    const other = opened({ storage, localNoise: plan.deviation / 2 });
    await other.account.spend();
    // Half of the noise costs as four contributions.
    expect((other.events[0] as { epsilon?: number }).epsilon).toBeCloseTo(epsilonAfter(5), 9);
    const unbound = { clip: null, budget: 1_000 };
    await expect(opened(unbound).account.check()).rejects.toMatchObject({ code: "privacy_budget_spent" });
    await opened({ storage, clip: null }).account.spend();
    expect(await spendAll(opened({ storage, budget: 1_000 }))).toBe(0);
  });

  it("refuses a limit that is none", () => {
    const limit = { epsilon: 1, delta: 1 };
    expect(() => opened({ limit })).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  it("takes what it cannot read for nothing", async () => {
    const storage = createMemoryStorage();
    for (const kept of [new Uint8Array([1, 2, 3]), new TextEncoder().encode("null")]) {
      await storage.set("carried/privacy", kept);
      expect(await spendAll(opened({ storage, budget: epsilonAfter(2) }))).toBe(2);
    }
  });
});
