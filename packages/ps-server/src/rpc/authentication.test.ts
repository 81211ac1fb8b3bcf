import { expect, test } from "vitest";
import { createAuthentication } from "./authentication.ts";

const showing = (authorization?: string) => (key: string) => (key === "authorization" ? authorization : undefined);

test("lets in who shows the token, and nobody else", () => {
  const authenticate = createAuthentication("secret");
  expect(() => authenticate(showing("bearer secret"))).not.toThrow();
  expect(() => authenticate(showing("Bearer secret"))).not.toThrow();
  for (const wrong of [undefined, "", "secret", "bearer ", "bearer secre", "bearer secret2", "bearer Secret"]) {
    expect(() => authenticate(showing(wrong))).toThrow("unauthenticated");
  }
});

test("lets everybody in where the cluster has no token", () => {
  expect(() => createAuthentication(undefined)(showing())).not.toThrow();
});
