/** Entry of the worker that has the connection of a page's client. */
import { openIndexedDbStorage } from "../../storage/indexed-db-storage.ts";
import { serveNetwork } from "../serve-network.ts";

serveNetwork(globalThis, openIndexedDbStorage);
