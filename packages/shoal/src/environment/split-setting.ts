/** When a key range that is too hot for any server is cut: `SHOAL_SPLIT`. */
import { ShoalError } from "@shoal/errors";
import type { Environment } from "./folders.ts";

export interface SplitSetting {
  /** How long a range must have been too hot, ms; 0: it is only named. */
  readonly splitMs: number;
  /** The rest of the run must last so many times as long as its start. */
  readonly splitWorth: number;
}

const byDefault: SplitSetting = { splitMs: 10_000, splitWorth: 20 };

/**
 * `SECONDS` or `SECONDS,TIMES`, as in `10,20`.
 * @throws ShoalError invalid_argument
 */
export function splitSetting(environment: Environment): SplitSetting {
  const text = environment["SHOAL_SPLIT"];
  if (text === undefined || text === "") return byDefault;
  const [, seconds, times] = /^(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?$/.exec(text) ?? [];
  const setting = {
    splitMs: 1000 * Number(seconds),
    splitWorth: times === undefined ? byDefault.splitWorth : Number(times),
  };
  if (seconds !== undefined && setting.splitWorth > 0) return setting;
  const sentence = `SHOAL_SPLIT: expected SECONDS or SECONDS,TIMES (as in 10,20; 0: never), got "${text}"`;
  throw new ShoalError("invalid_argument", sentence, { field: "SHOAL_SPLIT" });
}
