/** What the shards of a job do with the contributions, given what the workers push. */
import type { OpaqueSpec, JobSpec } from "@shoal/protocol";

export interface ShardRules {
  readonly optimizer: OpaqueSpec;
  readonly schedule: OpaqueSpec;
  readonly aggregation: JobSpec["aggregation"];
  readonly staleness: OpaqueSpec;
}

type Rules = Pick<JobSpec, "optimizer" | "schedule" | "aggregation" | "staleness" | "communication">;

/**
 * Gradients are the job's optimiser's. After local updates the job's optimiser and schedule are the workers', what they
 * push are differences (values before minus values after) and the shards' optimiser is the outer one:
 *
 *   local_sgd  w ← w − mean Δ, which is the mean of the models
 *   easgd      c ← c + Σ elasticity·(xᵢ − c); what is pushed is elasticity·(c − xᵢ)
 *   geo_sgd    w ← w − Σ Δᵢ / replicas
 *   fedasync   w ← w + mixing·(x − w); what is pushed is x
 *   diloco     v ← µv + Δ, w ← w − rate·(Δ + µv) with Δ = mean Δᵢ (PyTorch's form of Nesterov's step)
 *
 * @param replicas slots in synchronous mode, the workers that the run began with in others
 */
export function shardRules(job: Rules, replicas: number): ShardRules {
  const { aggregation, staleness, communication } = job;
  const schedule = { name: "constant" };
  const sgd = (learningRate: number): OpaqueSpec => ({ name: "sgd", learningRate });
  switch (communication.name) {
    case "gradients":
      return { optimizer: job.optimizer, schedule: job.schedule, aggregation, staleness };
    case "local_sgd":
      return { optimizer: sgd(1), schedule, aggregation, staleness };
    case "easgd":
      // What the shards move is what the worker has moved: a weight would part them.
      return {
        optimizer: sgd(1),
        schedule,
        aggregation: "sum",
        staleness: { weight: { name: "none" }, ...staleness },
      };
    case "geo_sgd":
      return { optimizer: sgd(1 / Math.max(1, replicas)), schedule, aggregation: "sum", staleness };
    case "fedasync":
      return {
        optimizer: { name: "average", learningRate: communication.mixing },
        schedule,
        aggregation: "mean",
        staleness,
      };
    case "diloco": {
      const { outerLearningRate: rate, outerMomentum: momentum } = communication;
      const nesterov = momentum === 0 ? {} : { momentum, nesterov: true };
      return { optimizer: { ...sgd(rate), ...nesterov }, schedule, aggregation, staleness };
    }
  }
}
