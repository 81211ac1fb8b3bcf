/**
 * Hints that now is a better moment to connect than the one that a back-off has drawn: the device is online again, somebody
 * looks at the page, the page has come back from the back/forward cache, or is frozen no longer, be it shown or not (Chromium's
 * `resume`). A hint says nothing of whoever is connected to.
 *
 * A window has all four, a worker `online` at most (Chromium's has not even that): whoever connects from a worker lets the page
 * pass its own on. Node has none.
 */

export interface ReconnectHints {
  /** @returns stops */
  listen(onHint: () => void): () => void;
}

/** What is read of a window, or of a worker's global scope. */
export interface HintScope {
  readonly addEventListener?: EventTarget["addEventListener"];
  /** Only where there is a page. */
  readonly document?: Pick<EventTarget, "addEventListener"> & { readonly visibilityState: string };
}

/** Those of the window or worker in which this is called. */
export function createBrowserHints(scope: HintScope = globalThis): ReconnectHints {
  return {
    listen(onHint) {
      const { document } = scope;
      const stopped = new AbortController();
      const { signal } = stopped;
      scope.addEventListener?.("online", () => onHint(), { signal });
      scope.addEventListener?.(
        "pageshow",
        (event) => {
          // The first time that a page is shown nothing waits.
          if ("persisted" in event && event.persisted === true) onHint();
        },
        { signal },
      );
      document?.addEventListener(
        "visibilitychange",
        () => {
          if (document.visibilityState === "visible") onHint();
        },
        { signal },
      );
      document?.addEventListener("resume", () => onHint(), { signal });
      return () => stopped.abort();
    },
  };
}
