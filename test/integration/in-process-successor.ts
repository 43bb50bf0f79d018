import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { PredecessorChannel, SuccessorChannel } from '@gatewayworker/core';
import {
  type GatewayOptions,
  type GatewayRuntime,
  loadGateway,
  resolveGatewayOptions,
} from '@gatewayworker/gateway';
import { captureLogger, type FaultyGuard, type Roles } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';

/** Both ends of one TCP connection. */
async function socketPair(): Promise<readonly [Socket, Socket]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const accepting = once(server, 'connection');
  const dialed = connect({ port, host: '127.0.0.1' });
  const [accepted] = await accepting;
  server.close();
  onTestFinished(() => {
    dialed.destroy();
    accepted.destroy();
  });
  return [dialed, accepted];
}

/** A gateway of this process and the one that is to succeed it. */
export interface InProcessSuccession {
  /** End of the pipe on the side of the predecessor. */
  readonly near: Socket;
  /** End of the pipe on the side of the successor. */
  readonly far: Socket;
  /** Settles with the handover of the predecessor. */
  readonly handedOver: Promise<void>;
  /** Settles with the start of the successor. */
  readonly started: Promise<GatewayRuntime>;
}

/** Hands a gateway over within this process: handles are not copied but given away. */
export async function succeed(
  cluster: Roles,
  options: Partial<GatewayOptions> = {},
  guard?: FaultyGuard,
): Promise<InProcessSuccession> {
  const [near, far] = await socketPair();
  // Not by `once` of node:events, which rejects when a reset comes first.
  const closed = new Promise<void>((resolve) => far.once('close', () => resolve()));
  const channel: PredecessorChannel = {
    stream: far,
    ended: closed,
    onHandle: () => undefined,
  };
  let innerSocket: object = {};
  const successor: SuccessorChannel = {
    stream: near,
    exited: closed,
    sendHandle: async (name, handle) => {
      // In a process of its own the successor has a copy, which this would not close.
      Reflect.set(handle, 'close', (done?: () => void) => {
        Reflect.deleteProperty(handle, 'close');
        done?.();
      });
      if (name === 'inner') innerSocket = handle;
      channel.onHandle(name, handle);
    },
    kill() {
      far.destroy();
      const close: unknown = Reflect.get(innerSocket, 'close');
      if (typeof close === 'function') Reflect.apply(close, innerSocket, []);
    },
  };
  const handedOver = (cluster.gateways[0] as GatewayRuntime).handOver(successor);
  handedOver.catch(() => undefined);
  const resolved = resolveGatewayOptions({
    listen: 'websocket://127.0.0.1:0',
    name: 'test-gateway',
    startPort: 0,
    registerAddress: cluster.registerAddress,
    secretKey: '',
    ...options,
  });
  const start = async (): Promise<GatewayRuntime> => {
    const context = { id: 0, logger: captureLogger().logger, guard, predecessor: channel };
    const runtime = await loadGateway(resolved, context);
    onTestFinished(() => runtime.stop());
    await runtime.start();
    return runtime;
  };
  const started = start();
  started.catch(() => undefined);
  return { near, far, handedOver, started };
}
