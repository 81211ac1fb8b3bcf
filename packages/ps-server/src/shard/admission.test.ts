import { afterEach, describe, expect, test } from "vitest";
import { createShardScene, membersOf, runName, type ShardScene } from "../../../../test/support/shard-scene.ts";
import type { ShardAdmission } from "./admission.ts";

const scenes: ShardScene[] = [];

async function scene(...args: Parameters<typeof createShardScene>): Promise<ShardScene> {
  const created = await createShardScene(...args);
  scenes.push(created);
  await created.initialize([0]);
  return created;
}

afterEach(async () => {
  for (const { close } of scenes.splice(0)) await close();
});

const admissionOf = (it: ShardScene): ShardAdmission => it.host.admissionOf(runName, 3) as ShardAdmission;
const header = { worker: 1, incarnation: 1, sequence: 1, clock: 0, batch: 0 };

describe("admission", () => {
  test("lets the contribution that is folded next go before those that have to wait", async () => {
    const it = await scene(1, { slots: 3 });
    const admission = admissionOf(it);
    const decide = (batch: number): string => admission.decide({ ...header, batch });
    expect([decide(0), decide(1), decide(2)]).toEqual(["next", "later", "later"]);
    it.push(1, { batch: 0, gradient: [1] });
    await it.run();
    expect([decide(1), decide(2)]).toEqual(["next", "later"]);
  });

  test("needs no gradient of what counts already, is over, or is not allowed", async () => {
    const it = await scene(1, { slots: 2 });
    const admission = admissionOf(it);
    it.push(1, { batch: 0, gradient: [1] });
    await it.run();
    expect(admission.decide({ ...header, worker: 2 })).toBe("discard");
    expect(admission.decide({ ...header, worker: 9, batch: 1 })).toBe("discard");
    it.push(2, { batch: 1, gradient: [1] });
    await it.run();
    expect(admission.decide(header)).toBe("discard");
    expect(admission.decide({ ...header, sequence: 2, batch: 1 })).toBe("discard");
    expect(admission.decide({ ...header, sequence: 2, clock: 1, batch: 2 })).toBe("next");
  });

  test("takes the gradient of a push that could replace one that is only borrowed", async () => {
    const it = await scene(1, { slots: 2 });
    it.push(1, { batch: 1, gradient: [1] });
    await it.run();
    expect(admissionOf(it).decide({ ...header, worker: 2, batch: 1 })).toBe("later");
  });

  test("takes pushes as they come where there is no barrier", async () => {
    const it = await scene(1, { consistency: { mode: "asynchronous" } });
    expect(admissionOf(it).decide({ ...header, batch: 77 })).toBe("next");
    it.push(1, { batch: 77, gradient: [1] });
    await it.run();
    expect(admissionOf(it).decide({ ...header, worker: 2, batch: 77 })).toBe("discard");
  });

  test("tells when its answers may have changed, until it is asked to stop", async () => {
    const it = await scene(1, { slots: 2 });
    let changes = 0;
    const stop = admissionOf(it).onChange(() => {
      changes += 1;
    });
    it.push(1, { batch: 0, gradient: [1] });
    await it.run();
    expect(changes).toBe(1);
    it.push(2, { batch: 1, gradient: [1] });
    await it.run();
    expect(changes).toBe(2);
    it.host.updateMembers(runName, membersOf(2, 1));
    await it.run();
    expect(changes).toBe(3);
    stop();
    it.push(1, { clock: 1, batch: 2, gradient: [1] });
    await it.run();
    expect(changes).toBe(3);
  });

  test("is not to be had for shards that live elsewhere", async () => {
    const it = await scene(1);
    expect(it.host.admissionOf(runName, 4)).toBeUndefined();
    expect(it.host.admissionOf("run-2", 3)).toBeUndefined();
  });
});
