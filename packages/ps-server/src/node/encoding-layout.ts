/** Reads what is encoded in a shard, and what is not, from the coordinator's words. */
import type { EncodingLayout } from "@shoal/optimization";
import type { ShardAssignment } from "@shoal/protocol";

export function encodingLayout({ encoding }: Pick<ShardAssignment, "encoding">): Omit<EncodingLayout, "size"> {
  return {
    matrices: (encoding?.matrices ?? []).map(([offset, rows, columns]) => ({ offset, rows, columns })),
    plain: (encoding?.plain ?? []).map(([begin, end]) => ({ begin, end })),
  };
}
