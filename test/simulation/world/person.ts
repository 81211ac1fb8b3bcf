/** Whoever wants the run: submits it, looks after it, and asks for it again from the cluster that comes after the one that died. */
import type { RunStatus } from "@shoal/protocol";
import type { Cluster } from "./cluster.ts";
import type { World } from "./world.ts";

export class Person {
  readonly #world: World;
  readonly #cluster: Cluster;
  #run = "";
  /** The cluster that has been asked, counted from 0. */
  #asked = 0;

  constructor(world: World, cluster: Cluster) {
    this.#world = world;
    this.#cluster = cluster;
  }

  get run(): string {
    return this.#run;
  }

  async submit(): Promise<void> {
    this.#asked = this.#world.witness.eras.generation;
    this.#run = await this.#cluster.submit(this.#world.scenario.job, `simulated-${this.#asked}`);
  }

  /** @returns undefined while nobody can say */
  async look(): Promise<RunStatus | undefined> {
    const status = await this.#cluster.status(this.#run);
    if (status !== "unknown") return status;
    const { witness } = this.#world;
    if (witness.eras.generation > this.#asked) await this.#resume();
    else witness.violation(`the coordinator has forgotten ${this.#run}`);
    return undefined;
  }

  async #resume(): Promise<void> {
    const { witness } = this.#world;
    const { generation } = witness.eras;
    const found = this.#cluster.watch.newest(this.#run);
    const reply = await this.#cluster.resume(this.#run, `again-${generation}`);
    if (reply.type === "run_accepted") {
      this.#asked = generation;
      return;
    }
    const { code, message } = reply.error;
    if (code === "store_unavailable") return;
    if (found !== undefined)
      witness.violation(`${found.snapshot} is there, but ${this.#run} does not go on: ${message}`);
    await this.submit();
  }
}
