/** A thread that plays cells, one after the other, as it is told them. */
import { parentPort, workerData } from "node:worker_threads";
import type { Dataset } from "@shoal/models";
import type { Cell } from "./cell.ts";
import { playCell } from "./play.ts";
import { createStudySite } from "./site.ts";

const site = await createStudySite(workerData as Dataset);

parentPort?.on("message", (cell: Cell) => {
  void playCell(cell, site).then((result) => parentPort?.postMessage(result));
});
