import type { DescriptorReserve, FlushScheduler, Logger, OpenSocket } from '@gatewayworker/core';
import type { LimitCounters } from '../clients/limit-counters.ts';
import type { ResolvedGatewayOptions } from '../options.ts';
import { parseListenAddress } from './listen-address.ts';
import { adaptClientProtocol, type StreamProtocol, streamProtocols } from './stream-protocol.ts';
import { StreamTransport } from './stream-transport.ts';
import { createTlsContext } from './tls-options.ts';
import type { Transport } from './transport.ts';
import { TrustedProxies } from './trusted-proxies.ts';
import { WebsocketTransport } from './websocket-transport.ts';

/** What every transport of a gateway process shares with the rest of it. */
export interface TransportContext {
  readonly scheduler: FlushScheduler;
  readonly limits: LimitCounters;
  readonly descriptors: DescriptorReserve;
  readonly logger: Logger;
  /** See `ClientListenerOptions.openSocket`. */
  readonly openSocket: OpenSocket | undefined;
}

/** Makes the listener that the options ask for. */
export function createTransport(
  options: ResolvedGatewayOptions,
  context: TransportContext,
): Transport {
  const { listen, name, tls, trustProxy, protocol } = options;
  const address = parseListenAddress(listen, protocol !== undefined);
  const common = {
    ...options,
    ...context,
    address,
    owner: `Gateway "${name}"`,
    secureContext: tls && createTlsContext(tls),
    trustedProxies: new TrustedProxies(trustProxy),
  };
  const stream: StreamProtocol | undefined =
    protocol === undefined
      ? streamProtocols.get(address.scheme)
      : adaptClientProtocol(protocol, context.logger);
  if (stream === undefined) return new WebsocketTransport(common);
  return new StreamTransport({ ...common, protocol: stream });
}
