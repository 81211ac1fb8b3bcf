/** Pulls take turns: each is relative to what the one before has brought. */
export interface PullTurns {
  /** Settles when none is under way; undefined when that is so. */
  readonly idle: Promise<unknown> | undefined;
  /** Begins one now. */
  begin<R>(pull: () => Promise<R>): Promise<R>;
}

/** @param failed a pull has failed: what it has left is not to be relied on */
export function createPullTurns(failed: () => void): PullTurns {
  let settled: Promise<unknown> = Promise.resolve();
  let underWay = 0;
  const end = (): void => void (underWay -= 1);
  return {
    get idle() {
      return underWay > 0 ? settled : undefined;
    },
    begin(pull) {
      underWay += 1;
      const result = pull();
      settled = Promise.allSettled([settled, result]);
      result.then(end, () => {
        end();
        failed();
      });
      return result;
    },
  };
}
