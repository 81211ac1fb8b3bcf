/** All that a page needs to take part, for measuring its size. */
export {
  connectEdge,
  createClientKey,
  createInlineTrainer,
  createUpdateCodec,
  join,
  openIndexedDbStorage,
} from "@shoal/edge-client";
