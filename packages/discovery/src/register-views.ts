import type { GatewayEntry } from '@gatewayworker/protocol';
import type { GatewayMap } from './discovery.ts';

/** Time that the snapshot of a register that is away counts while another one tells, in milliseconds. */
const LEASE_MS = 10_000;

/** What was said at the address of a register, by the process that is there now or by one before. */
interface RegisterSnapshot {
  readonly register: string;
  /** The process that says it. */
  readonly instanceId: string;
  gateways: readonly GatewayEntry[];
  /** True while it says so by a link that is up. */
  isTelling: boolean;
  /** Set while it does not. */
  lease: NodeJS.Timeout | undefined;
}

/**
 * The lists of several registers as one: a gateway is alive if any of them says so.
 *
 * What a register said last counts on while it is away: for a time if another one tells, so that a
 * gateway that has died meanwhile is not kept for ever, and without end if none does. A register that
 * was started anew at the address is another one: it knows of nobody yet, so its silence about a gateway
 * ends nothing that the one before said.
 */
export class RegisterViews {
  readonly #onChange: (gateways: GatewayMap) => void;
  /** At most two for each register: that of the process that is there now, and one for all before it. */
  #snapshots: readonly RegisterSnapshot[] = [];
  #isClosed = false;

  constructor(onChange: (gateways: GatewayMap) => void) {
    this.#onChange = onChange;
  }

  /** True once a register has told its list. */
  get isKnown(): boolean {
    return this.#snapshots.length > 0;
  }

  /** True while a register tells. */
  get isCurrent(): boolean {
    return this.#snapshots.some(({ isTelling }) => isTelling);
  }

  /** True when a register that is not away tells that this process listens at the address. */
  isAlive(address: string, instanceId: string): boolean {
    return this.#snapshots.some(
      ({ isTelling, gateways }) =>
        isTelling &&
        gateways.some((one) => one.address === address && one.instanceId === instanceId),
    );
  }

  /**
   * Takes the list of a register; it replaces the one before of the same process.
   *
   * @param register - its address
   * @param instanceId - random id of the process that is there
   */
  update(register: string, instanceId: string, gateways: readonly GatewayEntry[]): void {
    const isSame = (snapshot: RegisterSnapshot): boolean => snapshot.instanceId === instanceId;
    const [snapshot] = this.#snapshots.filter((one) => one.register === register && isSame(one));
    if (snapshot === undefined) {
      this.#supersede(register);
      const lease = undefined;
      const fresh = { register, instanceId, gateways, isTelling: true, lease };
      this.#snapshots = [...this.#snapshots, fresh];
    } else {
      clearTimeout(snapshot.lease);
      Object.assign(snapshot, { gateways, isTelling: true, lease: undefined });
    }
    this.#publish();
  }

  /** A register is away. */
  lose(register: string): void {
    const snapshot = this.#snapshots.find((one) => one.register === register && one.isTelling);
    if (this.#isClosed || snapshot === undefined) return;
    snapshot.isTelling = false;
    this.#startLease(snapshot);
    this.#publish();
  }

  /** Waits for nobody any more. */
  close(): void {
    this.#isClosed = true;
    for (const { lease } of this.#snapshots) clearTimeout(lease);
  }

  /** Another process is at the address: what those before it said is put together, and has its time from now on. */
  #supersede(register: string): void {
    const before = this.#snapshots.filter((snapshot) => snapshot.register === register);
    const [last] = before.slice(-1);
    if (last === undefined) return;
    for (const { lease } of before) clearTimeout(lease);
    const gateways = [...byAddress(before).values()];
    const old: RegisterSnapshot = { ...last, gateways, isTelling: false, lease: undefined };
    this.#snapshots = [
      ...this.#snapshots.filter((snapshot) => snapshot.register !== register),
      old,
    ];
    this.#startLease(old);
  }

  #startLease(snapshot: RegisterSnapshot): void {
    snapshot.lease = setTimeout(() => {
      if (!this.isCurrent) {
        this.#startLease(snapshot);
        return;
      }
      this.#snapshots = this.#snapshots.filter((other) => other !== snapshot);
      this.#publish();
    }, LEASE_MS).unref();
  }

  #publish(): void {
    // Where two registers differ about an address, the snapshot of one that tells counts.
    const telling = this.#snapshots.filter(({ isTelling }) => isTelling);
    const away = this.#snapshots.filter(({ isTelling }) => !isTelling);
    this.#onChange(byAddress([...away, ...telling]));
  }
}

/** The gateways of these snapshots; of two at one address that of the later snapshot. */
function byAddress(snapshots: readonly RegisterSnapshot[]): Map<string, GatewayEntry> {
  const merged = new Map<string, GatewayEntry>();
  for (const { gateways } of snapshots) {
    for (const gateway of gateways) merged.set(gateway.address, gateway);
  }
  return merged;
}
