/** What a browser is told of everything that `shoal edge` serves. */

/**
 * The page runs its own scripts and talks to where it came from; nobody frames it, and it sends nothing elsewhere. It is
 * cross-origin isolated, so that kernels may share memory where the browser has it.
 * @param host - under which it was asked for: older Safari does not take 'self' for WebSockets
 */
export function responseHeaders(host: string): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ws://${host} wss://${host}`,
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    "content-security-policy": policy.join("; "),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
}

const loopbackNames: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];
const hostPattern = /^(?:[a-z0-9.-]{1,253}|\[[0-9a-f:]{2,45}\])(?::\d{1,5})?$/i;

export interface HostRules {
  /** Whether it listens on loopback only. */
  readonly isLoopback: boolean;
  /** Origins under which it is reached besides, as in `https://edge.example`. */
  readonly origins: readonly string[];
}

/**
 * Whether a request is meant for us. On loopback a name of somebody else's that leads here is refused: a page of theirs
 * would count as ours (DNS rebinding).
 */
export function isOwnHost(host: string | undefined, { isLoopback, origins }: HostRules): boolean {
  if (host === undefined || !hostPattern.test(host)) return false;
  if (!isLoopback || origins.some((origin) => URL.parse(origin)?.host === host)) return true;
  return loopbackNames.includes(host.replace(/:\d+$/, "").toLowerCase());
}

/** Whether a request comes from our own page, or from no page. */
export function isOwnOrigin(origin: string | undefined, host: string): boolean {
  return origin === undefined || URL.parse(origin)?.host === host.toLowerCase();
}

/** Of what a request accepts (RFC 9110, section 12.5.3): gzip by name, and not with the weight 0. */
export function takesGzip(acceptEncoding: string | string[] | undefined): boolean {
  const codings = [acceptEncoding ?? []].flat().join(",").toLowerCase().split(",");
  return codings.some((coding) => /^\s*gzip\s*(?:;\s*q=(?:0\.\d*[1-9]\d*|1(?:\.0*)?)\s*)?$/.test(coding));
}
