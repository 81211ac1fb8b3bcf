import { randomBytes } from "node:crypto";
import { nkeys } from "@nats-io/nats-core";
import { expect, it } from "vitest";
import { createNatsSigner } from "./nats-signer.ts";

it.each([
  ["operator", /^O[A-Z2-7]{55}$/],
  ["account", /^A[A-Z2-7]{55}$/],
] as const)("a signer has a name that NATS reads, and signs as NATS verifies: %s", (role, pattern) => {
  const message = randomBytes(700);
  const signer = createNatsSigner(role);
  expect(signer.name).toMatch(pattern);
  const known = nkeys.fromPublic(signer.name);
  expect(known.verify(message, signer.sign(message))).toBe(true);
  expect(known.verify(message, createNatsSigner(role).sign(message))).toBe(false);
});
