/** The place of the snapshots is full, and has room again: training goes on, and the next snapshot is whole. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { robustJob, trainDisturbed } from "../support/disturbed-run.ts";
import { startKillableCluster } from "../support/killable-cluster.ts";

/** A small disk of its own; needs the right to mount one, so the test is left out where that is missing. */
function mountDisk(): Disposable & { readonly folder: string; grow(): void } {
  const folder = mkdtempSync(join(tmpdir(), "shoal-disk-"));
  const run = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args).status === 0;
  if (!run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)) {
    rmSync(folder, { recursive: true });
    throw new Error(`no disk can be mounted at ${folder}`);
  }
  return {
    folder,
    grow: () => void run("mount", "-o", "remount,size=64m", folder),
    [Symbol.dispose]() {
      run("umount", "-l", folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function canMount(): boolean {
  try {
    mountDisk()[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

it.skipIf(!canMount())("a full disk costs snapshots and says so; with room again the next one is whole", async () => {
  using disk = mountDisk();
  const environment = { SHOAL_SNAPSHOTS: disk.folder };
  await using cluster = await startKillableCluster({ workers: 2, servers: 2, environment });
  const robust = await robustJob(cluster, { workers: 2, shards: 4, replicas: 1, trainedMs: 3_000 });
  const snapshots = { everySteps: 10, everySeconds: null, keep: 2 };
  const job = { ...robust.job, durability: { replicas: 1, snapshots } };
  const { parameters, status } = await trainDisturbed(cluster, job, async (run) => {
    const failed = await cluster.until(run, (each) => (each.snapshots?.failure ?? null) !== null);
    expect(failed.snapshots).toMatchObject({
      newest: null,
      failure: expect.stringMatching(/ENOSPC|no space/i) as string,
    });
    expect(failed.phase).toBe("training");
    disk.grow();
    await cluster.until(run, (each) => (each.snapshots?.newest ?? null) !== null);
  });
  expect(status.snapshots?.newest).not.toBeNull();
  expect(parameters).toEqual(robust.expected); // no tolerance
});
