import { describe, expect, it } from "vitest";
import { playSecureSum, type LastStage, type PlayedSum } from "../../../../test/support/secure-sum.ts";
import { systemRandomBytes } from "../privacy/host/system-random-bytes.ts";
import { createRandomBits } from "../privacy/random-bits.ts";
import { createEcdsaIdentity, type Identity } from "./identity.ts";
import { createLatticeEncoder, decodeMean, planLattice } from "./lattice.ts";
import { openSession } from "./roster.ts";
import { createSecureClient } from "./secure-client.ts";

const { subtle } = globalThis.crypto;
const size = 1000;
const names = Array.from({ length: 20 }, (_, i) => `client-${String(i).padStart(2, "0")}`);
const plan = {
  name: "test/round-1",
  curve: "P-256",
  bits: 32,
  minimumClients: 8,
  invited: names.length,
  stageTimeoutMs: 1000,
  threat: { adversarialShare: 0.05, dropOutShare: 0.34, server: "semi_malicious" },
} as const;

/** Any 32 bits, different for each client and element. */
function fill(client: string, begin: number, into: Uint32Array): void {
  const first = names.indexOf(client) * size + begin;
  for (let index = 0; index < into.length; index++) into[index] = Math.imul(first + index + 1, 0x9e37_79b1);
}

function expectedSum(survivors: readonly string[], bits: number, of = fill): number[] {
  const sum = new Uint32Array(size);
  for (const client of survivors) {
    const values = new Uint32Array(size);
    of(client, 0, values);
    values.forEach((value, index) => (sum[index] = (sum[index] ?? 0) + value));
  }
  return [...sum].map((value) => (bits === 32 ? value : value % 2 ** bits));
}

async function play(changes: Partial<PlayedSum>) {
  const found = new Uint32Array(size);
  const outcome = await playSecureSum({
    ...{ plan, clients: names, size, chunk: 112, fill, lastStage: () => "all" },
    take: (begin, sum) => found.set(sum, begin),
    ...changes,
  });
  return { ...outcome, sum: [...found] };
}

/** Two clients of twenty leave in each stage. */
const inEachStage = (client: string): LastStage => {
  const place = [3, 8, 1, 19, 5, 11, 14, 2].indexOf(names.indexOf(client));
  return (["nothing", "nothing", "advertise", "advertise", "share", "share", "mask", "mask"] as const)[place] ?? "all";
};

describe("a secure sum", () => {
  it("is the exact sum when everybody stays", async () => {
    const { survivors, sum, state } = await play({});
    expect(state.phase).toBe("summed");
    expect(survivors).toEqual(names);
    expect(sum).toEqual(expectedSum(names, 32));
  });

  it.each(["P-256", "X25519"] as const)(
    "is the exact sum of those who stay when a tenth leaves in each stage, with %s",
    async (curve) => {
      const { survivors, sum, bytes } = await play({ plan: { ...plan, curve }, lastStage: inEachStage });
      // Who left after masking is in the sum.
      expect(survivors).toEqual(names.filter((name) => ["all", "mask"].includes(inEachStage(name))));
      expect(survivors).toHaveLength(14);
      expect(sum).toEqual(expectedSum(survivors, 32));
      expect(bytes.vector).toBe(4 * size);
    },
  );

  it.each([7, 16, 20])("is the same modulo 2^%d, packed", async (bits) => {
    const { survivors, sum, bytes } = await play({ plan: { ...plan, bits }, lastStage: inEachStage });
    expect(sum).toEqual(expectedSum(survivors, bits));
    expect(bytes.vector).toBe(Math.ceil((size * bits) / 8));
  });

  it.each([
    ["nothing", "clients have come, at least 8"],
    ["advertise", "clients have shared their secrets, at least 8"],
    ["share", "masked vectors have come, at least 8"],
    ["mask", "have given their share"],
  ] as const)("is aborted where too many leave after doing %s", async (stage, reason) => {
    const { state, sum } = await play({ lastStage: (client) => (names.indexOf(client) < 5 ? "all" : stage) });
    expect(state).toMatchObject({ phase: "aborted", reason: expect.stringContaining(reason) as string });
    expect(sum.every((value) => value === 0)).toBe(true);
  });

  it("survives clients that leave only after masking, down to the threshold", async () => {
    const { state, survivors } = await play({
      lastStage: (client) => (names.indexOf(client) % 5 === 0 ? "mask" : "all"),
    });
    expect(state.phase).toBe("summed");
    expect(survivors).toEqual(names);
  });

  it("is the same over a network that doubles every message", async () => {
    const { survivors, sum } = await play({ lastStage: inEachStage, twice: true });
    expect(survivors).toHaveLength(14);
    expect(sum).toEqual(expectedSum(survivors, 32));
  });

  it("is whole where a client seals shares that do not open: nobody else has to leave for it", async () => {
    const bad = names[4] ?? "";
    let sent = 0;
    const { survivors, sum } = await play({
      bend(client, message) {
        if (client !== bad || message.type !== "shares") return message;
        sent = message.shares.length;
        // Enough are left for its secret to be joined.
        const shares = message.shares.map((each, i) =>
          i < 2 ? { ...each, sealed: each.sealed.slice().fill(7) } : each,
        );
        return { type: "shares", shares };
      },
    });
    expect(sent).toBeGreaterThan(2);
    expect(survivors).toEqual(names);
    expect(sum).toEqual(expectedSum(names, 32));
  });

  it("names the clients that a stage waits for, until its deadline ends it", async () => {
    const { reasons } = await play({ lastStage: inEachStage });
    expect(reasons).toContain("18 of 20 clients have come");
    expect(reasons).toContain("16 of 18 clients have shared their secrets");
    expect(reasons).toContain("14 masked vectors have come, 2 clients have left");
    expect(reasons).toContain("the secrets of 14 survivors and 2 others are there");
  });
});

describe("signed keys", () => {
  async function identities(): Promise<(client: string) => Identity> {
    const pairs = new Map<string, CryptoKeyPair>();
    for (const name of names) {
      pairs.set(name, await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]));
    }
    return (client) => {
      const pair = pairs.get(client);
      if (pair === undefined) throw new Error(client);
      return createEcdsaIdentity(subtle, pair.privateKey, (name) => pairs.get(name)?.publicKey);
    };
  }

  it("let the sum go on, and stop it where a server puts its own in a client's place", async () => {
    const identity = await identities();
    const { sum } = await play({ identity });
    expect(sum).toEqual(expectedSum(names, 32));

    const ports = { subtle, randomBytes: systemRandomBytes };
    const clients = names.map((name) => createSecureClient(name, plan, { ...ports, identity: identity(name) }));
    const roster = await Promise.all(clients.map((client) => client.advertise()));
    const [first] = clients;
    const servers = await createSecureClient("client-07", plan, ports).advertise();
    const forged = roster.map((keys, i) => (i === 7 ? { ...servers, signature: keys.signature } : keys));
    await expect(first?.share(forged)).rejects.toEqual(expect.objectContaining({ code: "permission_denied" }));
    // It does not try again with the right ones either.
    await expect(first?.share(roster)).rejects.toEqual(expect.objectContaining({ code: "permission_denied" }));
    // A name of another sum makes other signatures.
    const other = createSecureClient(
      "client-09",
      { ...plan, name: "test/round-2" },
      { ...ports, identity: identity("client-09") },
    );
    const replayed = [...roster.slice(0, 9), await other.advertise(), ...roster.slice(10)];
    await expect(clients[1]?.share(replayed)).rejects.toThrow("not signed");
  });
});

describe("the terms of a sum", () => {
  it("are in its session: who was told others has other keys, and another graph", async () => {
    const ports = { subtle, randomBytes: systemRandomBytes };
    const clients = names.map((name) => createSecureClient(name, plan, ports));
    const roster = await Promise.all(clients.map((client) => client.advertise()));
    const lax = { adversarialShare: 0, dropOutShare: 0.34, server: "curious" } as const;
    const terms = [{}, { name: "test/round-2" }, { bits: 31 }, { minimumClients: 3 }, { threat: lax }];
    const sessions = terms.map((other) => String(openSession(roster, { ...plan, ...other }).id));
    expect(new Set(sessions).size).toBe(terms.length);
  });
});

describe("what a client sends", () => {
  it("is masked: a vector of zeros looks like any other, and is masked once", async () => {
    const ports = { subtle, randomBytes: systemRandomBytes };
    const clients = names.map((name) => createSecureClient(name, plan, ports));
    const roster = await Promise.all(clients.map((client) => client.advertise()));
    const sealed = (await Promise.all(clients.map((client) => client.share(roster)))).flat();
    const [client] = clients;
    if (client === undefined) throw new Error("no client");
    await client.receive(sealed.filter(({ to }) => to === 0));
    const first = await client.mask(new Uint32Array(1600));
    // Of 6400 random bytes those with one value are 25 ± 5; 70 would be nine deviations.
    const counts = new Uint32Array(256);
    for (const byte of first) counts[byte] = (counts[byte] ?? 0) + 1;
    expect(Math.max(...counts)).toBeLessThan(70);
    const second = await client.mask(new Uint32Array(16));
    expect([...second]).not.toEqual([...first.slice(0, 64)]);
    await client.mask(new Uint32Array(5));
    await expect(client.mask(new Uint32Array(16))).rejects.toEqual(
      expect.objectContaining({ code: "permission_denied" }),
    );
  });
});

describe("secure sums of updates", () => {
  const random = createRandomBits(systemRandomBytes);
  const update = (client: string): Float32Array =>
    Float32Array.from({ length: size - 1 }, (_, index) => Math.sin(names.indexOf(client) * 31 + index) * 1.5);
  const weightOf = (client: string): number => (names.indexOf(client) % 7) + 1;

  it("give the weighted mean to the precision of the lattice, with clients leaving", async () => {
    const lattice = planLattice({ clip: 1.5, levels: 2 ** 20 + 1, weightCap: 7, clients: names.length });
    const encoded = new Map(names.map((client) => [client, encode(client)]));
    function encode(client: string): Uint32Array {
      const into = new Uint32Array(size);
      const encoder = createLatticeEncoder(lattice, weightOf(client), random);
      encoder.encode(update(client), into.subarray(0, size - 1));
      into[size - 1] = encoder.weight;
      return into;
    }
    const { survivors, sum } = await play({
      plan: { ...plan, bits: lattice.bits },
      lastStage: inEachStage,
      fill: (client, begin, into) => into.set(encoded.get(client)?.subarray(begin, begin + into.length) ?? []),
    });
    const totalWeight = sum[size - 1] ?? 0;
    expect(totalWeight).toBe(survivors.reduce((total, client) => total + weightOf(client), 0));
    const mean = new Float64Array(size - 1);
    decodeMean(lattice, Uint32Array.from(sum.slice(0, -1)), mean, { clients: survivors.length, totalWeight });
    const exact = new Float64Array(size - 1);
    for (const client of survivors) {
      update(client).forEach(
        (value, index) => (exact[index] = (exact[index] ?? 0) + (weightOf(client) * value) / totalWeight),
      );
    }
    // Each client is within one step of the lattice, so is their mean.
    mean.forEach((value, index) => expect(Math.abs(value - (exact[index] ?? 0))).toBeLessThan(1.0001 / lattice.scale));
  });

  it("carry the noise of those who stay: each adds its part before it masks", async () => {
    const noiseVariance = 1e4;
    const lattice = planLattice({ clip: 1, levels: 1025, clients: names.length, noiseVariance });
    const encoded = new Map(
      names.map((client) => {
        const into = new Uint32Array(size);
        createLatticeEncoder(lattice, 1, random).encode(new Float32Array(size), into);
        return [client, into];
      }),
    );
    const { survivors, sum } = await play({
      plan: { ...plan, bits: lattice.bits },
      lastStage: inEachStage,
      fill: (client, begin, into) => into.set(encoded.get(client)?.subarray(begin, begin + into.length) ?? []),
    });
    const variance = sum.reduce((total, value) => total + (value - survivors.length * lattice.offset) ** 2, 0) / size;
    const expected = survivors.length * noiseVariance;
    // Five standard errors of a mean square over a thousand values: √(2/1000)·5.
    expect(Math.abs(variance / expected - 1)).toBeLessThan(0.224);
  });
});
