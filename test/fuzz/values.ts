import type { GatewayClient } from '@gatewayworker/gateway-client';
import fc from 'fast-check';
import { threadTimeMs } from './turn-meter.ts';

/** Values of a caller's own program, which reach no socket before the Gateway API has checked them. */
export interface ValueSurface {
  readonly name: string;
  readonly input: fc.Arbitrary<unknown>;
  /** Answers what is wrong; `undefined` when the value was taken, or refused by an error that names it. */
  readonly tryOne: (api: GatewayClient, value: unknown) => Promise<string | undefined>;
}

/** Longest turn that one value may take, in milliseconds: several times what a session of 1 MiB takes. */
const MAX_TURN_MS = 500;

/** Tries before a slow turn counts: the machine may have been busy. */
const TRIES = 3;

/** An id of no client: what is sent to it is checked, packed, and dropped by the gateway. */
const clientId = 'AAAAAAAAAAAAAAAAAAAA';

/** An object of two fields that share one object, so many levels deep. */
function doubled(levels: number): unknown {
  let value: unknown = { x: 1 };
  for (let level = 0; level < levels; level += 1) value = { l: value, r: value };
  return value;
}

function nested(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = wrap(value);
  return value;
}

function sparse(length: number): unknown {
  const list: unknown[] = [];
  list.length = length;
  list[length - 1] = 1;
  return list;
}

function circular(): unknown {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value;
}

const throwing = {
  get x(): never {
    throw new Error('a getter of the caller');
  },
};

const oddValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.nat(24).map(doubled),
  fc.nat(3000).map((levels) => nested(levels, (inner) => [inner])),
  fc.nat(3000).map((levels) => nested(levels, (inner) => ({ inner }))),
  fc.constantFrom(2, 1000, 2 ** 20, 2 ** 31, 2 ** 32 - 1).map(sparse),
  fc.nat(60_000).map((length) => 'x'.repeat(length)),
  fc.nat(60_000).map((length) => new Uint8Array(length)),
  fc.constantFrom<unknown>(
    Number.NaN,
    -0,
    2n ** 80n,
    Symbol('s'),
    () => 1,
    new Date(Number.NaN),
    /x/,
    new Map([[{}, 1]]),
    new Set([1]),
    new Error('x'),
    new WeakMap(),
    Promise.resolve(),
    new Proxy({}, { ownKeys: () => ['__proto__', 'constructor'] }),
    throwing,
    circular(),
    Object.create(null),
    new Float64Array(3),
    '\ud800',
  ),
  fc.anything({ withBigInt: true, withMap: true, withSet: true, withSparseArray: true }),
);

const sessions = fc.oneof(
  fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), oddValues, { maxKeys: 4 }),
  oddValues,
);

const names = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom('x', '\ud800', 'é', '\0').chain((one) => {
    return fc
      .constantFrom(1, 255, 256, 21_845, 32_768, 65_535, 65_536, 70_000)
      .map((length) => one.repeat(length));
  }),
  oddValues,
);

/** Calls the API, and checks that it answers, or throws an error of ours, within a turn that is not long. */
async function call(
  method: string,
  args: unknown[],
  api: GatewayClient,
): Promise<string | undefined> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < TRIES && fastest > MAX_TURN_MS; attempt += 1) {
    const start = threadTimeMs();
    try {
      const outcome: unknown = Reflect.apply(Reflect.get(api, method), api, args);
      fastest = Math.min(fastest, threadTimeMs() - start);
      await outcome;
    } catch (error) {
      fastest = Math.min(fastest, threadTimeMs() - start);
      const fault = faultOf(error);
      if (fault !== undefined) return `${method}: ${fault}`;
    }
  }
  return fastest > MAX_TURN_MS ? `${method}: a turn of ${fastest.toFixed(0)} ms` : undefined;
}

/** A refusal names the argument or the limit; an error of the language that slipped through does not. */
function faultOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (/^a getter of the caller$/.test(error.message)) return undefined;
  if (
    /Cannot (?:read|set|convert)|is not (?:a function|iterable|defined)|call stack|outside buffer|Invalid array length/.test(
      error.message,
    )
  ) {
    return error.stack ?? error.message;
  }
  return undefined;
}

/** What a caller may hand over. */
export const valueSurfaces: readonly ValueSurface[] = [
  {
    name: 'session-value',
    input: sessions,
    tryOne: async (api, value) =>
      (await call('setSession', [clientId, value], api)) ??
      (await call('updateSession', [clientId, value], api)),
  },
  {
    name: 'name-value',
    input: names,
    tryOne: async (api, value) => {
      for (const method of ['bindUid', 'joinGroup', 'leaveGroup']) {
        const fault = await call(method, [clientId, value], api);
        if (fault !== undefined) return fault;
      }
      for (const method of ['sendToUid', 'sendToGroup']) {
        const fault = await call(method, [value, 'x'], api);
        if (fault !== undefined) return fault;
      }
      return (
        (await call('isUidOnline', [value], api)) ??
        (await call('getClientIdListByGroup', [value], api)) ??
        (await call('ungroup', [value], api))
      );
    },
  },
];
