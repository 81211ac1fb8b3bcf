/** How one parameter is updated: by its role, by what the model freezes, and by the job's groups. */
import type { UpdateTreatment } from "../messages/treatments.ts";
import { groupOf, type ParameterGroup } from "./parameter-group.ts";

/** What decides about a parameter's updates; a segment of a model's layout is one. */
export interface TreatedParameter {
  readonly name: string;
  /** "statistic": not learned, but measured. */
  readonly role: string;
  readonly frozen: boolean;
  /** Of a statistic. */
  readonly rate?: number | undefined;
}

/** The first group that matches counts; a statistic that is not frozen goes its own way whatever the group says. */
export function treatmentOf(parameter: TreatedParameter, groups: readonly ParameterGroup[]): UpdateTreatment {
  const group = groupOf(groups, parameter.name);
  if (parameter.frozen || group?.frozen === true) return { kind: "frozen" };
  if (parameter.role === "statistic") return { kind: "statistic", rate: parameter.rate ?? 1 };
  return {
    kind: "optimizer",
    weightDecay: group?.weightDecay ?? null,
    learningRateScale: group?.learningRateScale ?? 1,
  };
}
