/** Entry of the thread that has the connection of a client in Node. */
import { createFolderStorage } from "../../storage/host/folder-storage.ts";
import { serveNetwork } from "../serve-network.ts";
import { parentThread } from "./parent-thread.ts";

serveNetwork(parentThread(), async (folder) => createFolderStorage(folder));
