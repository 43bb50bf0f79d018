/** `1 member`, `2 members`. */
export function count(number: number, one: string, many: string = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

/** `Ada`, `Ada and Grace`, `Ada, Grace and Tom`. */
export function list(words: readonly string[]): string {
  if (words.length <= 1) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

const emoji = /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\u200d|\ufe0f|\s)+$/u;

/** Returns true for one to five emoji without other text, which are shown large. */
export function isEmojiOnly(text: string): boolean {
  if (text.length > 40 || !emoji.test(text) || !/\p{Extended_Pictographic}|\p{RI}/u.test(text)) {
    return false;
  }
  const segments = [...new Intl.Segmenter('en').segment(text.replace(/\s+/gu, ''))];
  return segments.length <= 5;
}
