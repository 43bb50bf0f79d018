import type { GatewayEntry } from '@gatewayworker/protocol';
import type { GatewayMap } from './discovery.ts';

/** Time that the snapshot of a disconnected register is used while another one is connected, in milliseconds. */
const SNAPSHOT_LIFETIME_MS = 10_000;

/** The last list of a register process. */
interface RegisterSnapshot {
  /** Address of the register. */
  readonly register: string;
  /** Random id of the process that has sent the list. */
  readonly instanceId: string;
  gateways: readonly GatewayEntry[];
  /** True while the link to that process is up. */
  isConnected: boolean;
  /** Set while it is disconnected. */
  expiryTimer: NodeJS.Timeout | undefined;
}

/**
 * Merges the lists of several registers: a gateway is alive if any register reports it.
 *
 * The last snapshot of a disconnected register stays in use. While another register is connected, it expires, so that
 * a gateway that died does not stay in the list; while none is connected, it does not expire. A restarted register is
 * a new process with an empty list at first, so a gateway missing in that list stays until the old snapshot expires.
 */
export class RegisterViews {
  readonly #onChange: (gateways: GatewayMap) => void;
  /** At most two for each register: that of the current process, and one for all previous processes. */
  #snapshots: readonly RegisterSnapshot[] = [];
  #isClosed = false;

  constructor(onChange: (gateways: GatewayMap) => void) {
    this.#onChange = onChange;
  }

  /** True once a register has sent its list. */
  get hasSnapshot(): boolean {
    return this.#snapshots.length > 0;
  }

  /** True while a register that has sent its list is connected. */
  get isFresh(): boolean {
    return this.#snapshots.some(({ isConnected }) => isConnected);
  }

  /** Returns whether a connected register reports that this process listens at the address. */
  isAlive(address: string, instanceId: string): boolean {
    return this.#snapshots.some(
      ({ isConnected, gateways }) =>
        isConnected &&
        gateways.some((one) => one.address === address && one.instanceId === instanceId),
    );
  }

  /**
   * Takes the list of a register. It replaces the previous list of the same process.
   *
   * @param register - address of the register
   * @param instanceId - random id of the process there
   */
  update(register: string, instanceId: string, gateways: readonly GatewayEntry[]): void {
    const isSame = (snapshot: RegisterSnapshot): boolean => snapshot.instanceId === instanceId;
    const [snapshot] = this.#snapshots.filter((one) => one.register === register && isSame(one));
    if (snapshot === undefined) {
      this.#supersede(register);
      const expiryTimer = undefined;
      const fresh = { register, instanceId, gateways, isConnected: true, expiryTimer };
      this.#snapshots = [...this.#snapshots, fresh];
    } else {
      clearTimeout(snapshot.expiryTimer);
      Object.assign(snapshot, { gateways, isConnected: true, expiryTimer: undefined });
    }
    this.#publish();
  }

  /** Handles the loss of the link to a register. */
  disconnect(register: string): void {
    const snapshot = this.#snapshots.find((one) => one.register === register && one.isConnected);
    if (this.#isClosed || snapshot === undefined) return;
    snapshot.isConnected = false;
    this.#startExpiry(snapshot);
    this.#publish();
  }

  /** Stops all timers. */
  close(): void {
    this.#isClosed = true;
    for (const { expiryTimer } of this.#snapshots) clearTimeout(expiryTimer);
  }

  /** Merges the snapshots of the previous processes at the address into one, whose lifetime starts now. */
  #supersede(register: string): void {
    const previous = this.#snapshots.filter((snapshot) => snapshot.register === register);
    const [last] = previous.slice(-1);
    if (last === undefined) return;
    for (const { expiryTimer } of previous) clearTimeout(expiryTimer);
    const gateways = [...mergeByAddress(previous).values()];
    const old: RegisterSnapshot = { ...last, gateways, isConnected: false, expiryTimer: undefined };
    this.#snapshots = [
      ...this.#snapshots.filter((snapshot) => snapshot.register !== register),
      old,
    ];
    this.#startExpiry(old);
  }

  #startExpiry(snapshot: RegisterSnapshot): void {
    snapshot.expiryTimer = setTimeout(() => {
      if (!this.isFresh) {
        this.#startExpiry(snapshot);
        return;
      }
      this.#snapshots = this.#snapshots.filter((other) => other !== snapshot);
      this.#publish();
    }, SNAPSHOT_LIFETIME_MS).unref();
  }

  #publish(): void {
    // If snapshots differ about an address, that of a connected register wins.
    const connected = this.#snapshots.filter(({ isConnected }) => isConnected);
    const disconnected = this.#snapshots.filter(({ isConnected }) => !isConnected);
    this.#onChange(mergeByAddress([...disconnected, ...connected]));
  }
}

/** The gateways of the snapshots. If two have the same address, the one of the later snapshot wins. */
function mergeByAddress(snapshots: readonly RegisterSnapshot[]): Map<string, GatewayEntry> {
  const merged = new Map<string, GatewayEntry>();
  for (const { gateways } of snapshots) {
    for (const gateway of gateways) merged.set(gateway.address, gateway);
  }
  return merged;
}
