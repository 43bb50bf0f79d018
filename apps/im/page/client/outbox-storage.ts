import type { Id } from '../../shared/model.ts';
import type { Outgoing } from '../store/outgoing.ts';

type Keeper = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const key = 'im-outbox';

/** Keeps what has not been sent, for the page that is loaded next in this tab; pictures without their upload are not. */
export function saveOutbox(storage: Keeper, meId: Id, outbox: readonly Outgoing[]): void {
  const kept = outbox
    .filter(({ picture, localPicture }) => picture !== null || localPicture === null)
    .map((outgoing) => ({ ...outgoing, localPicture: null }));
  try {
    if (kept.length === 0) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify({ meId, outbox: kept }));
  } catch {
    // Full or forbidden: then a page that is loaded anew has to do without.
  }
}

/** What was kept of this person's. */
export function readOutbox(storage: Keeper, meId: Id): readonly Outgoing[] {
  try {
    const kept: unknown = JSON.parse(storage.getItem(key) ?? 'null');
    return isKept(kept) && kept.meId === meId ? kept.outbox : [];
  } catch {
    // Nothing that this page has written.
    return [];
  }
}

export function forgetOutbox(storage: Keeper): void {
  try {
    storage.removeItem(key);
  } catch {
    // Forbidden: then nothing was kept.
  }
}

function isKept(value: unknown): value is { meId: Id; outbox: readonly Outgoing[] } {
  return (
    typeof value === 'object' && value !== null && 'outbox' in value && Array.isArray(value.outbox)
  );
}
