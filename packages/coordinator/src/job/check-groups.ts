/** Checks that a job's parameter groups mean something for its model and its optimiser. */
import { ShoalError } from "@shoal/errors";
import type { ParameterLayout } from "@shoal/models";
import { hasWeightDecay, parseOptimizerSpec } from "@shoal/optimization";
import { matchesPattern, maximumTreatments, maximumUpdateRanges, type JobSpec } from "@shoal/protocol";
import { closeNames } from "../placement/close-names.ts";
import { parameterUpdates } from "../placement/parameter-updates.ts";

const shownNames = 3;

/** @throws ShoalError invalid_argument - the message begins with the field, such as `parameterGroups[0].parameters` */
export function checkGroups(job: JobSpec, layout: ParameterLayout): void {
  const names = layout.segments.map(({ name }) => name);
  const optimizer = parseOptimizerSpec(job.optimizer);
  for (const [index, { parameters, weightDecay }] of job.parameterGroups.entries()) {
    const field = `parameterGroups[${index}]`;
    if (!names.some((name) => matchesPattern(parameters, name))) {
      const close = closeNames(parameters, names, shownNames).join(", ");
      throw invalid(`${field}.parameters`, `expected the name of a parameter or a pattern, such as ${close}`);
    }
    if (weightDecay !== undefined && !hasWeightDecay(optimizer)) {
      const sentence = `expected none, because the optimiser ${optimizer.name} has no weight decay`;
      throw invalid(`${field}.weightDecay`, sentence);
    }
  }
  const { ranges, treatments } = parameterUpdates(job, layout);
  if (!ranges.some(([, index]) => treatments[index]?.kind === "optimizer")) {
    throw invalid(
      "parameterGroups",
      "expected at least one parameter that is not frozen, else there is nothing to train",
    );
  }
  if (ranges.length > maximumUpdateRanges || treatments.length > maximumTreatments) {
    const found = `${ranges.length} ranges in ${treatments.length} ways`;
    throw invalid("parameterGroups", `expected at most ${maximumUpdateRanges} ranges of keys, got ${found}`);
  }
}

function invalid(field: string, sentence: string): ShoalError {
  return new ShoalError("invalid_argument", `${field}: ${sentence}`, { field });
}
