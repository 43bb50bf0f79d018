import { afterEach, beforeEach, vi } from 'vitest';
import { ClientError } from './client-error.ts';
import { connect } from './connect.ts';
import { type FakeServer, type FakeServerOptions, fakeServer } from './fake-server.ts';
import type { Client, ConnectOptions } from './types.ts';

/** A client, its server, and what the client has reported. */
export interface Fixture {
  readonly server: FakeServer;
  readonly client: Client;
  /** Names of the events with their first argument. */
  readonly events: [name: string, argument: unknown][];
  /** Data of the messages. */
  readonly messages: unknown[];
}

/** Runs every test of a file in virtual time, with a random number of 0.5. */
export function useVirtualTime(): void {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });
}

/** Connects a client to a server of its own. */
export function start(
  serverOptions: FakeServerOptions = {},
  options: Partial<ConnectOptions> = {},
): Fixture {
  const server = fakeServer(serverOptions);
  return { server, ...connectTo(server, options) };
}

/** Connects a client to a server. */
export function connectTo(
  server: FakeServer,
  options: Partial<ConnectOptions> = {},
): Omit<Fixture, 'server'> {
  const client = connect('ws://fake', { WebSocket: server.WebSocket, ...options });
  const events: [string, unknown][] = [];
  const messages: unknown[] = [];
  for (const name of ['open', 'down', 'gap', 'closed'] as const) {
    client.on(name, (event) => events.push([name, event]));
  }
  client.on('message', (data) => messages.push(data));
  return { client, events, messages };
}

/** Lets virtual time pass. */
export async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** The code with which a call fails, now; `fulfilled`, or `pending`. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  let outcome = 'pending';
  call.then(
    () => {
      outcome = 'fulfilled';
    },
    (error: unknown) => {
      outcome = error instanceof ClientError ? error.code : String(error);
    },
  );
  await pass();
  return outcome;
}
