import { MAX_RESUME_SOURCES, type Positions } from '@gatewayworker/client-protocol';

/** The highest offset received of each source; the source that was heard last is the last entry. */
export type PositionTable = Map<number, number>;

/** Tells whether a message was not received before. A message of source 0 has no offset and is always new. */
export function isNew(table: PositionTable, source: number, offset: number): boolean {
  return source === 0 || offset > (table.get(source) ?? 0);
}

/** Raises the positions of sources. Those of the sources that were heard first are forgotten if there are too many. */
export function raise(table: PositionTable, positions: Positions | [[number, number]]): void {
  for (const [source, offset] of positions) {
    if (source === 0) continue;
    const position = Math.max(table.get(source) ?? 0, offset);
    // Deleted first, because a map keeps the order of insertion.
    table.delete(source);
    table.set(source, position);
    const [oldest = 0] = table.size > MAX_RESUME_SOURCES ? table.keys() : [];
    table.delete(oldest);
  }
}
