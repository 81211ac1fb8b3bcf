/** What a client in Node has besides: not for pages. */
export { createFolderStorage } from "./storage/host/folder-storage.ts";
