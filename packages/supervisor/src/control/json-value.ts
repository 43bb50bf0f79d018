/** Reads a field of a value that came from another process; `undefined` when it has no such field. */
export function readField(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}

/** Reads a field that must be a string. */
export function readString(value: unknown, key: string): string | undefined {
  const field = readField(value, key);
  return typeof field === 'string' ? field : undefined;
}

/** Reads a field that must be a finite number. */
export function readNumber(value: unknown, key: string): number | undefined {
  const field = readField(value, key);
  return typeof field === 'number' && Number.isFinite(field) ? field : undefined;
}

/** Reads a field that must be a boolean. */
export function readBoolean(value: unknown, key: string): boolean | undefined {
  const field = readField(value, key);
  return typeof field === 'boolean' ? field : undefined;
}

interface FieldTypes {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
}

/** Types of fields by name. */
type FieldSet = Readonly<Record<string, keyof FieldTypes>>;

/** Reads fields that must have these types; numbers must be finite. `undefined` when one is missing or of another type. */
export function readFields<const Fields extends FieldSet>(
  value: unknown,
  fields: Fields,
): { readonly [Name in keyof Fields]: FieldTypes[Fields[Name]] } | undefined {
  const readers = { string: readString, number: readNumber, boolean: readBoolean };
  const entries = Object.entries(fields).map(([name, type]) => [name, readers[type](value, name)]);
  if (entries.some(([, field]) => field === undefined)) return undefined;
  return Object.fromEntries(entries);
}

/** Parses JSON; `undefined` when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
