/** What a request must fulfil before its payload is received. */
import { ShoalError } from "@shoal/errors";
import { maximumInstallBytes, type RequestHead, type RequestKind, type RpcMethod } from "@shoal/protocol";
import type { ShardDesk, ShardDesks } from "./shard-desk.ts";

const kindsOf: Readonly<Record<RpcMethod, readonly RequestKind["type"][]>> = {
  Push: ["push", "initialize"],
  Pull: ["pull"],
  PushPull: ["push_pull"],
  Exchange: ["push", "initialize", "pull", "push_pull"],
  Replicate: ["replicate", "install"],
};

/** @throws ShoalError invalid_argument, unknown_shard, layout_mismatch */
export function checkRequest(
  head: RequestHead,
  method: RpcMethod,
  desks: ShardDesks,
  { run }: { readonly run: string },
): ShardDesk {
  const { kind, totalBytes } = head;
  if (!kindsOf[method].includes(kind.type)) {
    throw new ShoalError("invalid_argument", `${method} takes ${kindsOf[method].join(" and ")}, not ${kind.type}`, {
      field: "kind",
    });
  }
  const shard = shardOf(kind);
  const desk = desks.find(run, shard);
  if (desk === undefined)
    throw new ShoalError("unknown_shard", `no shard ${shard} of run ${run} is hosted here`, { run, shard });
  const expected = kind.type === "install" ? partBytes(kind, totalBytes) : expectedBytes(kind, totalBytes, desk);
  if (totalBytes !== expected) {
    throw new ShoalError(
      "layout_mismatch",
      `a ${kind.type} of shard ${shard} (${desk.keys} keys) has ${expected} bytes of payload, not ${totalBytes}`,
      { shard, expectedBytes: expected, bytes: totalBytes },
    );
  }
  return desk;
}

function shardOf(kind: RequestKind): number {
  switch (kind.type) {
    case "push":
    case "push_pull":
      return kind.push.shard;
    case "initialize":
    case "pull":
      return kind.shard;
    case "replicate":
      return kind.entry.shard;
    case "install":
      return kind.part.shard;
    case "cancel":
      throw new ShoalError("internal", "a cancel concerns no shard");
  }
}

/** @throws ShoalError invalid_argument - the run does not have the push's encoding */
function expectedBytes(
  kind: Exclude<RequestKind, { type: "install" }>,
  totalBytes: number,
  { shard, keys, payloads }: ShardDesk,
): number {
  switch (kind.type) {
    case "push":
    case "push_pull": {
      const { samples, encoding } = kind.push;
      const words = samples === 0 ? 0 : payloads.wordsOf(encoding);
      if (words !== undefined) return words * 4;
      const sentence = `a ${kind.type} of shard ${shard} comes as ${encoding ?? "float32"}, which the run does not have`;
      throw new ShoalError("invalid_argument", sentence, { field: "encoding", shard });
    }
    case "initialize":
      return keys * 4;
    // An entry without samples has no vector.
    case "replicate":
      return totalBytes === 0 && kind.entry.kind !== "initialize" ? 0 : keys * 4;
    case "pull":
    case "cancel":
      return 0;
  }
}

/** As many as the part may have of those that are announced. */
function partBytes({ part }: RequestKind & { type: "install" }, totalBytes: number): number {
  return Math.min(totalBytes, maximumInstallBytes, part.totalBytes - part.offset);
}
