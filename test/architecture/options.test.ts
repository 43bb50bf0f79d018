import {
  businessWorkerDefaults,
  resolveBusinessWorkerOptions,
} from '@gatewayworker/business-worker';
import { gatewayDefaults, resolveGatewayOptions } from '@gatewayworker/gateway';
import { gatewayClientDefaults, resolveGatewayClientOptions } from '@gatewayworker/gateway-client';
import { registerDefaults, resolveRegisterOptions } from '@gatewayworker/register';
import { resolveRunOptions, runDefaults } from '@gatewayworker/supervisor';
import { describe, expect, test } from 'vitest';
import { listSources, parseTableRows, readText } from './repository.ts';

/** A section of docs/options.md, the interface that it describes and its defaults. */
const classes: readonly {
  readonly section: string;
  /** Heading of the table within the section. */
  readonly subsection?: string;
  readonly interfaceName: string;
  readonly defaults: object;
}[] = [
  { section: 'Register', interfaceName: 'RegisterOptions', defaults: registerDefaults },
  { section: 'Gateway', interfaceName: 'GatewayOptions', defaults: gatewayDefaults },
  {
    section: 'Gateway',
    subsection: 'Sessions that resume',
    interfaceName: 'ResumeOptions',
    defaults: gatewayDefaults.resume || {},
  },
  {
    section: 'BusinessWorker',
    interfaceName: 'BusinessWorkerOptions',
    defaults: businessWorkerDefaults,
  },
  {
    section: 'GatewayClient.connect',
    interfaceName: 'GatewayClientOptions',
    defaults: gatewayClientDefaults,
  },
  { section: 'run', interfaceName: 'RunOptions', defaults: runDefaults },
  {
    section: 'Worker',
    interfaceName: 'WorkerOptions',
    defaults: readDefaults('packages/gatewayworker/src/worker-options.ts', 'workerDefaults'),
  },
];

/** The literals of a const that its package does not export. */
function readDefaults(path: string, constant: string): Record<string, string | number> {
  const body = readText(path).split(`const ${constant}`)[1]?.split('});')[0] ?? '';
  const entries = [...body.matchAll(/^ {2}(\w+): (?:'([^']*)'|([\d_]+)),$/gm)];
  return Object.fromEntries(
    entries.map(([, name = '', text, digits = '']) => [
      name,
      text ?? Number(digits.replaceAll('_', '')),
    ]),
  );
}

interface DeclaredOption {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  /** The text after `@default` in its docstring. */
  readonly statedDefault: string | undefined;
}

const sources = listSources().map((path) => readText(path));

/** Members of an exported interface, in their order. */
function declaredOptions(interfaceName: string): DeclaredOption[] {
  const start = new RegExp(`^export interface ${interfaceName}(?:<[^{]*>)? \\{\\n`, 'm');
  const source = sources.find((text) => start.test(text)) ?? '';
  const body = source.slice(source.search(start)).split(/^\}/m)[0] ?? '';
  const member = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*readonly (\w+)(\??): ([^;]+);/g;
  return [...body.matchAll(member)].map(([, comment = '', name = '', optional, type = '']) => ({
    name,
    type: type.replace(/\s+/g, ' '),
    isRequired: optional === '',
    statedDefault: /@default (.+?)\s*(?:\*?\s*)$/m.exec(comment)?.[1],
  }));
}

/** Rows of a section, or of a table within it: name, type, default and meaning. */
function documentedOptions(
  section: string,
  subsection = section,
): { name: string; cells: string[] }[] {
  const text = readText('docs/options.md').split(/^## /m);
  const parts = text.find((part) => part.startsWith(`${section}\n`))?.split(/^### /m) ?? [];
  return parseTableRows(parts.find((part) => part.startsWith(`${subsection}\n`)) ?? '');
}

/** A default as a literal; undefined for a computed one, such as the pid file. */
function literalDefault(name: string, defaults: object): string | undefined {
  const value = new Map<string, unknown>(Object.entries(defaults)).get(name);
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return '[]';
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'string' ? `'${value}'` : String(value);
  }
  const entries = Object.entries(value).map(([key, entry]) => `${key}: ${String(entry)}`);
  return `{ ${entries.join(', ')} }`;
}

/** Expected text of the default column: a literal, or the words of the docstring. */
function writeDefault(option: DeclaredOption, defaults: object): string | undefined {
  if (option.isRequired) return 'required';
  const literal = literalDefault(option.name, defaults);
  return literal === undefined ? option.statedDefault : `\`${literal}\``;
}

describe.each(classes)('$interfaceName', ({ section, subsection, interfaceName, defaults }) => {
  const declared = declaredOptions(interfaceName);
  const documented = documentedOptions(section, subsection);

  test('docs/options.md: has one row for each option, with its type', () => {
    expect(declared).not.toEqual([]);
    expect(documented.map(({ name, cells }) => [name, cells[0]])).toEqual(
      declared.map(({ name, type }) => [name, `\`${type}\``]),
    );
  });

  test('docs/options.md: has every default', () => {
    expect(documented.map(({ name, cells }) => [name, cells[1]])).toEqual(
      declared.map((option) => [option.name, writeDefault(option, defaults)]),
    );
  });

  test('docs/options.md: has allowed values, PHP name and meaning of every option', () => {
    expect(documented.filter(({ cells }) => cells.length !== 5 || cells.includes(''))).toEqual([]);
  });

  test('defaults: exist only for optional options', () => {
    const optional = declared.filter((option) => !option.isRequired).map((option) => option.name);
    expect(Object.keys(defaults).filter((name) => !optional.includes(name))).toEqual([]);
  });

  test('docstrings: state every default', () => {
    const wrong = declared.filter((option) => {
      if (option.isRequired) return option.statedDefault !== undefined;
      const value = literalDefault(option.name, defaults);
      return (
        option.statedDefault === undefined ||
        (value ?? option.statedDefault) !== option.statedDefault
      );
    });
    expect(wrong).toEqual([]);
  });
});

/** The function that resolves the options of each class; that of `Worker` is tested in its package. */
const resolvers: readonly [string, object, (options: never) => object][] = [
  ['RegisterOptions', {}, resolveRegisterOptions],
  ['GatewayOptions', { listen: 'websocket://0.0.0.0:0' }, resolveGatewayOptions],
  ['BusinessWorkerOptions', { eventHandler: '/events.js' }, resolveBusinessWorkerOptions],
  ['GatewayClientOptions', {}, resolveGatewayClientOptions],
  ['RunOptions', {}, (options) => resolveRunOptions(options, '/app/start.js')],
];

test.each(resolvers)('%s: undefined counts as absent', (interfaceName, required, resolve) => {
  const call = (options: object): object => Reflect.apply(resolve, undefined, [options]);
  const plain = call(required);
  const optional = declaredOptions(interfaceName).filter(({ isRequired }) => !isRequired);
  expect(optional.length).toBeGreaterThan(0);
  for (const { name } of optional)
    expect(call({ ...required, [name]: undefined }), name).toEqual(plain);
  const all = Object.fromEntries(optional.map(({ name }) => [name, undefined]));
  expect(call({ ...all, ...required })).toEqual(plain);
});

test('docs/options.md: has a section for every class with options', () => {
  const sections = [...readText('docs/options.md').matchAll(/^## (.+)$/gm)].map(
    (match) => match[1],
  );
  expect(sections).toEqual([...new Set(classes.map((entry) => entry.section))]);
});
