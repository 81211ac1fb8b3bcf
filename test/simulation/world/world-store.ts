/**
 * The state store as a process of a simulated cluster reaches it: slow at times, away at times, and where it does not
 * answer a write may have been made all the same.
 */
import type { StateStore } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { storeNode } from "./reachability.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** How long a request to a store that does not answer waits, ms. */
const timeoutMs = 200;

export function storeOf(world: World, process: SimulatedProcess, store: StateStore): StateStore {
  const { scenario, random } = world;
  const draws = random.fork(`store of ${process.id}`);
  const after = (ms: number): Promise<void> => new Promise((resolve) => void process.clock.after(ms, resolve));
  const isAway = (): boolean => process.isDead || !world.reach.reaches("bus", process.node, storeNode);
  const request = async <T>(what: string, key: string, run: () => Promise<T>): Promise<T> => {
    const { slowestMs, lossRate } = scenario.store;
    const [there, back, loss] = [draws.uniform(), draws.uniform(), draws.uniform()];
    const silence = async (): Promise<never> => {
      await after(timeoutMs);
      throw new ShoalError("store_unavailable", `no answer to ${what} of ${key} within ${timeoutMs} ms`);
    };
    await after(there * slowestMs);
    if (isAway() || loss < lossRate / 2) return silence();
    world.message("store", process.node, key, what);
    if (isAway()) return silence();
    const answer = run();
    // It may be rejected while its answer is still on the way.
    answer.catch(() => undefined);
    await after(back * slowestMs);
    if (isAway() || loss < lossRate) return silence();
    return answer;
  };
  return {
    get: (key) => request("get", key, () => store.get(key)),
    create: (key, value) => request("create", key, () => store.create(key, value)),
    update: (key, value, revision) => request("update", key, () => store.update(key, value, revision)),
    delete: (key, revision) => request("delete", key, () => store.delete(key, revision)),
    keys: (prefix) => request("keys", prefix, () => store.keys(prefix)),
    watch: (prefix, onChange) => store.watch(prefix, onChange),
  };
}
