/** What the name of an encoding stands for in a task. */
import { ShoalError } from "@shoal/errors";
import type { EncodingSpec } from "@shoal/federated";

/** @param offered - of the task @throws ShoalError codec_failed - the other end named one that the task does not have */
export function agreedEncoding(offered: readonly EncodingSpec[], name: string): EncodingSpec {
  const found = offered.find((spec) => spec["name"] === name);
  if (found !== undefined) return found;
  throw new ShoalError("codec_failed", `the task has no encoding ${name}`, { field: "encoding" });
}
