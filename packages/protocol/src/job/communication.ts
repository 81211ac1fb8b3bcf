/**
 * What workers push, and after how much computing. With local updates a contribution is `steps` batches: the worker takes
 * a step of the job's optimiser after each, on parameters of its own, and pushes what has become of them.
 *
 * Who owns a slot keeps the state of its inner optimiser (and, with `easgd`, its parameters) between rounds; whoever takes
 * the slot over begins afresh. So the result of a synchronous run depends on who lived, unless the inner optimiser keeps
 * nothing, as SGD without momentum does, and the rule is not `easgd`.
 */
import { z } from "zod";

export type LocalCommunication =
  /** Local SGD, federated averaging: the shards take the mean of the workers' models, weighted by samples. */
  | { readonly name: "local_sgd"; readonly steps: number }
  /**
   * Elastic averaging (Zhang, Choromańska, LeCun 2015): each worker keeps its own parameters, which are drawn to the
   * shards' by `elasticity` of their distance each round, and the shards' to them. Workers × elasticity should be about
   * 0.9 and must be below 2 to be stable; default 0.1.
   */
  | { readonly name: "easgd"; readonly steps: number; readonly elasticity: number }
  /** The shards add each worker's change, divided by the number of slots, or of workers at the start. */
  | { readonly name: "geo_sgd"; readonly steps: number }
  /** The shards mix each worker's model in (Xie, Koyejo, Gupta 2019): w ← w + mixing·s(staleness)·(model − w). */
  | { readonly name: "fedasync"; readonly steps: number; readonly mixing: number }
  /** DiLoCo (Douillard et al. 2023): the mean change is the gradient of an outer SGD with Nesterov momentum. */
  | {
      readonly name: "diloco";
      readonly steps: number;
      readonly outerLearningRate: number;
      readonly outerMomentum: number;
      /**
       * Streaming DiLoCo (Douillard et al. 2025): the shards in so many groups, of which one is exchanged every
       * steps/fragments steps, each in its turn. Default 1: all at once. Synchronous mode only.
       */
      readonly fragments: number;
      /** Steps that a worker goes on before it needs what it has pulled, which hides the pull. Default 0. */
      readonly delay: number;
      /** Share of its distance from the pulled values that a worker keeps: θ ← w + mixing·(θ − w). Default 0. */
      readonly mixing: number;
    };

export type Communication =
  /** The gradient of each contribution. */
  { readonly name: "gradients" } | LocalCommunication;

/** What a person writes: what has a default may be left out. */
export type CommunicationInput = Communication extends infer C
  ? C extends LocalCommunication
    ? Pick<C, "name" | "steps"> & Partial<C>
    : C
  : never;

/** Most steps between two exchanges. */
const maximumLocalSteps = 1_000_000;

const steps = z.int().min(1).max(maximumLocalSteps);
const share = z.number().gt(0).max(1);

export const communicationSchema: z.ZodType<Communication> = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("gradients") }),
  z.strictObject({ name: z.literal("local_sgd"), steps }),
  z.strictObject({ name: z.literal("easgd"), steps, elasticity: share.default(0.1) }),
  z.strictObject({ name: z.literal("geo_sgd"), steps }),
  z.strictObject({ name: z.literal("fedasync"), steps, mixing: share.default(0.6) }),
  z.strictObject({
    name: z.literal("diloco"),
    steps,
    outerLearningRate: z.number().gt(0).default(0.7),
    outerMomentum: z.number().min(0).lt(1).default(0.9),
    fragments: z.int().min(1).max(4096).default(1),
    delay: z.int().min(0).max(maximumLocalSteps).default(0),
    mixing: z.number().min(0).lt(1).default(0),
  }),
]);

/** Optimiser steps that a worker takes for one contribution. */
export function localSteps(communication: Communication): number {
  return communication.name === "gradients" ? 1 : Math.ceil(communication.steps / fragmentsOf(communication));
}

/** Groups of shards that are exchanged in turn; 1: all shards each time. */
export function fragmentsOf(communication: Communication): number {
  return communication.name === "diloco" ? communication.fragments : 1;
}

/** The group that a shard belongs to, by its position among `shards`: groups are of neighbours. */
export function fragmentOfShard(index: number, shards: number, fragments: number): number {
  return Math.floor((index * fragments) / shards);
}

/** Samples of one full contribution: the batch of the epoch's plan. */
export function contributionSamples(job: {
  readonly batchSize: number;
  readonly accumulation: number;
  readonly communication: Communication;
}): number {
  return job.batchSize * job.accumulation * localSteps(job.communication);
}
