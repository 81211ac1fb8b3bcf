/** A page of somebody else that takes part: a test calls this in it. */
import { ShoalError } from "@shoal/errors";
import { joinDigits, type JoinedDigits } from "./join-digits.ts";

declare global {
  var joined: string | undefined;
  /** What comes of it, or the code of what went wrong. */
  var begin: (seed: number, ticket?: string | null) => Promise<JoinedDigits | { readonly code: string }>;
}

globalThis.begin = (seed, ticket = null) =>
  joinDigits({ origin: location.origin, ticket }, seed, "digits", ({ client }) => {
    globalThis.joined = client;
  }).catch((error: unknown) => ({ code: ShoalError.from(error).code }));
