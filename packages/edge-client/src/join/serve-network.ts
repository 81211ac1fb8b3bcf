/** The network's thread of a client: has its connection, its key and its storage, and does as the program's thread says. */
import { isShoalError, ShoalError } from "@shoal/errors";
import type { ReconnectHints } from "../nats/reconnect-hints.ts";
import type { SessionModel } from "../session/newest-model.ts";
import { createMemoryStorage, type ClientStorage } from "../storage/client-storage.ts";
import type { ClientEnd, ClientState, FromNetwork, ThreadPort, ToNetwork } from "./join-messages.ts";
import type { JoinEvent } from "./join-task.ts";
import { takePart, type Part } from "./take-part.ts";

type Start = Extract<ToNetwork, { readonly type: "start" }>;
type OpenStorage = (place: string) => Promise<ClientStorage>;

interface Network {
  readonly say: (message: FromNetwork) => void;
  readonly openStorage: OpenStorage;
  /** Those of whoever is at the other end. */
  readonly hinted: Set<() => void>;
  readonly stopping: AbortController;
  hasBegun: boolean;
  isInRound: boolean;
  part: Part | undefined;
}

/**
 * Serves whoever is at the other end of `port`, from now on, for one client.
 * @param openStorage - in the place that the program has named
 */
export function serveNetwork(port: ThreadPort, openStorage: OpenStorage): void {
  const network: Network = {
    ...{ openStorage, hinted: new Set(), stopping: new AbortController() },
    ...{ hasBegun: false, isInRound: false, part: undefined },
    say: (message) => port.postMessage(message, { transfer: [] }),
  };
  port.addEventListener("message", ({ data }) => {
    const message = data as ToNetwork;
    switch (message.type) {
      case "start":
        network.hasBegun = true;
        return void live(network, message).then((end) => over(network, end));
      case "reconnect_hint":
        for (const hint of network.hinted) hint();
        return;
      case "page_goes":
        // In the middle of a round it says nothing: a page that is loaded again goes on with it; else the round has a deadline.
        if (!network.isInRound) close(network);
        return;
      case "close":
        return close(network);
      case "look":
        network.say({ type: "looked", call: message.call, state: stateOf(network) });
    }
  });
}

async function live(network: Network, { start, compute }: Start): Promise<ClientEnd> {
  const { say, hinted, stopping } = network;
  const onEvent = (event: JoinEvent): void => {
    if (event.type === "offered") network.isInRound = true;
    if (event.type === "answered" || event.type === "let_go") network.isInRound = false;
    say({ type: "event", event });
  };
  const hints: ReconnectHints = {
    listen(onHint) {
      hinted.add(onHint);
      return () => hinted.delete(onHint);
    },
  };
  try {
    const storage = await openOrForget(network.openStorage, start.storage, onEvent);
    const part = await takePart({ start, compute, storage, hints, onEvent, signal: stopping.signal });
    network.part = part;
    say({ type: "joined", client: part.client, task: part.task });
    if (stopping.signal.aborted) void part.session.close();
    return { reason: await part.ended };
  } catch (error) {
    return { error: ShoalError.from(error).toJSON() };
  }
}

/** Where nothing can be kept, a reload begins afresh. */
async function openOrForget(
  openStorage: OpenStorage,
  place: string | null,
  onEvent: (event: JoinEvent) => void,
): Promise<ClientStorage> {
  if (place === null) return createMemoryStorage();
  return await openStorage(place).catch((error: unknown) => {
    onEvent({ type: "not_kept", reason: ShoalError.from(error).message });
    return createMemoryStorage();
  });
}

/** Who is not in yet has nobody to say goodbye to. */
function close(network: Network): void {
  network.stopping.abort();
  if (network.part !== undefined) void network.part.session.close();
  else if (!network.hasBegun) over(network, { error: closedBefore.toJSON() });
}

const closedBefore: ShoalError = new ShoalError("cancelled", "the client was closed before it was let in");

function over(network: Network, end: ClientEnd): void {
  network.say({ type: "over", end, state: stateOf(network) });
}

function stateOf({ part }: Network): ClientState {
  return { model: modelOf(part), traffic: part?.traffic() ?? { sent: 0, received: 0 } };
}

/** None where the task has layers that this client does not know: it could not train them either. */
function modelOf(part: Part | undefined): SessionModel | undefined {
  try {
    return part?.session.model();
  } catch (error) {
    if (isShoalError(error)) return undefined;
    throw error;
  }
}
