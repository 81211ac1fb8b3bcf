/** All that the processes of a simulated cluster share: time, chance, the network, the kernels, and who looks on. */
import {
  createRandom,
  createSimulatedClock,
  createSimulatedNetwork,
  type Random,
  type SimulatedClock,
  type SimulatedNetwork,
} from "@shoal/actors";
import type { ShardDirectory } from "@shoal/protocol";
import type { TrainingSite } from "../../support/training-cluster.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { EventTrace } from "./event-trace.ts";
import { ComputedGradients, isLossy } from "./gradients.ts";
import { Reachability } from "./reachability.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import type { VectorPool } from "./vector-pool.ts";
import { Witness } from "./witness.ts";

export interface WorldSite extends TrainingSite {
  readonly vectors: VectorPool;
}

export class World {
  readonly scenario: Scenario;
  readonly site: WorldSite;
  readonly clock: SimulatedClock = createSimulatedClock();
  readonly random: Random;
  readonly network: SimulatedNetwork;
  readonly reach = new Reachability();
  readonly trace: EventTrace;
  readonly witness: Witness;
  /** Where workers push something else than what they computed. */
  readonly gradients: ComputedGradients | undefined;
  readonly processes: SimulatedProcess[] = [];
  /** Servers that keep nothing of the states that they are sent, by node. */
  readonly neverFilled = new Set<string>();
  /** Nothing befalls it any more, and nobody joins. */
  isOver = false;
  /** Requests on the data plane that have not arrived yet. */
  onTheWay = 0;
  readonly #directories = new Map<SimulatedProcess, ShardDirectory>();
  /** What is to happen at a message, by its number. */
  readonly #atMessage = new Map<number, () => void>();
  #messages = 0;
  #wires = 0;

  constructor(scenario: Scenario, site: WorldSite, keepsTrace: boolean) {
    this.scenario = scenario;
    this.site = site;
    this.random = createRandom(`world ${scenario.name}`);
    const { clock, random } = this;
    this.network = createSimulatedNetwork({ clock, random, settings: scenario.bus, logCapacity: 1 });
    this.trace = new EventTrace(keepsTrace);
    this.gradients = isLossy(scenario.job) ? new ComputedGradients(scenario, site.memory) : undefined;
    this.witness = new Witness(this.trace, clock);
  }

  get vectors(): VectorPool {
    return this.site.vectors;
  }

  /** Messages that have arrived so far, on all planes. */
  get messages(): number {
    return this.#messages;
  }

  nextWire(): number {
    this.#wires += 1;
    return this.#wires;
  }

  /** Makes a process; an earlier one of this node may be there still. */
  process(node: string): SimulatedProcess {
    const lives = this.processes.filter((each) => each.node === node).length;
    const made = new SimulatedProcess(node, `${node}-life-${lives + 1}`, this.clock);
    this.processes.push(made);
    return made;
  }

  /** The processes that live under a node's name, oldest first. */
  living(node: string): readonly SimulatedProcess[] {
    return this.processes.filter((each) => each.node === node && !each.isDead);
  }

  /** Whether the last process of a node died with its machine. */
  isSilent(node: string): boolean {
    return this.processes.findLast((each) => each.node === node)?.isSilent ?? false;
  }

  expose(process: SimulatedProcess, directory: ShardDirectory): void {
    this.#directories.set(process, directory);
  }

  directoryOf(process: SimulatedProcess): ShardDirectory | undefined {
    return process.isDead ? undefined : this.#directories.get(process);
  }

  atMessage(number: number, act: () => void): void {
    const before = this.#atMessage.get(number);
    this.#atMessage.set(number, () => {
      before?.();
      act();
    });
  }

  /** Called when a message arrives, before anybody has heard it: whoever dies now has not. */
  message(plane: string, to: string, from: string, what: string): void {
    this.#messages += 1;
    this.trace.add(this.clock.now(), this.#messages, plane, to, "<", from, what);
    const act = this.#atMessage.get(this.#messages);
    if (act === undefined) return;
    this.#atMessage.delete(this.#messages);
    act();
  }
}
