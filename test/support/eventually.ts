/** Waits on a condition of something real (a process, a socket); in virtual time use `runSimulation` instead. */

/** @throws Error naming `what` when the condition does not hold within `limitMs` */
export async function eventually(what: string, condition: () => boolean, limitMs = 5000): Promise<void> {
  for (const endAt = Date.now() + limitMs; !condition();) {
    if (Date.now() > endAt) throw new Error(`not within ${String(limitMs)} ms: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
