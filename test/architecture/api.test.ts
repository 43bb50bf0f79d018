import { errorCodes } from '@gatewayworker/protocol';
import { describe, expect, test } from 'vitest';
import {
  type Member,
  membersOf,
  type Parameter,
  parseMembers,
  readAlias,
  readDeclaration,
} from './declarations.ts';
import { parseTableRows, readText } from './repository.ts';

const document = 'docs/api.md';
const sections = readText(document).split(/^## /m);

/** Rows of the tables of these sections. */
function rowsOf(...headings: string[]): { name: string; cells: string[] }[] {
  return headings.flatMap((heading) =>
    parseTableRows(sections.find((text) => text.startsWith(`${heading}\n`)) ?? ''),
  );
}

/** A type as users read it: `Payload` is no public name. */
function publicType(type: string): string {
  return type.replace(/\bPayload\b/g, readAlias('Payload'));
}

/** What is given to a call: a parameter, or the members of one that holds options. */
interface Argument {
  readonly name: string;
  readonly leaves: readonly (Parameter & { readonly statedDefault?: string | undefined })[];
  readonly isOptions: boolean;
}

/** Options that docs/options.md does not list are shown by their members. */
function argumentsOf(parameters: readonly Parameter[]): Argument[] {
  return parameters.map((parameter) => {
    const { name, type } = parameter;
    const isOptions = /^\w+Options$/.test(type) && type !== 'GatewayClientOptions';
    return { name, isOptions, leaves: isOptions ? readDeclaration(type).members : [parameter] };
  });
}

/** How a call is written: `name(first, second?, { option? })`. */
function writeCall(name: string, given: readonly Argument[]): string {
  const parts = given.map(({ leaves, isOptions }) => {
    const names = leaves.map((leaf) => leaf.name + (leaf.isOptional ? '?' : '')).join(', ');
    return isOptions ? `{ ${names} }` : names;
  });
  return `${name}(${parts.join(', ')})`;
}

/** The types of what is given, each as code. */
function writeTypes(given: readonly Argument[]): string {
  return given
    .flatMap(({ leaves }) => leaves)
    .map(({ name, type, isOptional }) => `\`${name}${isOptional ? '?' : ''}: ${publicType(type)}\``)
    .join(', ');
}

/** Expected text of the column of defaults: code or the words of the docstring; `…` matches any words. */
function writeDefaults(given: readonly Argument[]): string {
  return given
    .flatMap(({ leaves }) => leaves)
    .filter(({ isOptional }) => isOptional)
    .map(({ name, statedDefault = '…' }) => {
      const isLiteral = /^[\d['{]/.test(statedDefault);
      return `\`${name}\`: ${isLiteral ? `\`${statedDefault}\`` : statedDefault}`;
    })
    .join(', ');
}

/** Returns whether a cell has this type, with or without an explanation after a colon. */
function saysType(cell: string | undefined, type: string): boolean {
  return cell === `\`${type}\`` || cell?.startsWith(`\`${type}\`: `) === true;
}

function byFirst(a: readonly unknown[], b: readonly unknown[]): number {
  return String(a[0]) < String(b[0]) ? -1 : 1;
}

/** The expected text if the cell is right, otherwise the cell, for the message of the test. */
function unlessEqual(cell: string | undefined, expected: string, isEqual: boolean): unknown {
  return isEqual ? expected : cell;
}

describe('the Gateway API', () => {
  const methods = membersOf('GatewayClient').filter(({ parameters }) => parameters !== undefined);
  const rows = rowsOf('Connecting', 'Sends', 'Receipts', 'Queries');
  const expected = methods.map((method) => {
    const given = argumentsOf(method.parameters ?? []);
    const name = method.isStatic ? `GatewayClient.${method.name}` : method.name;
    return { method, given, call: writeCall(name, given) };
  });
  const rowOf = (call: string): string[] => rows.find(({ name }) => name === call)?.cells ?? [];

  test('has only methods as public members', () => {
    expect(methods.length).toBeGreaterThan(40);
    expect(membersOf('GatewayClient')).toEqual(methods);
  });

  test('GatewayApi: declares every method that a worker and a client share', () => {
    // The docstrings are on the interface only, so that they cannot differ.
    const shared = methods.filter(({ name, isStatic }) => !isStatic && name !== 'close');
    const written = shared.map(({ name, parameters, type }) => ({ name, parameters, type }));
    const api = membersOf('GatewayApi').map(({ name, parameters, type }) => ({
      ...{ name, parameters, type },
    }));
    expect(api).toEqual(written);
  });

  test('docs/api.md: has one row for each method, with arguments and types', () => {
    expect(rows.map(({ name, cells }) => [name, cells[1]]).sort(byFirst)).toEqual(
      expected.map(({ call, given }) => [call, writeTypes(given)]).sort(byFirst),
    );
  });

  test('docs/api.md: has the default of every optional argument', () => {
    const documented = expected.map(({ call, given }) => {
      const cell = rowOf(call)[2];
      const wanted = writeDefaults(given);
      const pattern = wanted.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '[^,]+');
      const isEqual = new RegExp(`^${pattern}$`).test(cell ?? '-');
      return [call, unlessEqual(cell, wanted, isEqual)];
    });
    expect(documented).toEqual(expected.map(({ call, given }) => [call, writeDefaults(given)]));
  });

  test('docs/api.md: has the return type of every method', () => {
    const documented = expected.map(({ call, method }) => {
      const cell = rowOf(call)[3];
      return [call, unlessEqual(cell, method.type, saysType(cell, method.type))];
    });
    expect(documented).toEqual(expected.map(({ call, method }) => [call, method.type]));
  });

  test('docs/api.md: names known errors, and those of every query for a query', () => {
    const known = new Set(['TypeError', 'RangeError', ...Object.keys(errorCodes)]);
    const queries = rowsOf('Queries').map(({ name }) => name);
    for (const { call, given } of expected) {
      const named = [...(rowOf(call)[4] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]);
      expect([call, named.filter((name) => !known.has(name ?? ''))]).toEqual([call, []]);
      const least = queries.includes(call) ? ['GW_ERR_NOT_CONNECTED', 'GW_ERR_PARTIAL_RESULT'] : [];
      if (given.length > 0 && !call.startsWith('GatewayClient.')) least.push('TypeError');
      expect([call, named]).toEqual([call, expect.arrayContaining(least)]);
    }
  });

  test('docs/api.md: has the effect and the PHP name of every method', () => {
    const wanting = rows.filter(({ cells }) => cells.length !== 6 || cells[0] === '');
    expect(wanting.map(({ name }) => name)).toEqual([]);
    // A dash means that PHP has no such method.
    expect(rows.filter(({ cells }) => !/^(?:–|`.+`)$/.test(cells[5] ?? ''))).toEqual([]);
  });

  test('methods that return a promise: are queries or receipts, except connect and close', () => {
    const asking = expected.filter(({ method }) => method.type.startsWith('Promise<'));
    const others = ['GatewayClient.connect(options?, logger?)', 'close()'];
    const documented = rowsOf('Receipts', 'Queries').map(({ name }) => name);
    expect(documented).toHaveLength(asking.length - others.length);
  });
});

test('callbacks of Events: have one row each, with arguments and types', () => {
  const callbacks = membersOf('EventHandler').map((member) => {
    const given = argumentsOf(member.parameters ?? []);
    return [writeCall(member.name, given), writeTypes(given), `\`${member.type}\``];
  });
  expect(callbacks).not.toEqual([]);
  const rows = rowsOf('Events');
  expect(rows.map(({ name, cells }) => [name, cells[1], cells[2]])).toEqual(callbacks);
  expect(rows.filter(({ cells }) => cells.length !== 4 || cells.includes(''))).toEqual([]);
});

/** The type of a member of `ctx`: a method as a function. */
function memberType({ parameters, type }: Member): string {
  if (parameters === undefined) return type;
  return `(${parameters.map((one) => `${one.name}: ${one.type}`).join(', ')}) => ${type}`;
}

test('members of ctx: have one row each, with type', () => {
  const members = membersOf('Context').map((member) => {
    const { name, parameters } = member;
    const call = parameters === undefined ? name : writeCall(name, argumentsOf(parameters));
    return [call, `\`${memberType(member)}\``];
  });
  expect(members).not.toEqual([]);
  const rows = rowsOf('ctx');
  expect(rows.map(({ name, cells }) => [name, cells[0]])).toEqual(members);
  expect(rows.filter(({ cells }) => cells.length !== 3 || cells.includes(''))).toEqual([]);
});

test('docs/api.md: has exactly these sections', () => {
  const headings = sections.slice(1).map((text) => text.split('\n')[0]);
  expect(headings).toEqual([
    ...['Connecting', 'Sends', 'Receipts', 'Queries'],
    ...['Events', 'ctx', 'Patterns'],
  ]);
});

test('members: every form is parsed', () => {
  const body = [
    '  readonly #secret: string;',
    '  constructor(a: string) {',
    '    this.b(a);',
    '  }',
    '  /** @default [] */',
    '  readonly list?: readonly string[];',
    '  static async open<T = Map<string, () => void>>(',
    '    first: T,',
    '    { a, b = [] }: OpenOptions = {},',
    '    third?: (x: number) => void,',
    '  ): Promise<',
    '    Map<string, T>',
    '  > {',
    '    return first;',
    '  }',
    '  #hidden(): void {}',
    '  over(a: string): boolean;',
    '  over(a: string, b: string): number;',
    '  over(a: string, b?: string): boolean | number {',
    '    return true;',
    '  }',
    '  get size(): number {',
    '    return 0;',
    '  }',
  ].join('\n');
  const plain = { isStatic: false, isOptional: false, parameters: undefined };
  expect(parseMembers(body)).toEqual([
    {
      ...plain,
      name: 'list',
      isOptional: true,
      type: 'readonly string[]',
      statedDefault: '[]',
    },
    {
      ...plain,
      name: 'open',
      isStatic: true,
      parameters: [
        { name: 'first', type: 'T', isOptional: false },
        { name: 'options', type: 'OpenOptions', isOptional: true },
        { name: 'third', type: '(x: number) => void', isOptional: true },
      ],
      type: 'Promise<Map<string, T>>',
      statedDefault: undefined,
    },
    {
      ...plain,
      name: 'over',
      parameters: [{ name: 'a', type: 'string', isOptional: false }],
      type: 'boolean',
      statedDefault: undefined,
    },
    {
      ...plain,
      name: 'over',
      parameters: [
        { name: 'a', type: 'string', isOptional: false },
        { name: 'b', type: 'string', isOptional: false },
      ],
      type: 'number',
      statedDefault: undefined,
    },
    { ...plain, name: 'size', type: 'number', statedDefault: undefined },
  ]);
});
