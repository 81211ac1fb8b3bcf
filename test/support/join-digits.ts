/** Takes part in a federated task with generated digits, to its end: the same lines in Node and in pages. */
import { join, type JoinedSession, type JoinEvent, type JoinTask } from "@shoal/edge-client";
import { generateDigits } from "@shoal/models";

export interface JoinedDigits {
  readonly client: string;
  readonly reason: string;
  readonly contributions: number;
  readonly hash: string | undefined;
  readonly weights: number;
}

/** @param onJoined - told when it is let in */
export async function joinDigits(
  task: JoinTask,
  seed: number,
  storage: string,
  onJoined: (session: JoinedSession) => void = () => undefined,
): Promise<JoinedDigits> {
  let contributions = 0;
  const onEvent = (event: JoinEvent): void => {
    if (event.type === "answered" && event.answer.kind === "accepted") contributions += 1;
  };
  const data = generateDigits({ samples: 200, testSamples: 50, seed });
  await using session = await join(task, data, { storage, onEvent });
  onJoined(session);
  const reason = await session.ended;
  const model = await session.model();
  const weights = Object.values(model?.parameters ?? {}).reduce((sum, { values }) => sum + values.length, 0);
  return { client: session.client, reason, contributions, hash: model?.hash, weights };
}
