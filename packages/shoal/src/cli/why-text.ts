/** `shoal why` in words. */
import type { WaitChain, WaitExplanation, WaitLink } from "@shoal/protocol";
import type { Output } from "./output.ts";

export function sayWhy({ run, summary, chains, members }: WaitExplanation, output: Output): void {
  output.line(`${run}: ${summary}`);
  for (const chain of chains) for (const line of chainLines(chain)) output.line(line);
  if (members.length > 0) output.line();
  const width = Math.max(0, ...members.map(({ name }) => name.length));
  for (const { name, state } of members) output.line(`  ${name.padEnd(width)}  ${state}`);
}

/** Those who wait for the cause and the cause on one line; those who wait for them below. */
export function chainLines({ cause, state, links }: WaitChain): readonly string[] {
  const [nearest, ...others] = links;
  const direct = nearest === undefined ? "" : `${linkText(nearest)}; `;
  return [`  ${direct}${cause}: ${state}`, ...others.map((link) => `    ${linkText(link)}`)];
}

function linkText({ waiters, waitingFor, reason, forMs }: WaitLink): string {
  const since = forMs === null ? "" : `, ${(forMs / 1000).toFixed(1)} s`;
  return `${waiters.join(", ")} ${waiters.length === 1 ? "waits" : "wait"} for ${waitingFor.join(", ")} (${reason}${since})`;
}
