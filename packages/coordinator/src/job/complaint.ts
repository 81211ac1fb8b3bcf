/** Turns the complaints of the packages that check parts of a job into one kind of sentence. */

const shownLength = 60;

/**
 * `field: expected …, got …`, with the field's path from the job downwards.
 *
 * @param part path of the part that was checked, such as `job.optimizer`
 * @param sentence what the check said; it may begin with a path of its own
 * @param job the job as it was given, to show what was found
 */
export function complaintOf(part: string, sentence: string, job: unknown): { field: string; sentence: string } {
  const [, path = "", rest = sentence] = /^([a-z][\w.[\]]*): (.*)$/is.exec(sentence) ?? [];
  const field = path === "" ? part : fromJob(part, path);
  const plain = rest.replace(/^(Too small|Too big|Invalid input|Invalid option|Invalid discriminator value)[:.] /, "");
  const expected = plain.replace(/, received [\w ]+$/, "").replace(/^Expected/, "expected");
  const complete = /\b(got|found)\b/.test(expected) || !expected.startsWith("expected");
  return { field, sentence: `${field}: ${expected}${complete ? "" : `, got ${show(valueAt(job, field))}`}` };
}

/** Paths of other packages begin at their part's own name. */
function fromJob(part: string, path: string): string {
  if (path === "job" || path.startsWith("job.")) return path;
  const name = part.slice(part.lastIndexOf(".") + 1);
  const own = path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`);
  return own ? part + path.slice(name.length) : `${part}.${path}`;
}

function valueAt(job: unknown, field: string): unknown {
  const keys = field.split(/[.[\]]+/).filter((key) => key !== "");
  return keys
    .slice(1)
    .reduce<unknown>(
      (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
      job,
    );
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  const text = JSON.stringify(value) ?? "a value that is no data";
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
}
