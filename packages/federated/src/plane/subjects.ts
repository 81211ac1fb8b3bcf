/** Subjects of the federated plane on NATS, and what a client may do with them. */
import { ShoalError } from "@shoal/errors";

/** Names of clients and tasks: what a subject token can hold. */
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$/;

export interface TaskAddress {
  readonly cluster: string;
  readonly task: string;
}

/** @throws ShoalError invalid_argument - names what is wrong */
export function checkName(name: string, what: string): string {
  if (namePattern.test(name)) return name;
  const sentence = `${what} ${JSON.stringify(name)}: expected letters, digits, "-" and "_", at most 63`;
  throw new ShoalError("invalid_argument", sentence, { field: what });
}

/** Here a client asks; "*" for all of them. */
export function upSubject(address: TaskAddress, client: string): string {
  return `${prefixOf(address)}.up.${client}`;
}

/** Here a client is told. */
export function downSubject(address: TaskAddress, client: string): string {
  return `${prefixOf(address)}.down.${client}`;
}

/** Here all clients are told. */
export function allSubject(address: TaskAddress): string {
  return `${prefixOf(address)}.all`;
}

/** Prefix of the subjects at which a client is answered. */
export function inboxPrefix(client: string): string {
  return `_INBOX.${client}`;
}

export interface ClientPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** All that a client may do: ask for itself, and hear what is said to it. */
export function permissionsOf(address: TaskAddress, client: string): ClientPermissions {
  checkName(client, "client");
  return {
    publish: [upSubject(address, client)],
    subscribe: [downSubject(address, client), allSubject(address), `${inboxPrefix(client)}.>`],
  };
}

/** The client that a request came from: the last token of the subject that only it may publish to. */
export function clientOfSubject(subject: string): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}

function prefixOf({ cluster, task }: TaskAddress): string {
  return `shoal.${checkName(cluster, "cluster")}.fl.${checkName(task, "task")}`;
}
