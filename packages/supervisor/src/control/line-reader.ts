/** Splits text that arrives in pieces into lines, holding back a bounded unfinished one. */
export class LineReader {
  readonly #maxCharacters: number;
  #rest = '';

  /** @param maxCharacters - longest line that is accepted */
  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  /** Takes the next piece; answers the lines it completes, or `undefined` when a line is too long. */
  push(piece: string): string[] | undefined {
    if (!piece.includes('\n')) {
      // Without this a long line would be searched again for each piece of it.
      this.#rest += piece;
      return this.#rest.length > this.#maxCharacters ? undefined : [];
    }
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    const tooLong = [...lines, this.#rest].some((line) => line.length > this.#maxCharacters);
    return tooLong ? undefined : lines;
  }
}
