/** A client on the network's thread: it is let in under the key of its storage, and plays the rounds of its task. */
import { createSystemRandom, systemClock } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";
import { loadKernelModules } from "@shoal/kernels-wasm";
import type { ComputePort } from "../compute/compute-messages.ts";
import { createComputeTrainer } from "../compute/compute-trainer.ts";
import { createClientKey } from "../connect/connect-edge.ts";
import type { ReconnectHints } from "../nats/reconnect-hints.ts";
import { openSession, type Session } from "../session/open-session.ts";
import { createUpdateCodec } from "../session/update-codec.ts";
import type { ClientStorage } from "../storage/client-storage.ts";
import { createForgivingStorage } from "../storage/forgiving-storage.ts";
import { createStorageFolder } from "../storage/storage-folder.ts";
import { enrolPatiently } from "./enrol-patiently.ts";
import type { NetworkStart } from "./join-messages.ts";
import type { JoinEvent, JoinTraffic } from "./join-task.ts";

export interface PartOptions {
  readonly start: NetworkStart;
  readonly compute: ComputePort;
  readonly storage: ClientStorage;
  readonly hints: ReconnectHints;
  readonly onEvent: (event: JoinEvent) => void;
  /** Aborted: it asks no longer to be let in. */
  readonly signal: AbortSignal;
}

export interface Part {
  readonly client: string;
  readonly task: string;
  readonly session: Session;
  readonly traffic: () => JoinTraffic;
  /** As the session's; rejects also where the client would not be let in again. */
  readonly ended: Promise<string>;
}

const keyName = "key";

/** @throws ShoalError as `enrolPatiently`; deadline_exceeded - the compute thread did not become ready */
export async function takePart({ start, compute, hints, onEvent, signal, ...own }: PartOptions): Promise<Part> {
  const storage = createForgivingStorage(own.storage, ({ message }) => onEvent({ type: "not_kept", reason: message }));
  const seed = start.key ?? (await keptKey(storage));
  const modules = await loadKernelModules();
  const trainer = await createComputeTrainer({ port: compute, clock: systemClock });
  const refused = new AbortController();
  const { enrolment, plane, traffic } = await enrolPatiently({
    ...{ origin: start.origin, ticket: start.ticket, seed, hints, signal },
    ...{ clock: systemClock, random: createSystemRandom(), onRefused: (error) => refused.abort(error) },
    onWaiting: (reason) => onEvent({ type: "waiting", reason }),
  });
  const { client, task } = enrolment;
  const session = openSession({
    ...{ task, client, plane, trainer, codec: createUpdateCodec(modules, start.memoryBytes), onEvent },
    device: { memoryBytes: start.memoryBytes, platform: start.platform },
    ...(start.privacyLimit !== undefined && { privacyLimit: start.privacyLimit }),
    // One key may have another name in another invitation: what it was there is not what it is here.
    storage: createStorageFolder(storage, client),
  });
  refused.signal.addEventListener("abort", () => void session.close());
  const ended = session.ended.then((reason) => {
    if (refused.signal.aborted) throw ShoalError.from(refused.signal.reason);
    return reason;
  });
  return { client, task, session, traffic, ended };
}

/** A client whose storage keeps nothing is another one next time. */
async function keptKey(storage: ClientStorage): Promise<string> {
  const kept = await storage.get(keyName);
  if (kept !== undefined) return new TextDecoder().decode(kept);
  const made = createClientKey();
  await storage.set(keyName, new TextEncoder().encode(made));
  return made;
}
