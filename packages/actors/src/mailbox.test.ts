import { AsyncLocalStorage } from "node:async_hooks";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextTurn } from "./host/next-turn.ts";
import { controlReserve, createMailbox } from "./mailbox.ts";

interface Entry {
  readonly id: number;
  readonly isControl: boolean;
}

describe("mailbox", () => {
  it("handles control first, otherwise in order, one at a time, whatever is offered", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 40 }), async (kinds) => {
        const handled: Entry[] = [];
        let running = 0;
        const handle = async (entry: Entry): Promise<void> => {
          expect(++running).toBe(1);
          await Promise.resolve();
          handled.push(entry);
          running--;
        };
        const mailbox = createMailbox<Entry>({ capacity: 100, handle });
        mailbox.pause();
        const entries = kinds.map((isControl, id) => ({ id, isControl }));
        for (const entry of entries) expect(mailbox.offer(entry, entry.isControl)).toBe(true);
        expect(mailbox.depth).toBe(entries.length);
        expect(mailbox.oldest).toBe(entries[0]);
        mailbox.resume();
        await nextTurn();
        expect(handled).toEqual([
          ...entries.filter((entry) => entry.isControl),
          ...entries.filter((entry) => !entry.isControl),
        ]);
      }),
    );
  });

  it("never starts a handler inside offer", async () => {
    const seen: string[] = [];
    const mailbox = createMailbox<Entry>({ capacity: 1, handle: () => void seen.push("handled") });
    mailbox.offer({ id: 0, isControl: false }, false);
    seen.push("offered");
    await nextTurn();
    expect(seen).toEqual(["offered", "handled"]);
  });

  it("is full at its capacity for data, and has a reserve for control", () => {
    const mailbox = createMailbox<Entry>({ capacity: 2, handle: () => undefined });
    mailbox.pause();
    const offer = (isControl: boolean): boolean => mailbox.offer({ id: 0, isControl }, isControl);
    expect([offer(false), offer(false), offer(false)]).toEqual([true, true, false]);
    for (let index = 0; index < controlReserve; index++) expect(offer(true)).toBe(true);
    expect(offer(true)).toBe(false);
    expect(mailbox.depth).toBe(2 + controlReserve);
  });

  it("hands back what waits when it is cleared, and handles none of it", async () => {
    const handled: number[] = [];
    const mailbox = createMailbox<Entry>({ capacity: 9, handle: (entry) => void handled.push(entry.id) });
    const entries = [0, 1, 2].map((id) => ({ id, isControl: false }));
    for (const entry of entries) mailbox.offer(entry, false);
    expect(mailbox.clear()).toEqual(entries);
    await nextTurn();
    mailbox.offer({ id: 3, isControl: false }, false);
    await nextTurn();
    expect(handled).toEqual([3]);
  });

  it("handles each entry in the async context in which it was offered", async () => {
    const storage = new AsyncLocalStorage<number>();
    const seen: unknown[] = [];
    const mailbox = createMailbox<Entry>({ capacity: 9, handle: () => void seen.push(storage.getStore()) });
    for (const id of [1, 2, 3]) storage.run(id, () => mailbox.offer({ id, isControl: false }, false));
    await nextTurn();
    expect(seen).toEqual([1, 2, 3]);
  });

  it("settles when the running handler has ended", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let settled = false;
    const mailbox = createMailbox<Entry>({ capacity: 9, handle: () => promise });
    mailbox.offer({ id: 0, isControl: false }, false);
    mailbox.pause();
    void mailbox.settled().then(() => {
      settled = true;
    });
    await nextTurn();
    expect(settled).toBe(false);
    resolve();
    await nextTurn();
    expect(settled).toBe(true);
  });
});
