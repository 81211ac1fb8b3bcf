/** Plants a fault: the modules of this process are loaded with its edits. The sources on the disk stay what they are. */
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Mutation, SourceEdit } from "./mutation.ts";
import { mutations } from "./registry.ts";

const root = resolve(import.meta.dirname, "../../..");

export function mutationOf(name: string): Mutation {
  const found = mutations.find((each) => each.name === name);
  if (found !== undefined) return found;
  throw new RangeError(`no mutation ${name}; there are ${mutations.map((each) => each.name).join(", ")}`);
}

/** Call it before any of the edited modules is imported. */
export function plant({ name, edits }: Mutation): void {
  const byUrl = Map.groupBy(edits, ({ file }) => pathToFileURL(resolve(root, file)).href);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const here = byUrl.get(url);
      if (here === undefined) return loaded;
      const { source: text = "" } = loaded;
      const source = typeof text === "string" ? text : new TextDecoder().decode(text);
      return { ...loaded, source: here.reduce((text, edit) => apply(text, edit, name), source) };
    },
  });
}

/** @throws RangeError when what is to be replaced does not stand there exactly once */
export function apply(source: string, { file, before, after }: SourceEdit, name: string): string {
  const parts = source.split(before);
  if (parts.length !== 2) throw new RangeError(`mutation ${name}: ${file} holds ${parts.length - 1} times: ${before}`);
  return parts.join(after);
}
