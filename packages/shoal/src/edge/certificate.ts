/** The certificate of `shoal edge`: what is wrong with it is said at the start, not by each visitor's browser. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { ShoalError } from "@shoal/errors";

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface ReadCertificate {
  /** PEM. */
  readonly tls: { readonly cert: Buffer; readonly key: Buffer };
  /** Hosts of `origins` that it is not for: a browser refuses it there, unless a proxy shows another one. */
  readonly strangers: readonly string[];
}

/** @throws ShoalError invalid_argument - files that cannot be read, are none, do not belong together, or have ended */
export function readCertificate(files: CertificateFiles, origins: readonly string[], nowMs: number): ReadCertificate {
  const refuse = (sentence: string, cause?: unknown): ShoalError =>
    new ShoalError("invalid_argument", sentence, { ...files }, { cause });
  const attempt = <T>(read: () => T, what: string): T => {
    try {
      return read();
    } catch (cause) {
      throw refuse(`cannot read the ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
  };
  const cert = attempt(() => readFileSync(files.cert), "certificate");
  const key = attempt(() => readFileSync(files.key), "private key");
  const certificate = attempt(() => new X509Certificate(cert), `certificate ${files.cert}, expected PEM`);
  const own = attempt(() => createPrivateKey(key), `private key ${files.key}, expected PEM without a passphrase`);
  if (!certificate.checkPrivateKey(own)) throw refuse(`${files.key} is not the private key of ${files.cert}`);
  if (certificate.validToDate.getTime() <= nowMs) {
    throw refuse(`the certificate ${files.cert} has ended: it was good until ${certificate.validToDate.toISOString()}`);
  }
  const hosts = origins.filter((origin) => origin.startsWith("https:")).map((origin) => new URL(origin).hostname);
  return { tls: { cert, key }, strangers: hosts.filter((host) => !isFor(certificate, host)) };
}

function isFor(certificate: X509Certificate, host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  return (isIP(bare) === 0 ? certificate.checkHost(bare) : certificate.checkIP(bare)) !== undefined;
}
