import type { GatewayEntry } from '@gatewayworker/protocol';
import type { GatewayMap } from './discovery.ts';

/** Time that the word of a register that is away counts while another one tells, in milliseconds. */
const LEASE_MS = 10_000;

/**
 * The lists of several registers as one: a gateway is alive if any of them says so.
 *
 * What a register said last counts on while it is away: for a time if another one tells, so that a
 * gateway that has died meanwhile is not kept for ever, and without end if none does.
 */
export class MergedLists {
  readonly #onChange: (gateways: GatewayMap) => void;
  readonly #lists = new Map<string, readonly GatewayEntry[]>();
  /** Registers that tell, and the timers of those that are away. */
  readonly #telling = new Set<string>();
  readonly #leases = new Map<string, NodeJS.Timeout>();
  #isClosed = false;

  constructor(onChange: (gateways: GatewayMap) => void) {
    this.#onChange = onChange;
  }

  /** True once a register has told its list. */
  get isKnown(): boolean {
    return this.#lists.size > 0;
  }

  /** True while a register tells. */
  get isCurrent(): boolean {
    return this.#telling.size > 0;
  }

  /** True when a register that is not away tells that this process listens at the address. */
  isAlive(address: string, instanceId: string): boolean {
    for (const register of this.#telling) {
      for (const gateway of this.#lists.get(register) ?? []) {
        if (gateway.address === address && gateway.instanceId === instanceId) return true;
      }
    }
    return false;
  }

  /** Takes the list of a register; it replaces the one before. */
  update(register: string, gateways: readonly GatewayEntry[]): void {
    clearTimeout(this.#leases.get(register));
    this.#leases.delete(register);
    this.#telling.add(register);
    this.#lists.set(register, gateways);
    this.#publish();
  }

  /** A register is away. */
  lose(register: string): void {
    if (this.#isClosed || !this.#telling.delete(register)) return;
    this.#leases.set(register, this.#startLease(register));
    this.#publish();
  }

  /** Waits for nobody any more. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#leases.values()) clearTimeout(timer);
  }

  #startLease(register: string): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.#telling.size === 0) {
        this.#leases.set(register, this.#startLease(register));
        return;
      }
      this.#leases.delete(register);
      this.#lists.delete(register);
      this.#publish();
    }, LEASE_MS).unref();
  }

  #publish(): void {
    const merged = new Map<string, GatewayEntry>();
    // Where two registers differ about an address, the word of one that tells counts.
    const registers = [...this.#lists.keys()];
    registers.sort((a, b) => Number(this.#telling.has(a)) - Number(this.#telling.has(b)));
    for (const register of registers) {
      for (const gateway of this.#lists.get(register) ?? []) merged.set(gateway.address, gateway);
    }
    this.#onChange(merged);
  }
}
