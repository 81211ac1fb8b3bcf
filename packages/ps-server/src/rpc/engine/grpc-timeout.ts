/** The header `grpc-timeout`: at most eight digits and a unit. */
import { ShoalError } from "@shoal/errors";

const unitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
/** Longest timer that we set; a call that may take longer has no timeout worth the name. */
const longestMs = 2 ** 31 - 1;

/** @returns ms, at least 1; undefined when the call sets none. @throws ShoalError invalid_argument */
export function timeoutOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, digits, unit = ""] = /^([0-9]{1,8})([HMSmun])$/.exec(header) ?? [];
  const perUnit = unitsMs[unit];
  if (digits === undefined || perUnit === undefined) {
    throw new ShoalError(
      "invalid_argument",
      `grpc-timeout must be up to 8 digits and a unit, not ${JSON.stringify(header.slice(0, 40))}`,
      { field: "grpc-timeout" },
    );
  }
  return Math.max(1, Math.min(Math.ceil(Number(digits) * perUnit), longestMs));
}
