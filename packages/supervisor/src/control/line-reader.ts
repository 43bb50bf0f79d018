/** Splits text that arrives in pieces into lines; keeps an unfinished line up to a limit. */
export class LineReader {
  readonly #maxCharacters: number;
  #rest = '';

  /** @param maxCharacters - longest line that is accepted */
  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  /** Adds the next piece; returns the lines that it completes, or `undefined` when a line is too long. */
  push(piece: string): string[] | undefined {
    if (!piece.includes('\n')) {
      // Without this shortcut, each piece of a long line would search the whole line again.
      this.#rest += piece;
      return this.#rest.length > this.#maxCharacters ? undefined : [];
    }
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    const tooLong = [...lines, this.#rest].some((line) => line.length > this.#maxCharacters);
    return tooLong ? undefined : lines;
  }
}
