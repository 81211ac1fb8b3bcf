/** All that a page needs to take part, for measuring its size. */
export {
  connectEdge,
  createClientKey,
  createInlineTrainer,
  createUpdateCodec,
  openSession,
  openIndexedDbStorage,
} from "@shoal/edge-client";
