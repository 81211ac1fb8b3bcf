/** Waits for a node's membership, and not for ever. */
import { ShoalError } from "@shoal/errors";

/** A coordinator that is there answers a join within milliseconds. */
const joinLimitMs = 10_000;

/** @throws ShoalError deadline_exceeded - names the node and the coordinator */
export async function awaitJoined(node: string, joined: Promise<unknown>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const seconds = joinLimitMs / 1000;
  const timer = setTimeout(() => {
    const sentence = `${node} waited ${seconds} s for the coordinator's welcome; is a coordinator running in this cluster?`;
    reject(new ShoalError("deadline_exceeded", sentence, { node, waitedFor: "coordinator" }));
  }, joinLimitMs);
  try {
    await Promise.race([joined, late]);
  } finally {
    clearTimeout(timer);
  }
}
