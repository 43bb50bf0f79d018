import { eventually, type TestClient } from '@gatewayworker/testing';
import { expect, onTestFinished } from 'vitest';

/** Time for a loaded machine to start a cluster again. */
export const longTimeout = { timeoutMs: 90_000, intervalMs: 50 };

/** Clients that send all the time: a number to themselves, one to their room, and a query. */
export class Conversation {
  readonly #listeners: readonly Listener[];
  readonly #timer: NodeJS.Timeout;
  #said = 0;

  constructor(members: ReadonlyMap<string, TestClient>) {
    const names = [...members.keys()];
    this.#listeners = Array.from(members.values(), (client) => new Listener(client, names));
    this.#timer = setInterval(() => this.#say(), 50);
    onTestFinished(() => clearInterval(this.#timer));
  }

  /** Resolves once every client has an answer to a message that is sent from now on. */
  async progress(): Promise<void> {
    const said = this.#said + 1;
    await this.#untilHeard(() => said);
  }

  /** Ends it; throws unless every client is connected and has received each message once. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#untilHeard(() => this.#said);
    for (const { client } of this.#listeners) expect(client.isOpen).toBe(true);
  }

  async #untilHeard(number: () => number): Promise<void> {
    const listeners = this.#listeners;
    await eventually(() => listeners.every((each) => each.listen() >= number()), longTimeout);
    expect(listeners.flatMap(({ mistakes }) => mistakes)).toEqual([]);
  }

  #say(): void {
    this.#said += 1;
    for (const { client } of this.#listeners) {
      client.send(`count ${this.#said}`);
      client.send(`room ${this.#said}`);
      client.send(`ask ${this.#said}`);
    }
  }
}

/** What one client hears of a conversation. */
class Listener {
  readonly client: TestClient;
  /** Messages that came twice or out of order. */
  readonly mistakes: string[] = [];
  #counted = 0;
  #asked = 0;
  readonly #heard: Map<string, Heard>;

  constructor(client: TestClient, names: readonly string[]) {
    this.client = client;
    this.#heard = new Map(names.map((name) => [name, { last: 0, early: new Set() }]));
  }

  /** Consumes the messages; answers the number up to which all have arrived. */
  listen(): number {
    const { messages } = this.client;
    const others = messages.splice(0).filter((message) => !this.#take(String(message)));
    messages.push(...others);
    return Math.min(
      this.#counted,
      this.#asked,
      ...Array.from(this.#heard.values(), ({ last }) => last),
    );
  }

  #take(message: string): boolean {
    const [word, first = '', second] = message.split(' ');
    if (word === 'count') this.#takeCount(message, Number(first), Number(second));
    else if (word === 'room') this.#takeRoom(message, this.#heard.get(first), Number(second));
    else if (word === 'ask') this.#takeAsked(message, Number(first), second);
    else return false;
    return true;
  }

  /** An answer also has the previous number, which the session has kept. */
  #takeCount(message: string, before: number, number: number): void {
    const last = this.#counted;
    if (before !== last || number !== last + 1) this.mistakes.push(`${message} after ${last}`);
    this.#counted = number;
  }

  /** The answer to a query of a worker. */
  #takeAsked(message: string, number: number, answer: string | undefined): void {
    if (number !== this.#asked + 1 || answer !== 'true') {
      this.mistakes.push(`${message} after ${this.#asked}`);
    }
    this.#asked = number;
  }

  /**
   * Messages of the old and of the new worker of a speaker on another gateway use two links, so their order may
   * change. Each must arrive once.
   */
  #takeRoom(message: string, heard: Heard | undefined, number: number): void {
    // Of another conversation.
    if (heard === undefined) return;
    if (number <= heard.last || heard.early.has(number)) this.mistakes.push(`${message} again`);
    heard.early.add(number);
    while (heard.early.delete(heard.last + 1)) heard.last += 1;
  }
}

/** The numbers of one member that have come. */
interface Heard {
  /** All up to this one. */
  last: number;
  /** Others. */
  readonly early: Set<number>;
}
