/** Under which terms the entries of a copy were made. */

/** Terms that a copy remembers; about entries of older ones it cannot tell, and is filled. */
const rememberedTerms = 32;

export interface History {
  /** Newest entry; 0 before the first. */
  readonly index: number;
  /** Term under which that one was made; 0 before the first. */
  readonly madeIn: number;
  /** Term under which the entry `index` was made; undefined when it is not there, or forgotten. */
  madeInAt(index: number): number | undefined;
  /** One entry more. */
  add(madeIn: number): void;
  /** The copy is another now: its newest entry is this one. */
  replace(index: number, madeIn: number): void;
}

export function createHistory(): History {
  /** By term, the first entry that is known to be of it. */
  let terms: { readonly madeIn: number; readonly first: number }[] = [];
  let newest = 0;
  return {
    get index() {
      return newest;
    },
    get madeIn() {
      return terms.at(-1)?.madeIn ?? 0;
    },
    madeInAt: (index) => (index > newest ? undefined : terms.findLast(({ first }) => first <= index)?.madeIn),
    add(madeIn) {
      newest += 1;
      if (terms.at(-1)?.madeIn !== madeIn) terms.push({ madeIn, first: newest });
      terms = terms.slice(-rememberedTerms);
    },
    replace(index, madeIn) {
      newest = index;
      terms = [{ madeIn, first: index }];
    },
  };
}
