/** Bytes of the shortest part that is looked for. */
const PART_LENGTH = 12;

/** A secret, by a name that may be shown. */
export interface Secret {
  readonly name: string;
  readonly value: string;
}

/** Ways in which a secret can stand in a text. */
function formsOf(value: string): Readonly<Record<string, string>> {
  const part = value.slice(0, PART_LENGTH);
  const bytes = Buffer.from(value);
  const forms: Record<string, string> = {
    raw: value,
    part,
    'end part': value.slice(-PART_LENGTH),
    hex: bytes.toString('hex'),
    'part in hex': Buffer.from(part).toString('hex'),
    'in the address of a web page': encodeURIComponent(value),
  };
  // Within other bytes the letters of base64 depend on how many stand before.
  for (const shift of [0, 1, 2]) {
    const shifted = Buffer.concat([Buffer.alloc(shift), Buffer.from(part)]).toString('base64');
    forms[`part in base64, ${shift} bytes on`] = shifted.slice(shift === 0 ? 0 : shift + 1, 15);
  }
  return forms;
}

/** Names the secrets that a text shows, each with its form. */
export function secretsIn(text: string, secrets: readonly Secret[]): string[] {
  return secrets.flatMap(({ name, value }) =>
    Object.entries(formsOf(value))
      .filter(([, form]) => text.toLowerCase().includes(form.toLowerCase()))
      .map(([form]) => `${name}, ${form}`),
  );
}
