/**
 * A small server that speaks S3 as far as snapshots need it: PUT with conditions, GET, DELETE, and lists. It checks signatures
 * of version 4 by itself, from the specification, and refuses what is not signed with its key.
 */
import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const s3Key = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a secret for tests" } as const;

export interface S3Server {
  /** With the bucket in its path. */
  readonly endpoint: string;
  readonly objects: Map<string, Buffer>;
  /** Answers that are to be given instead, one each. */
  readonly failures: number[];
  close(): Promise<void>;
}

export async function startS3Server(bucket = "snapshots"): Promise<S3Server> {
  const objects = new Map<string, Buffer>();
  const failures: number[] = [];
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const failure = failures.shift();
      if (failure !== undefined) refuse(response, failure, "SlowDown");
      else if (!isSigned(request, body)) refuse(response, 403, "SignatureDoesNotMatch");
      else answer(request, response, body, bucket, objects);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}/${bucket}`,
    objects,
    failures,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const sha256 = (data: Buffer | string): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: Buffer | string, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const escape = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** AWS Signature Version 4, "Signature calculations for the Authorization header". */
function isSigned(request: IncomingMessage, body: Buffer): boolean {
  const { method = "", headers } = request;
  const url = new URL(request.url ?? "/", "http://s3");
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
  const [, key, scope = "", signed = "", signature] = pattern.exec(headers.authorization ?? "") ?? [];
  const payload = String(headers["x-amz-content-sha256"]);
  if (key !== s3Key.accessKeyId) return false;
  if (payload !== "UNSIGNED-PAYLOAD" && payload !== sha256(body)) return false;
  const query = [...url.searchParams]
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .toSorted()
    .join("&");
  const lines = signed.split(";").map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = [method, url.pathname, query, lines.join(""), signed, payload].join("\n");
  const text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const derived = scope.split("/").reduce<Buffer | string>(hmac, `AWS4${s3Key.secretAccessKey}`);
  return hmac(derived, text).toString("hex") === signature;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  bucket: string,
  objects: Map<string, Buffer>,
): void {
  const url = new URL(request.url ?? "/", "http://s3");
  const [, asked, ...rest] = url.pathname.split("/").map(decodeURIComponent);
  const name = rest.join("/");
  const known = objects.get(name);
  const etag = known === undefined ? undefined : `"${createHash("md5").update(known).digest("hex")}"`;
  if (asked !== bucket) return refuse(response, 404, "NoSuchBucket");
  if (request.method === "PUT") {
    const { "if-match": wanted, "if-none-match": unwanted } = request.headers;
    if ((wanted !== undefined && wanted !== etag) || (unwanted === "*" && known !== undefined)) {
      return refuse(response, 412, "PreconditionFailed");
    }
    objects.set(name, body);
    response.writeHead(200, { etag: `"${createHash("md5").update(body).digest("hex")}"` }).end();
    return;
  }
  if (request.method === "DELETE") {
    objects.delete(name);
    response.writeHead(204).end();
    return;
  }
  if (name === "") return list(response, url.searchParams.get("prefix") ?? "", bucket, objects);
  if (known === undefined) return refuse(response, 404, "NoSuchKey");
  response.writeHead(200, { etag: etag ?? "", "content-length": known.length });
  response.end(request.method === "HEAD" ? undefined : known);
}

function list(response: ServerResponse, prefix: string, bucket: string, objects: Map<string, Buffer>): void {
  const names = [...objects.keys()].filter((name) => name.startsWith(prefix)).toSorted();
  const contents = names.map(
    (name) =>
      `<Contents><Key>${name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"e"</ETag>` +
      `<Size>${objects.get(name)?.length ?? 0}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  response.writeHead(200, { "content-type": "application/xml" });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>${bucket}</Name><Prefix>${prefix}</Prefix>` +
      `<KeyCount>${names.length}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>${contents.join("")}</ListBucketResult>`,
  );
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}
