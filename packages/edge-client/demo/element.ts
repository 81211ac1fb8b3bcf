/** Elements of the page by their ids. */

/** @throws Error where the page has none */
export function element(id: string): Element {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/** @throws Error where the page has none of this kind */
export function elementOf<E extends Element>(id: string, kind: new () => E): E {
  const found = element(id);
  if (found instanceof kind) return found;
  throw new Error(`${id} is another kind of element`);
}
