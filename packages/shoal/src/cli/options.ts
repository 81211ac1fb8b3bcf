/** Options that several commands share, and how their text becomes values. */
import { InvalidArgumentError, type Command } from "commander";
import type { Consistency } from "@shoal/protocol";

/** A whole number, 0 included. */
export function wholeNumber(text: string): number {
  return text === "0" ? 0 : count(text);
}

/** A whole number of at least 1. */
export function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError(`expected a whole number from 1, got "${text}"`);
  return value;
}

/** Workers, or servers, of one machine: a coordinator has room for 512 members in all. */
const mostOfARole = 256;

/** How many of a role to start. */
export function roleCount(text: string): number {
  const value = count(text);
  if (value <= mostOfARole) return value;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${mostOfARole}, got "${text}"`);
}

/** Of the draws of a language model: 0 or more. */
export function temperature(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError(`expected a number from 0, got "${text}"`);
}

/** A TCP port, 0 … 65535. */
export function port(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < 0 || value > 65_535) {
    throw new InvalidArgumentError(`expected a port from 0 to 65535, got "${text}"`);
  }
  return value;
}

/** A time such as `90s`, `30m`, `12h`, `7d`, in milliseconds. */
export function duration(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit ?? ""];
  if (unitMs !== undefined && Number(amount) > 0) return Number(amount) * unitMs;
  throw new InvalidArgumentError(`expected a time such as 30m, 12h or 7d, got "${text}"`);
}

/** A cluster's name: part of subjects on the bus and of a file's name. */
export function clusterName(text: string): string {
  if (/^[a-z0-9][a-z0-9_-]{0,127}$/.test(text)) return text;
  throw new InvalidArgumentError(`expected a name of a-z, 0-9, "-" and "_", got "${text}"`);
}

/** An origin of the web, as in `https://edge.example:8443`. */
export function webOrigin(text: string): string {
  const url = URL.parse(text);
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && /^https?:\/\/[^/@]+\/?$/i.test(text);
  if (isOrigin) return url.origin;
  throw new InvalidArgumentError(
    `expected an address such as https://edge.example:8443, without a path, got "${text}"`,
  );
}

/** `HOST:PORT`; port 0 is chosen by the system. */
export function listenAddress(text: string): { readonly host: string; readonly port: number } {
  const cut = text.lastIndexOf(":");
  if (cut < 1) throw new InvalidArgumentError(`expected HOST:PORT, got "${text}"`);
  return { host: text.slice(0, cut).replace(/^\[(.*)\]$/, "$1"), port: port(text.slice(cut + 1)) };
}

/** `synchronous`, `asynchronous`, `bounded:S`. */
export function consistency(text: string): Consistency {
  const bounded = /^bounded:(\d+)$/.exec(text);
  if (bounded !== null) return { mode: "bounded", staleness: Number(bounded[1]) };
  if (text === "synchronous" || text === "asynchronous") return { mode: text };
  throw new InvalidArgumentError(`expected synchronous, asynchronous or bounded:S (as in bounded:3), got "${text}"`);
}

/** Options that change fields of the job that is named on the command line. */
export interface JobOverrideOptions {
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly seed?: number;
  readonly mode?: Consistency;
}

export function addJobOverrides(command: Command): Command {
  return command
    .option("--epochs <N>", "passes over the training data, instead of the job's", count)
    .option("--batch-size <N>", "samples of one batch, instead of the job's", count)
    .option("--seed <N>", "seed of initial values and sample order, instead of the job's", count)
    .option("--mode <MODE>", "synchronous, asynchronous or bounded:S, instead of the job's", consistency);
}

/** The fields of a job that the options replace. */
export function overridesOf(options: JobOverrideOptions): Readonly<Record<string, unknown>> {
  const { epochs, batchSize, seed, mode } = options;
  const fields = { epochs, batchSize, seed, consistency: mode };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
