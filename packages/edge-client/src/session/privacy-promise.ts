/**
 * What a task promised of privacy when this client first came to it: whoever serves the task later may promise no other.
 *
 * A client agrees to what it is told at first. Without this an aggregator that fell into other hands need only describe the
 * task anew, without masks, to be sent updates as they are. Kept in the client's storage, so that a reload does not forget it.
 */
import { ShoalError } from "@shoal/errors";
import type { TaskDescription } from "@shoal/federated";
import type { ClientStorage } from "../storage/client-storage.ts";

export interface PrivacyPromise {
  /** @throws ShoalError permission_denied - it was another one */
  check(told: TaskDescription): Promise<void>;
}

const key = "carried/promise";
/** Of what is kept, `ClientPrivacy` included. What another release has written is taken as nothing. */
const format = 2;

export function createPrivacyPromise(storage: ClientStorage): PrivacyPromise {
  let known: string | undefined;
  return {
    async check({ task, privacy }) {
      // The schema of descriptions gives their fields an order.
      const told = JSON.stringify([format, task, privacy]);
      if (known === told) return;
      const found = known ?? (await read(storage));
      // One task at a time: of another one nothing was promised.
      if (found?.startsWith(`[${format},"${task}",`) === true && found !== told) {
        const sentence = `task ${task} does not promise the privacy that it promised when this client came to it`;
        throw new ShoalError("permission_denied", sentence, { task });
      }
      known = told;
      if (found !== told) await storage.set(key, new TextEncoder().encode(told));
    },
  };
}

async function read(storage: ClientStorage): Promise<string | undefined> {
  const bytes = await storage.get(key);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}
