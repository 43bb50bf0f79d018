/** Makes one answer of what the gateways answered, in any order. */
export type Join<T, R> = (answers: readonly T[]) => R;

/** True when one of the answers is. */
export function anyTrue(answers: readonly boolean[]): boolean {
  return answers.includes(true);
}

/** The sum of counts that have nothing in common. */
export function sum(answers: readonly number[]): number {
  return answers.reduce((total, answer) => total + answer, 0);
}

/** One list of lists that have nothing in common. */
export function concatenate(answers: readonly (readonly string[])[]): string[] {
  return answers.flat();
}

/** One list of lists that may have entries in common; each stands in it once. */
export function unique(answers: readonly (readonly string[])[]): string[] {
  return [...new Set(answers.flat())];
}

/** How many different entries the lists have. */
export function countUnique(answers: readonly (readonly string[])[]): number {
  return new Set(answers.flat()).size;
}

/** One map of lists of pairs that have no key in common. */
export function toMap<T>(answers: readonly (readonly (readonly [string, T])[])[]): Map<string, T> {
  return new Map(answers.flat());
}

/** Joins lists of pairs key by key: a key that several of them have stands in the map once. */
export function joinPairs<T, R>(
  join: Join<T, R>,
): Join<readonly (readonly [string, T])[], Map<string, R>> {
  return (answers) => {
    const byKey = new Map<string, T[]>();
    for (const [key, value] of answers.flat()) {
      const values = byKey.get(key);
      if (values === undefined) byKey.set(key, [value]);
      else values.push(value);
    }
    return new Map(Array.from(byKey, ([key, values]) => [key, join(values)]));
  };
}

/** Joins lists whose entries stand in the order of these keys; every key is in the map. */
export function joinByKey<T, R>(
  keys: readonly string[],
  join: Join<T, R>,
): Join<readonly T[], Map<string, R>> {
  return (answers) =>
    new Map(
      keys.map((key, index) => [
        key,
        join(answers.flatMap((list) => list.slice(index, index + 1))),
      ]),
    );
}
