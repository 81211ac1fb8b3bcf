/** `shoal edge`: lets browsers and small devices take part in a federated task; `shoal edge invite`: a link for one. */
import { hostname } from "node:os";
import type { Command } from "commander";
import { ShoalError } from "@shoal/errors";
import { checkName } from "@shoal/federated";
import { resolveCluster } from "../../cluster/cluster-address.ts";
import { stopRequested } from "../../cluster/parent-watch.ts";
import { commandName } from "../../environment/command-name.ts";
import { isLoopback } from "../../edge/edge-server.ts";
import { checkFederatedRun } from "../../edge/federated-run.ts";
import { startEdge } from "../../edge/run-edge.ts";
import { ticketKey } from "../../edge/ticket-key.ts";
import { writeTicket } from "../../edge/ticket.ts";
import type { CommandContext } from "../command-line.ts";
import { count, duration, port, webOrigin } from "../options.ts";
import { connected, withCluster, type ConnectedOptions } from "./connected-command.ts";

const defaultPort = 8787;
/** A house or a ward shares an address, and so may a town. On loopback it is a proxy's. */
const usualPerAddress = 256;

interface EdgeCommandOptions extends ConnectedOptions {
  readonly task?: string;
  readonly host: string;
  readonly port: number;
  readonly leaf?: string;
  readonly origin: readonly string[];
  readonly invitedOnly?: boolean;
  readonly perAddress?: number;
  readonly open?: boolean;
  readonly cert?: string;
  readonly key?: string;
}

export function addEdge(program: Command, context: CommandContext): void {
  const edge = connected(program.command("edge"))
    .enablePositionalOptions()
    .description("serve a page that trains in the browser, and let clients take part in a federated run")
    .option("--task <RUN>", "the run; default: the one that is under way")
    .option("--port <N>", "port of page and clients; 0: a free one", port, defaultPort)
    .option("--host <ADDRESS>", "address to listen at; other than loopback only with --cert and --key", "127.0.0.1")
    .option("--origin <URL>", "another address under which it is reached; may be repeated", collectOrigins, [])
    .option("--cert <FILE>", "certificate, PEM")
    .option("--key <FILE>", "its private key, PEM")
    .option("--open", "let everybody in who reaches the page; the default on loopback")
    .option("--invited-only", "let nobody in without an invitation; the default elsewhere")
    .option("--per-address <N>", `clients of one address at a time; default ${usualPerAddress}, any on loopback`, count)
    .option("--leaf <HOST:PORT>", "where the cluster's nats-server takes leaf nodes; default: port 7422 of --nats")
    .action((options: EdgeCommandOptions) => serveEdge(options, context));
  connected(edge.command("invite"))
    .description("make an invitation to a federated run: a link that lets in whoever has it, until it ends")
    .argument("<run>", "name of the run")
    .option("--client <NAME>", "let in one client, under this name; default: everybody, each under a name of its own")
    .option("--for <TIME>", "how long it is good for: 30m, 12h, 7d", duration, duration("1d"))
    .option("--origin <URL>", "where shoal edge is reached", webOrigin, `http://127.0.0.1:${defaultPort}`)
    .action((run: string, options: InviteOptions) => invite(run, options, context));
}

async function serveEdge(options: EdgeCommandOptions, context: CommandContext): Promise<void> {
  const { host, cert, key, task, leaf, origin: origins } = options;
  const { environment } = context;
  const output = context.output(options.json);
  const address = resolveCluster(options, environment);
  const isOpen = isOpenFor(options);
  if ((cert === undefined) !== (key === undefined)) {
    throw new ShoalError("invalid_argument", "--cert and --key go together: a certificate, and its private key", {
      field: cert === undefined ? "cert" : "key",
    });
  }
  const tls = cert === undefined || key === undefined ? undefined : { cert, key };
  if (tls === undefined && !isLoopback(host)) {
    const sentence = `--host ${host} needs --cert and --key: what clients send would go over the network in the clear`;
    throw new ShoalError("invalid_argument", sentence, { field: "host" });
  }
  const stop = stopRequested();
  const edge = await startEdge({
    ...{
      address,
      leaf,
      task,
      host,
      port: options.port,
      tls,
      origins,
      isOpen,
      perAddress: options.perAddress ?? (isLoopback(host) ? Infinity : usualPerAddress),
      environment,
      log: (sentence) => output.line(sentence),
    },
  });
  output.value({ type: "edge", origin: edge.origin, cluster: address.cluster, isOpen });
  output.line(`clients of cluster ${address.cluster} are served at ${edge.origin}`);
  output.line(
    isOpen
      ? "whoever opens the page can take part"
      : `invitations: ${commandName(environment)} edge invite RUN --origin ${origins[0] ?? reachable(edge.origin)}`,
  );
  output.line("Ctrl-C ends it");
  const reason = await Promise.race([stop, edge.lost]);
  await edge.stop();
  if (typeof reason !== "string") throw reason;
}

/** Every address of this machine is none to go to: its name is. */
function reachable(origin: string): string {
  return origin.replace(/0\.0\.0\.0|\[::\]/, hostname());
}

/** @throws ShoalError invalid_argument - both were asked for */
function isOpenFor({ open = false, invitedOnly = false, host }: EdgeCommandOptions): boolean {
  if (!open || !invitedOnly) return open || (!invitedOnly && isLoopback(host));
  throw new ShoalError("invalid_argument", "--open and --invited-only exclude each other", { field: "open" });
}

interface InviteOptions extends ConnectedOptions {
  readonly client?: string;
  readonly for: number;
  readonly origin: string;
}

async function invite(run: string, options: InviteOptions, context: CommandContext): Promise<void> {
  checkName(run, "run");
  const { cluster } = resolveCluster(options, context.environment);
  const client = options.client === undefined ? null : checkName(options.client, "client");
  await withCluster(options, context, async ({ system, coordinator }) => {
    await checkFederatedRun({ system, coordinator }, run);
  });
  const expiresAt = Math.floor((Date.now() + options.for) / 1_000);
  const ticket = writeTicket({ cluster, task: run, client, expiresAt }, ticketKey(cluster, context.environment));
  // Behind "#": a browser keeps it to itself, and no server writes it into a log.
  const link = new URL(`#ticket=${ticket}`, options.origin).href;
  const output = context.output(options.json);
  output.value({ type: "invitation", run, client, ticket, link, expiresAt });
  output.line(link);
  output.line(`good until ${new Date(expiresAt * 1_000).toISOString()}; whoever has it can take part`);
}

function collectOrigins(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, webOrigin(value)];
}
