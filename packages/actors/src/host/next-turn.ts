/** One turn of the event loop: when it has passed, every promise that could settle by itself has. */

/** Settles in a later macrotask. */
export function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (typeof setImmediate === "function") setImmediate(resolve);
  else setTimeout(resolve, 0);
  return promise;
}
