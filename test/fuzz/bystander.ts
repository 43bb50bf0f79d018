import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { eventually } from '@gatewayworker/testing';
import { frame, goodHandshake, Opcode } from '../integration/websocket-frames.ts';
import type { TargetPorts } from './target-process.ts';

/** How a well-behaved client of a protocol opens its connection and says something that comes back. */
interface Speech {
  /** Sent before anything else. */
  readonly opening?: string;
  readonly say: (text: string) => Buffer;
}

const websocket: Speech = {
  opening: goodHandshake,
  say: (text) => frame(Opcode.Text, text),
};

const speeches = {
  websocket,
  deflate: websocket,
  proxy: {
    ...websocket,
    opening: `PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n${goodHandshake}`,
  },
  tls: websocket,
  text: { say: (text) => Buffer.from(text) },
  frame: {
    say: (text) => Buffer.from(`\0\0\0${String.fromCharCode(text.length + 4)}${text}`),
  },
  tcp: { say: (text) => Buffer.from(text) },
} satisfies Record<string, Speech>;

/** Gateways that bystanders talk to. */
export type Listener = keyof typeof speeches;

/** Their names. */
export const listeners: readonly Listener[] = [
  'websocket',
  'deflate',
  'proxy',
  'tls',
  'text',
  'frame',
  'tcp',
];

/** Connects to a loopback port. */
export async function openTcp(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

async function open(ports: TargetPorts, listener: Listener): Promise<Socket> {
  if (listener !== 'tls') return await openTcp(ports[listener]);
  const options = { port: ports.tls, host: '127.0.0.1', servername: 'localhost' };
  const socket = connectTls({ ...options, ca: ports.certificate });
  await once(socket, 'secureConnect');
  return socket;
}

/** A client that harms nothing, and that must be served whatever other clients do. */
export class Bystander {
  readonly #socket: Socket;
  readonly #speech: Speech;
  #received = Buffer.alloc(0);
  #said = 0;

  /** @throws when it is not let in */
  static async open(ports: TargetPorts, listener: Listener): Promise<Bystander> {
    const speech: Speech = speeches[listener];
    const bystander = new Bystander(await open(ports, listener), speech);
    if (speech.opening !== undefined) await bystander.#expect('\r\n\r\n');
    return bystander;
  }

  constructor(socket: Socket, speech: Speech) {
    this.#socket = socket;
    this.#speech = speech;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on('error', () => undefined);
    if (speech.opening !== undefined) socket.write(speech.opening);
  }

  /** Says something and waits until it comes back. */
  async expectEcho(): Promise<void> {
    this.#said += 1;
    const text = `echo ${this.#said} of a bystander\n`;
    this.#socket.write(this.#speech.say(text));
    await this.#expect(text.trim());
  }

  close(): void {
    this.#socket.destroy();
  }

  async #expect(text: string): Promise<void> {
    await eventually(() => this.#received.includes(text), { intervalMs: 1, timeoutMs: 30_000 });
    this.#received = Buffer.alloc(0);
  }
}
