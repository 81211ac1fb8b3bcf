/**
 * SCAFFOLD's control of the server, c: of the present version, and of the next one while its round is being committed.
 *
 * Invariants
 *   V1  c of a version is in the store before the update leaves that makes this version: whoever goes on finds the c that
 *       belongs to the values, whether the update has reached the servers or not.
 *   V2  c is the mean of the controls that clients have. A client whose contribution was taken and does not count is told so
 *       with its next offer, and takes its change back. Where the two may have come apart (c is lost, more clients than can
 *       be remembered would have to be told), all begin at zero again: another epoch.
 *   V3  a run that goes back to a snapshot goes on with the c that was saved with it; clients are told which rounds do not
 *       count, and go back to what they had then. They keep it for the newest `mostRestorable` snapshots.
 * Bounds  c of two versions; `mostUncounted` clients that have to be told; `mostUndone` times that the run went back.
 * Source  Karimireddy et al., ICML 2020.
 */
import { moveControl, type Report } from "@shoal/federated";
import type { RoundKeeper } from "../keeper/round-keeper.ts";
import type { ControlState, UndoneRounds } from "../keeper/task-record.ts";
import { createControlStore, type ControlStore, type ControlStoreOptions } from "./control-store.ts";

/** Each takes up to 80 bytes of the task's record. */
export const mostUncounted = 256;
/** The newest snapshot may not have been finished: then the run goes on from the one before it. */
const mostRestorable = 2;
/** The run may have gone back so often; then all begin at zero. */
export const mostUndone = 16;

/** What a snapshot holds of it. */
export interface SavedControl {
  readonly state: ControlState;
  /** [size] float32, borrowed. */
  readonly values: Float32Array;
}

export interface ControlVariate {
  /** Of a version that was found or begun; borrowed. */
  of(version: number): Float32Array | undefined;
  /** Whether c of these values is here, or in the store. @throws ShoalError store_unavailable */
  find(version: number): Promise<boolean>;
  /** Another epoch: c and the controls of all clients are zero. */
  begin(version: number): void;
  /** c ← c + (|S|/N)·mean Δc, for the version after this one. @param meanChange - borrowed @throws ShoalError store_unavailable */
  move(version: number, meanChange: Float32Array, sampled: number): Promise<void>;
  /** These were taken, and do not count after all. */
  uncount(reports: readonly Pick<Report, "client" | "sinceRound">[]): void;
  /** What was said of this client before does not matter any more. */
  count(client: string): void;
  /** What was said of a round's clients was wrong: it is in the values. @returns those clients */
  countRound(round: number): readonly string[];
  /** Clients have gone further than the values: the next round begins another epoch. */
  leave(): void;
  /**
   * A client cannot go back with the run (V3): as `leave`, where the run has gone back; nothing where it has not.
   * @returns whether the next round begins with controls that it has
   */
  lost(): boolean;
  /**
   * For a snapshot; clients will keep what they have now (V3).
   * @param round - the newest that counts for these values
   * @returns undefined where the next round begins another epoch @throws ShoalError store_unavailable
   */
  save(version: number, round: number): Promise<SavedControl | undefined>;
  /**
   * Goes on with what was saved (V3).
   * @param undone - rounds that do not count any more @returns false where it went back too often
   * @throws ShoalError store_unavailable
   */
  goBack(version: number, saved: SavedControl, undone: UndoneRounds): Promise<boolean>;
  /** Rounds whose contribution this client has to take back. */
  uncountedOf(client: string): readonly number[];
  /** The run is over. @throws ShoalError store_unavailable */
  clear(): Promise<void>;
}

export interface ControlVariateOptions extends ControlStoreOptions {
  readonly keeper: RoundKeeper;
  /** N: clients there are. */
  readonly population: number;
}

export function createControlVariate(options: ControlVariateOptions): ControlVariate {
  const { keeper, size, population } = options;
  const store = createControlStore(options);
  const known = new Map<number, Float32Array>();
  const state = (): ControlState | null => keeper.record.lasting.control;
  const keep = (changes: Partial<ControlState>): void => {
    const now = state();
    if (now !== null) keeper.amend({ lasting: { ...keeper.record.lasting, control: { ...now, ...changes } } });
  };
  const take = (version: number, control: Float32Array): void => {
    known.set(version, control);
    for (const old of [...known.keys()].slice(0, -2)) known.delete(old);
  };
  const find = async (version: number): Promise<boolean> => {
    const now = state();
    if (now === null || now.isLeft) return false;
    if (known.has(version)) return true;
    const found = version === now.since ? new Float32Array(size) : await store.read({ epoch: now.epoch, version });
    if (found !== undefined) take(version, found);
    return found !== undefined;
  };
  return {
    of: (version) => known.get(version),
    find,
    begin(version) {
      known.clear();
      take(version, new Float32Array(size));
      const epoch = Math.max((state()?.epoch ?? 0) + 1, Math.floor(options.clock.now()));
      const control: ControlState = { epoch, since: version, uncounted: [], isLeft: false };
      keeper.amend({ lasting: { ...keeper.record.lasting, control } });
    },
    async move(version, meanChange, sampled) {
      const now = known.get(version);
      const { epoch = 0 } = state() ?? {};
      if (now === undefined) throw new Error(`the control of version ${version} is not here`);
      const next = now.slice();
      moveControl(next, meanChange, sampled, population);
      await store.write({ term: keeper.record.term, epoch, version: version + 1 }, next);
      take(version + 1, next);
    },
    ...createUncounted(state, keep),
    ...createReturn({ keeper, store, state, keep, known, take, find }),
    leave: () => keep({ isLeft: true }),
    lost() {
      if ((state()?.undone ?? []).length > 0) keep({ isLeft: true });
      return state()?.isLeft === true;
    },
    clear: () => store.clear(),
  };
}

interface ReturnSite {
  readonly keeper: RoundKeeper;
  readonly store: ControlStore;
  readonly known: Map<number, Float32Array>;
  readonly state: () => ControlState | null;
  readonly keep: (changes: Partial<ControlState>) => void;
  readonly take: (version: number, control: Float32Array) => void;
  readonly find: ControlVariate["find"];
}

/** V3. */
function createReturn(site: ReturnSite): Pick<ControlVariate, "save" | "goBack"> {
  const { keeper, store, known, state, keep, take, find } = site;
  return {
    async save(version, round) {
      if (!(await find(version))) return undefined;
      const { restorable = [] } = state() ?? {};
      keep({ restorable: [...restorable.filter((each) => each < round), round].slice(-mostRestorable) });
      const [now, values] = [state(), known.get(version)];
      return now === null || values === undefined ? undefined : { state: now, values };
    },
    async goBack(version, saved, undone) {
      const all = withUndone(saved.state.undone ?? [], undone);
      if (all.length > mostUndone) return false;
      const { term } = keeper.record;
      await store.write({ term, epoch: saved.state.epoch, version }, saved.values);
      known.clear();
      take(version, saved.values.slice());
      keeper.amend({ lasting: { ...keeper.record.lasting, control: { ...saved.state, undone: all } } });
      return true;
    },
  };
}

/** Those before that lie within are the same rounds. An empty one changes nothing. */
function withUndone(before: readonly UndoneRounds[], next: UndoneRounds): readonly UndoneRounds[] {
  const [after, until] = next;
  return after >= until ? before : [...before.filter(([other]) => other < after), next];
}

/** Who has to be told that its contribution does not count. */
function createUncounted(
  state: () => ControlState | null,
  keep: (changes: Partial<ControlState>) => void,
): Pick<ControlVariate, "uncount" | "count" | "countRound" | "uncountedOf"> {
  const all = (): ControlState["uncounted"] => state()?.uncounted ?? [];
  return {
    uncount(reports) {
      const told = new Map(reports.map(({ client, sinceRound }) => [client, sinceRound]));
      const uncounted = [...all().filter(([client]) => !told.has(client)), ...told];
      if (uncounted.length > mostUncounted) keep({ isLeft: true, uncounted: [] });
      else if (told.size > 0) keep({ uncounted });
    },
    count(client) {
      const others = all().filter(([other]) => other !== client);
      if (others.length < all().length) keep({ uncounted: others });
    },
    countRound(round) {
      const clients = all().flatMap((each) => (each[1] === round ? [each[0]] : []));
      if (clients.length > 0) keep({ uncounted: all().filter((each) => each[1] !== round) });
      return clients;
    },
    uncountedOf: (client) => all().flatMap(([other, round]) => (other === client ? [round] : [])),
  };
}
