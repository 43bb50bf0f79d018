/**
 * Returns the messages that are missing or doubled before the last one, by sender and receiver. The workers of
 * `fixtures/resume` number their messages.
 */
export function missing(texts: readonly string[]): string[] {
  const last = new Map<string, number>();
  const missed: string[] = [];
  for (const text of texts) {
    const [pid = '', receiver = '', number = ''] = text.split(' ');
    const stream = `${pid} ${receiver}`;
    const before = last.get(stream);
    if (before !== undefined && Number(number) !== before + 1) {
      missed.push(`${stream}: ${number} after ${before}`);
    }
    last.set(stream, Number(number));
  }
  return missed;
}
