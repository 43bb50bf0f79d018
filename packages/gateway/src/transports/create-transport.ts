import type { DescriptorReserve, FlushScheduler, Logger, OpenSocket } from '@gatewayworker/core';
import type { LimitCounters } from '../clients/limit-counters.ts';
import type { ClientProtocol } from './client-protocol.ts';
import { parseListenAddress } from './listen-address.ts';
import { adaptClientProtocol, type StreamProtocol, streamProtocols } from './stream-protocol.ts';
import { StreamTransport } from './stream-transport.ts';
import { createTlsContext, type TlsOptions } from './tls-options.ts';
import type { Transport } from './transport.ts';
import { TrustedProxies, type TrustProxy } from './trusted-proxies.ts';
import { WebsocketTransport, type WebsocketTransportOptions } from './websocket-transport.ts';

/** The options of a gateway that concern its client listener. */
export interface TransportOptions
  extends Pick<
    WebsocketTransportOptions,
    | 'proxyProtocol'
    | 'handshakeTimeoutMs'
    | 'maxConnections'
    | 'maxConnectionsPerIp'
    | 'maxMessageBytes'
    | 'perMessageDeflate'
    | 'subprotocols'
    | 'allowedOrigins'
  > {
  readonly listen: string;
  /** Name of the gateway, for errors. */
  readonly name: string;
  readonly tls: TlsOptions | undefined;
  /** `false` when no client can resume. */
  readonly resume: object | false;
  readonly trustProxy: TrustProxy;
  readonly protocol: ClientProtocol | undefined;
}

/** Objects that every transport shares with the rest of the gateway process. */
export interface TransportContext {
  readonly scheduler: FlushScheduler;
  readonly limits: LimitCounters;
  readonly descriptors: DescriptorReserve;
  readonly logger: Logger;
  /** See `ClientListenerOptions.openSocket`. */
  readonly openSocket: OpenSocket | undefined;
}

/** Creates the transport for the scheme of `listen`. */
export function createTransport(options: TransportOptions, context: TransportContext): Transport {
  const { listen, name, tls, trustProxy, protocol } = options;
  const address = parseListenAddress(listen, protocol !== undefined);
  const common = {
    ...options,
    ...context,
    address,
    owner: `Gateway "${name}"`,
    isResumable: options.resume !== false,
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
