import { makeCertificate } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import {
  type GatewayOptions,
  gatewayDefaults,
  innerListenAddress,
  resolveGatewayOptions,
} from './options.ts';

const listen = 'websocket://0.0.0.0:8282';

test('gateway options: fill in every default', () => {
  expect(resolveGatewayOptions({ listen })).toEqual({ ...gatewayDefaults, listen });
});

test('gateway options: keep given values, freeze the result, not the argument', () => {
  const options = { listen, name: 'chat', registerAddress: ['a:1'], startPort: 0 };
  const resolved = resolveGatewayOptions(options);
  expect(resolved).toMatchObject(options);
  expect(Object.isFrozen(resolved)).toBe(true);
  options.name = 'other';
  expect(resolved.name).toBe('chat');
});

test.each<[Record<string, unknown>, string]>([
  [{ listen: undefined }, 'option Gateway.listen is undefined; allowed: scheme://host:port'],
  [{ listen: '0.0.0.0:8282' }, 'option Gateway.listen is "0.0.0.0:8282"'],
  [{ listen: 'gopher://0.0.0.0:1' }, 'option Gateway.listen'],
  [{ listen: 'websocket://0.0.0.0' }, 'allowed: websocket://host:port with a port from 0 to 65535'],
  [{ listen: 'websocket://0.0.0.0:70000' }, 'option Gateway.listen'],
  [{ listen: 'websocket://999.1.1.1:80' }, 'option Gateway.listen is "websocket://999.1.1.1:80"'],
  [
    { lanIp: 'bogus host' },
    'option Gateway.lanIp is "bogus host"; allowed: an IP address or a host',
  ],
  [{ listen: 'mine://0.0.0.0:80' }, 'any other with the protocol option'],
  [{ protocol: { decode: () => undefined, encode: () => '' } }, 'with a protocol of your own'],
  [{ listen: 'mine://0.0.0.0:80', protocol: { decode: 1 } }, 'option Gateway.protocol'],
  [{ tls: { cert: 'x', key: 'y' } }, 'option Gateway.tls is "hidden"'],
  [{ tls: { cert: 'x' } }, 'option Gateway.tls.key is "undefined"'],
  [{ tls: { certs: 'x' } }, 'did you mean cert?'],
  [{ perMessageDeflate: 'yes' }, 'option Gateway.perMessageDeflate'],
  [{ perMessageDeflate: { threshold: -1 } }, 'option Gateway.perMessageDeflate.threshold is -1'],
  [{ subprotocols: ['a b'] }, 'option Gateway.subprotocols'],
  [{ allowedOrigins: ['example.com'] }, 'option Gateway.allowedOrigins'],
  [{ allowedOrigins: ['https://example.com/'] }, 'option Gateway.allowedOrigins'],
  [{ allowedOrigins: ['https://example.com:99999'] }, 'option Gateway.allowedOrigins'],
  [{ maxConnections: 0 }, 'option Gateway.maxConnections is 0'],
  [{ maxConnectionsPerIp: -1 }, 'option Gateway.maxConnectionsPerIp is -1'],
  [{ trustProxy: ['10.0.0.0/33'] }, 'option Gateway.trustProxy is "10.0.0.0/33"'],
  [{ trustProxy: '10.0.0.1' }, 'option Gateway.trustProxy'],
  [{ proxyProtocol: true }, 'allowed: false, or true together with trustProxy'],
  [{ pingInterval: 0.01 }, 'allowed: 0, or a number from 0.05 to 86400'],
  [{ pingNotResponseLimit: 1.5 }, 'option Gateway.pingNotResponseLimit'],
  [{ pingData: 5 }, 'option Gateway.pingData'],
  [{ maxMessagesPerSecond: -1 }, 'option Gateway.maxMessagesPerSecond'],
  [{ slowConsumer: 'wait' }, 'option Gateway.slowConsumer is "wait"; allowed: close, drop'],
  [{ router: 'fastest' }, 'allowed: leastConnections, random, roundRobin, or a function'],
  [{ handshakeTimeoutMs: 99 }, 'option Gateway.handshakeTimeoutMs is 99'],
  [{ name: 'x'.repeat(129) }, 'allowed: a string of 1 to 128 characters'],
  [{ name: '' }, 'option Gateway.name is ""; allowed: a string of 1 to 128 characters'],
  [{ count: 0 }, 'option Gateway.count is 0; allowed: an integer from 1 to 1024'],
  [{ count: 1025 }, 'option Gateway.count'],
  [{ lanIp: '' }, 'option Gateway.lanIp'],
  [
    { lanIp: '0.0.0.0', secretKey: 'x' },
    'option Gateway.lanIp is "0.0.0.0"; allowed: an IP address',
  ],
  [{ lanIp: '::', secretKey: 'x' }, 'option Gateway.lanIp'],
  [{ lanIp: '::0', secretKey: 'x' }, 'option Gateway.lanIp is "::0"'],
  [{ lanIp: '::ffff:0.0.0.0', secretKey: 'x' }, 'option Gateway.lanIp is "::ffff:0.0.0.0"'],
  [{ lanIp: '0:0:0:0:0:0:0:0', secretKey: 'x' }, 'option Gateway.lanIp is'],
  [{ trustProxy: ['fe80::1%eth0'] }, 'option Gateway.trustProxy is'],
  [{ lanIp: 'localhost', innerListen: '[::]:0' }, 'because :: is not a loopback address'],
  [{ lanIp: '10.0.0.1' }, 'option Gateway.secretKey is ""; a key is required because 10.0.0.1'],
  [{ innerListen: 'bogus host' }, 'option Gateway.innerListen is "bogus host"'],
  [{ innerListen: '127.0.0.1:65535', count: 2 }, 'allowed: a port of 0 to 65534 with count 2'],
  [{ lanIp: 'gateway-1.internal' }, 'because gateway-1.internal is not a loopback address'],
  [{ innerListen: '0.0.0.0' }, 'a key is required because 0.0.0.0 is not a loopback address'],
  [{ secretKey: 7 }, 'option Gateway.secretKey is "number"'],
  [{ startPort: -1 }, 'option Gateway.startPort is -1'],
  [{ startPort: 65_536 }, 'option Gateway.startPort'],
  [{ startPort: 65_535, count: 2 }, 'is 65535; allowed: 0 to 65534 with count 2'],
  [{ registerAddress: [] }, 'option Gateway.registerAddress'],
  [{ registerAddress: 'a:0' }, 'option Gateway.registerAddress'],
  [{ maxMessageBytes: 0 }, 'option Gateway.maxMessageBytes is 0'],
  [{ maxMessageBytes: 16_777_217 }, 'option Gateway.maxMessageBytes'],
  [{ sendToClientBufferSize: 1023 }, 'option Gateway.sendToClientBufferSize'],
  [{ sendToWorkerBufferSize: Infinity }, 'option Gateway.sendToWorkerBufferSize is Infinity'],
  [{ maxEventsInFlight: 0 }, 'option Gateway.maxEventsInFlight'],
  [{ maxHeldBytes: '1' }, 'option Gateway.maxHeldBytes is "1"'],
  [{ maxHeldMs: -1 }, 'option Gateway.maxHeldMs is -1; allowed: an integer from 0 to 86400000'],
  [{ maxHeldByte: 1 }, 'there is no such option; did you mean maxHeldBytes?'],
  [{ routes: {} }, 'option Gateway.routes is {}; allowed: an object of at least one path'],
  [{ routes: ['/chat'] }, 'option Gateway.routes is ["/chat"]; allowed: an object'],
  [{ routes: null }, 'option Gateway.routes is null; allowed: an object'],
  [{ routes: { chat: 'w' } }, 'option Gateway.routes is "chat"; allowed: a path that begins'],
  [{ routes: { '': 'w' } }, 'option Gateway.routes is ""; allowed: a path that begins'],
  [{ routes: { '/chat?v=1': 'w' } }, 'is "/chat?v=1"; allowed: a path that begins with a slash'],
  [{ routes: { '/chat#a': 'w' } }, 'without query, fragment'],
  [{ routes: { '//chat': 'w' } }, 'option Gateway.routes is "//chat"; allowed'],
  [{ routes: { '/a/../b': 'w' } }, 'option Gateway.routes is "/a/../b"; allowed'],
  [{ routes: { '/%zz': 'w' } }, 'option Gateway.routes is "/%zz"; allowed'],
  [{ routes: { '/chat': '' } }, 'option Gateway.routes["/chat"] is ""; allowed: a string of 1'],
  [{ routes: { '/chat': ['w'] } }, 'option Gateway.routes["/chat"] is ["w"]; allowed: a string'],
  [
    { routes: { '/chat': 'a', '/ch%61t/': 'b' } },
    'option Gateway.routes is "/ch%61t/"; allowed: this path or "/chat", not both',
  ],
  [
    { routes: { '/chat': 'a' }, listen: 'text://0.0.0.0:1' },
    'option Gateway.routes is {"/chat":"a"}; allowed: only with listen websocket://',
  ],
])('gateway options: refuse %j', (wrong, message) => {
  const options: GatewayOptions = Object.assign({ listen }, wrong);
  expect(() => resolveGatewayOptions(options)).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_OPTION_INVALID',
      message: expect.stringContaining(message),
    }),
  );
});

test.each<Record<string, unknown>>([
  { count: 1024, startPort: 64_512 },
  { lanIp: '10.0.0.1', secretKey: 'x' },
  { maxMessageBytes: 16_777_216 },
  { maxEventsInFlight: 1 },
  { lanIp: 'gateway-1.internal', secretKey: 'x' },
  { lanIp: '10.0.0.1', innerListen: '127.0.0.1:0' },
  { lanIp: 'fd77::1', innerListen: '::', secretKey: ['x', 'y'] },
  { listen: 'json-lines://0.0.0.0:0', protocol: { decode: () => undefined, encode: String } },
  { listen: 'text://[::]:8283' },
  { trustProxy: ['10.0.0.0/8', '::1'], proxyProtocol: true },
  { allowedOrigins: ['https://example.com', 'https://*.example.com:8443'] },
  { perMessageDeflate: { threshold: 0 }, subprotocols: ['chat.v2'] },
  { pingInterval: 0 },
  { maxHeldMs: 0 },
  { router: () => undefined },
  { routes: { '/': 'rest', '/chat': 'chat', '/chat/vip/': 'vip', '/café': 'café' } },
])('gateway options: accept %j', (given) => {
  const options: GatewayOptions = Object.assign({ listen }, given);
  expect(resolveGatewayOptions(options)).toMatchObject(given);
});

test('gateway options: the error for an unknown option does not show its value', () => {
  const options: GatewayOptions = Object.assign({ listen }, { secretkey: 'hunter2' });
  expect(() => resolveGatewayOptions(options)).not.toThrow(/hunter2/);
});

test.each([
  [
    { lanIp: '127.0.0.2', startPort: 3000 },
    { host: '127.0.0.2', port: 3000 },
  ],
  [{ innerListen: '::1' }, { host: '::1', port: 2000 }],
  [{ innerListen: '0:0:0:0:0:0:0:1' }, { host: '::1', port: 2000 }],
  [{ lanIp: '::FFFF:127.0.0.1' }, { host: '127.0.0.1', port: 2000 }],
  [{ innerListen: '127.0.0.1:4000' }, { host: '127.0.0.1', port: 4000 }],
  [{ innerListen: '[::1]:4000' }, { host: '::1', port: 4000 }],
])('innerListenAddress: %j gives %j', (options, expected) => {
  expect(innerListenAddress(resolveGatewayOptions({ listen, ...options }))).toEqual(expected);
});

test('gateway options: a loopback innerListen needs no key', () => {
  const behindTunnel = { listen, lanIp: '10.0.0.1', innerListen: '127.0.0.1' };
  expect(resolveGatewayOptions(behindTunnel).secretKey).toBe('');
});

test('gateway options: undefined values of nested options are removed', async () => {
  const { cert, key } = await makeCertificate();
  const tls = { cert, key, passphrase: undefined, minVersion: undefined };
  const innerTls = { cert, key, ca: undefined, servername: undefined };
  const given = { listen, tls, innerTls, perMessageDeflate: { threshold: undefined } };
  const resolved = Reflect.apply(resolveGatewayOptions, undefined, [given]);
  expect(Object.keys(resolved.tls ?? {})).toEqual(['cert', 'key']);
  expect(Object.keys(resolved.innerTls ?? {})).toEqual(['cert', 'key']);
});

test.each([{ secretKey: undefined }, { secretKey: undefined, innerListen: '0.0.0.0:1' }])(
  'gateway options: %j without loopback address is refused',
  (options) => {
    const given = { listen, lanIp: '10.0.0.1', ...options };
    expect(() => Reflect.apply(resolveGatewayOptions, undefined, [given])).toThrow(
      'option Gateway.secretKey is undefined; is the environment variable set? a key is required',
    );
  },
);
