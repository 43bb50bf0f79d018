import { listSources, readText } from './repository.ts';

/** A parameter of a method; one that is taken apart where it is declared is called `options`. */
export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly isOptional: boolean;
}

/** A public method or property of a class or an interface. */
export interface Member {
  readonly name: string;
  readonly isStatic: boolean;
  readonly isOptional: boolean;
  /** `undefined` when it is no method. */
  readonly parameters: readonly Parameter[] | undefined;
  /** What it answers, or what it holds. */
  readonly type: string;
  /** What its docstring says behind `@default`. */
  readonly statedDefault: string | undefined;
}

/** An exported class or interface. */
interface Declaration {
  /** Name of the class above it. */
  readonly base: string | undefined;
  readonly members: readonly Member[];
}

/**
 * Reads an exported class or interface out of its source, as Biome formats it: members are indented by
 * two spaces. What is private, the constructor and fields of classes are left out.
 */
export function readDeclaration(name: string): Declaration {
  const start = new RegExp(
    `^export (?:class|interface) ${name}(?:<.*?>)?(?: extends (\\w+).*?)?(?: implements .*?)? \\{\\n`,
    'm',
  );
  const source = listSources()
    .map((path) => readText(path))
    .find((text) => start.test(text));
  const match = start.exec(source ?? '');
  if (source === undefined || match === null) throw new Error(`no source declares ${name}`);
  const body = source.slice(match.index + match[0].length).split(/^\}/m)[0] ?? '';
  return { base: match[1], members: parseMembers(body) };
}

/** The members of a class or an interface and of the classes above it. */
export function membersOf(name: string): Member[] {
  const { base, members } = readDeclaration(name);
  return base === undefined ? [...members] : [...members, ...membersOf(base)];
}

/** What an exported type stands for. */
export function readAlias(name: string): string {
  const pattern = new RegExp(`^export type ${name} = ([^;]+);`, 'm');
  const found = listSources()
    .map((path) => pattern.exec(readText(path))?.[1])
    .find((type) => type !== undefined);
  if (found === undefined) throw new Error(`no source declares the type ${name}`);
  return oneLine(found);
}

/** Members in the body of a class or an interface. */
export function parseMembers(body: string): Member[] {
  const head =
    /^ {2}((?:(?:static|async|override|readonly|get|set) )*)(?!constructor\b)(\w+)(\??)(?=[<(:])/gm;
  const members = [...body.matchAll(head)].map((match): Member & { hasBody: boolean } => {
    const [all, modifiers = '', name = '', optional] = match;
    const at = skipGenerics(body, match.index + all.length);
    const isMethod = body[at] === '(' && !/\b[gs]et /.test(modifiers);
    const close = body[at] === '(' ? endOfBrackets(body, at) : at - 1;
    const type = body.slice(close + 1).replace(/^:\s*/, '');
    const end = endOfType(type);
    return {
      name,
      isStatic: /\bstatic /.test(modifiers),
      isOptional: optional === '?',
      parameters: isMethod ? parseParameters(body.slice(at + 1, close)) : undefined,
      type: oneLine(type.slice(0, end)),
      statedDefault: defaultBefore(body, match.index),
      hasBody: type.slice(end).startsWith(' {'),
    };
  });
  // The implementation of an overloaded method is no signature of its own.
  const isImplementation = (index: number): boolean =>
    members[index]?.hasBody === true && members[index - 1]?.name === members[index]?.name;
  return members
    .filter((_, index) => !isImplementation(index))
    .map(({ hasBody: _, ...member }) => member);
}

/** The value behind `@default` of a docstring that ends right before a place. */
function defaultBefore(body: string, at: number): string | undefined {
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(body.slice(0, at))?.[1] ?? '';
  return /@default (.+?)\s*$/m.exec(comment)?.[1];
}

function parseParameters(text: string): Parameter[] {
  return splitOutside(text, ',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [left = '', ...right] = splitOutside(part, ':');
      const [type = '', ...value] = splitOutside(right.join(':'), ' = ');
      const pattern = left.trim();
      return {
        name: pattern.startsWith('{') ? 'options' : pattern.replace('?', ''),
        type: oneLine(type),
        isOptional: pattern.endsWith('?') || value.length > 0,
      };
    });
}

/** Where a type ends: at the body of its method, or at the end of the member. */
function endOfType(text: string): number {
  const [type = ''] = splitOutside(text, ';');
  const [beforeBody = ''] = splitOutside(type, ' {\n');
  return beforeBody.length;
}

function skipGenerics(text: string, at: number): number {
  return text[at] === '<' ? endOfBrackets(text, at) + 1 : at;
}

/** Where the bracket that opens at a place is closed. */
function endOfBrackets(text: string, at: number): number {
  let depth = 0;
  for (let end = at; end < text.length; end += 1) {
    depth += depthChange(text, end);
    if (depth === 0) return end;
  }
  throw new Error(`a bracket is not closed: ${text.slice(at, at + 40)}`);
}

/** Splits at a separator where it stands outside of every bracket. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (depth === 0 && text.startsWith(separator, at)) {
      parts.push(text.slice(start, at));
      start = at + separator.length;
    }
    depth += depthChange(text, at);
  }
  return [...parts, text.slice(start)];
}

function depthChange(text: string, at: number): number {
  const character = text[at] ?? '';
  if ('([{<'.includes(character)) return 1;
  const isArrow = character === '>' && text[at - 1] === '=';
  return ')]}>'.includes(character) && !isArrow ? -1 : 0;
}

function oneLine(type: string): string {
  return type
    .replace(/\s+/g, ' ')
    .replace(/([<(]) /g, '$1')
    .replace(/,? ([>)])/g, '$1')
    .replace(/^ ?\| /, '')
    .trim();
}
