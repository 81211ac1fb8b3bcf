import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { playSecureSum, type PlayedSum, type SumOutcome } from "../../../../test/support/secure-sum.ts";
import { systemRandomBytes } from "../privacy/host/system-random-bytes.ts";
import { createRandomBits } from "../privacy/random-bits.ts";
import { advanceSecureSum, startSecureSum } from "./advance-server.ts";
import { graphParameters } from "./graph-parameters.ts";
import type { AdvertisedKeys, SealedShares, UnmaskingRequest } from "./messages.ts";
import { openSession, pointOf } from "./roster.ts";
import { sealedBytes } from "./sealed-share.ts";
import { joinShares, splitSecret } from "./shamir.ts";
import type { ServerEffect, ServerEvent, ServerState } from "./server-state.ts";
import { shareHashOf, type SharedSecret } from "./share-hash.ts";
import type { SecureClientMessage } from "./wire.ts";

const threat = { adversarialShare: 0.1, dropOutShare: 0.3, server: "semi_malicious" } as const;
const names = Array.from({ length: 12 }, (_, i) => `c${String(i).padStart(2, "0")}`);
const clients = names.map((_, i) => i);
const plan = {
  name: "test/round-1",
  curve: "P-256",
  bits: 32,
  minimumClients: 5,
  stageTimeoutMs: 100,
  invited: names.length,
  threat,
} as const;
const { degree, threshold } = graphParameters(names.length, threat);
const size = 48;

/** @returns the sum, as far as there is one, and whether it is right */
async function play(bend: NonNullable<PlayedSum["bend"]>): Promise<SumOutcome & { readonly isExact: boolean }> {
  const found = new Uint32Array(size);
  const outcome = await playSecureSum({
    ...{ plan, clients: names, size, chunk: 48, lastStage: () => "all", bend },
    fill: (client, begin, into) => into.fill(names.indexOf(client) + begin + 1),
    take: (begin, sum) => found.set(sum, begin),
  });
  return { ...outcome, isExact: found.every((value) => value === 78) };
}

const liesIn =
  (liars: readonly string[]): NonNullable<PlayedSum["bend"]> =>
  (client, message) => {
    if (message.type !== "answer" || !liars.includes(client)) return message;
    const { seeds, maskKeys } = message.answer;
    const wrong = seeds.map(({ of, share }) => ({ of, share: share.map((byte) => byte ^ 1) }));
    return { type: "answer", answer: { seeds: wrong, maskKeys } };
  };
const accusedOf = ({ accused }: SumOutcome) => accused.map(({ client, isFatal }) => [client, isFatal]);

describe("who gives away wrong shares", () => {
  it.each([1, 2, degree - threshold])("cost nobody anything where they are %d, and are named", async (count) => {
    const liars = names.slice(0, count);
    const outcome = await play(liesIn(liars));
    expect(outcome.state.phase).toBe("summed");
    expect(outcome.survivors).toEqual(names);
    expect(outcome.isExact).toBe(true);
    expect(accusedOf(outcome).filter(([, isFatal]) => isFatal === true)).toEqual([]);
    // The first of them come in time: who answers when all secrets are there is not heard any more.
    expect(accusedOf(outcome)).toEqual(liars.map((name) => [name, false]));
  });

  it("end the sum where fewer right shares than the threshold are left, and nobody else is named", async () => {
    const liars = names.slice(0, degree - threshold + 2);
    const outcome = await play(liesIn(liars));
    expect(outcome.state.phase).toBe("aborted");
    expect(accusedOf(outcome)).toEqual(liars.map((name) => [name, false]));
  });
});

describe("who deals what it is not bound to", () => {
  it.each(["sealed", "hashes"] as const)("to a few (%s) costs nobody anything", async (what) => {
    const outcome = await play((client, message) => bent(client, message, what, 2));
    expect(outcome.survivors).toEqual(names);
    expect(outcome.isExact).toBe(true);
    expect(outcome.accused).toEqual([]);
  });

  it.each(["sealed", "hashes"] as const)("to all (%s) ends the sum, and is named alone", async (what) => {
    const outcome = await play((client, message) => bent(client, message, what, degree));
    expect(outcome.state).toMatchObject({
      phase: "aborted",
      reason: expect.stringContaining("neighbours of a client") as string,
    });
    expect(accusedOf(outcome)).toEqual([["c03", true]]);
  });

  /** "c03" spoils what it deals to so many. */
  function bent(
    client: string,
    message: SecureClientMessage,
    what: "sealed" | "hashes",
    count: number,
  ): SecureClientMessage {
    if (client !== "c03" || message.type !== "shares") return message;
    const shares = message.shares.map((each, i): SealedShares => {
      if (i >= count) return each;
      if (what === "sealed") return { ...each, sealed: new Uint8Array(sealedBytes) };
      return { ...each, hashes: { ...each.hashes, seed: each.hashes.maskKey } };
    });
    return { type: "shares", shares };
  }
});

describe("the server, whoever lies", () => {
  const random = createRandomBits(systemRandomBytes);
  const secretOf = (client: number, secret: SharedSecret): Uint8Array<ArrayBuffer> =>
    new Uint8Array(32).fill(2 * client + (secret === "seed" ? 1 : 0) + 1);
  const keysOf = (client: string, i: number): AdvertisedKeys => ({
    ...{ client, maskKey: new Uint8Array(33).fill(2 * i), sealKey: new Uint8Array(33).fill(2 * i + 1) },
    ...{ seedHash: new Uint8Array(32), signature: new Uint8Array() },
  });
  const { id: session, neighbours } = openSession(names.map(keysOf), plan);
  const near = (client: number): readonly number[] => neighbours[client] ?? [];
  const dealt = (["maskKey", "seed"] as const).map((secret) =>
    clients.map((client) => splitSecret(secretOf(client, secret), threshold, near(client).map(pointOf), random)),
  );
  const shareOf = (secret: SharedSecret, of: number, by: number): Uint8Array =>
    dealt[secret === "seed" ? 1 : 0]?.[of]?.find(({ point }) => point === pointOf(by))?.bytes ?? new Uint8Array();

  /** All shares are dealt, once: the session is the same in each play. */
  const begun = ((): ServerState => {
    let state: ServerState = startSecureSum(plan, 0);
    const step = (event: ServerEvent): void => void ({ state } = advanceSecureSum(state, event, 0));
    names.forEach((client, i) => step({ type: "keys", keys: keysOf(client, i) }));
    for (const from of clients) {
      const shares = near(from).map((to): SealedShares => {
        const hashOf = (secret: SharedSecret) => shareHashOf(session, [from, to], secret, shareOf(secret, from, to));
        const hashes = { maskKey: hashOf("maskKey"), seed: hashOf("seed") };
        return { from, to, sealed: new Uint8Array(sealedBytes), hashes };
      });
      step({ type: "shares", client: names[from] ?? "", shares });
    }
    return state;
  })();

  function answerOf(request: UnmaskingRequest, by: number, isLiar: (of: number) => boolean): ServerEvent {
    const revealed = (secret: SharedSecret, some: readonly number[]) =>
      some
        .filter((of) => near(by).includes(of))
        .map((of) => {
          const share = shareOf(secret, of, by);
          return { of, share: isLiar(of) ? share.map((byte, i) => (i === of ? byte ^ 1 : byte)) : share };
        });
    const answer = { seeds: revealed("seed", request.survivors), maskKeys: revealed("maskKey", request.dropped) };
    return { type: "answer", client: names[by] ?? "", answer };
  }

  it("joins right secrets from right shares alone, names every liar it hears, and nobody else", () => {
    let [summed, aborted] = [0, 0];
    const chance = fc.record({
      left: fc.subarray(clients, { maxLength: 2 }),
      liars: fc.subarray(clients, { maxLength: 6 }),
      about: fc.subarray(clients, { minLength: 1 }),
      order: fc.shuffledSubarray(clients, { minLength: clients.length }),
    });
    fc.assert(
      fc.property(chance, ({ left, liars, about, order }) => {
        let state = begun;
        const effects: ServerEffect[] = [];
        const heard: string[] = [];
        const step = (event: ServerEvent, nowMs = 0): void => {
          const next = advanceSecureSum(state, event, nowMs);
          state = next.state;
          effects.push(...next.effects);
        };
        for (const client of clients) if (!left.includes(client)) step({ type: "masked", client: names[client] ?? "" });
        const nowMs = left.length > 0 ? plan.stageTimeoutMs : 0;
        step({ type: "tick" }, nowMs);
        for (const by of order) {
          if (state.phase !== "unmasking" || left.includes(by)) continue;
          const lies = liars.includes(by) && about.some((of) => near(by).includes(of));
          if (lies) heard.push(names[by] ?? "");
          step(
            answerOf(state.request, by, (of) => lies && about.includes(of)),
            nowMs,
          );
        }
        const accused = effects.flatMap((effect) => (effect.type === "accuse" ? [effect.client] : []));
        expect(accused).toEqual(heard);
        const unmask = effects.find((effect) => effect.type === "unmask");
        // Of every secret these many right shares could come.
        const right = Math.min(
          ...clients.map((of) => {
            const isWrong = (by: number) => left.includes(by) || (liars.includes(by) && about.includes(of));
            return near(of).filter((by) => !isWrong(by)).length;
          }),
        );
        expect(state.phase).toBe(right >= threshold ? "summed" : "aborted");
        if (unmask?.type !== "unmask") return void aborted++;
        summed++;
        const secretFrom = (shares: readonly { from: number; share: Uint8Array }[]) =>
          joinShares(
            shares.slice(-threshold).map(({ from, share }) => ({ point: pointOf(from), bytes: new Uint8Array(share) })),
            32,
          );
        const { survivors, dropped } = unmask.unmasking;
        for (const { client, shares } of survivors) expect(secretFrom(shares)).toEqual(secretOf(client, "seed"));
        for (const { client, shares } of dropped) expect(secretFrom(shares)).toEqual(secretOf(client, "maskKey"));
      }),
      { numRuns: 100 },
    );
    expect(summed).toBeGreaterThan(10);
    expect(aborted).toBeGreaterThan(3);
  });

  it("binds a share to its session, its dealer, its receiver and its secret", () => {
    const [session, share] = [new Uint8Array(32), new Uint8Array(36)];
    const hashes = [
      shareHashOf(session, [1, 2], "seed", share),
      shareHashOf(session, [2, 1], "seed", share),
      shareHashOf(session, [1, 3], "seed", share),
      shareHashOf(session, [1, 2], "maskKey", share),
      shareHashOf(
        session.map(() => 1),
        [1, 2],
        "seed",
        share,
      ),
      shareHashOf(
        session,
        [1, 2],
        "seed",
        share.map(() => 1),
      ),
    ];
    expect(new Set(hashes.map(String)).size).toBe(hashes.length);
  });
});
