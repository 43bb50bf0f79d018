import type { Id } from '../../shared/model.ts';
import type { Outgoing } from '../store/outgoing.ts';

type StorageMethods = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const key = 'im-outbox';

/** Saves unsent messages for a reload of this tab, except pictures that are not uploaded. */
export function saveOutbox(storage: StorageMethods, meId: Id, outbox: readonly Outgoing[]): void {
  const saved = outbox
    .filter(({ picture, localPicture }) => picture !== null || localPicture === null)
    .map((outgoing) => ({ ...outgoing, localPicture: null }));
  try {
    if (saved.length === 0) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify({ meId, outbox: saved }));
  } catch {
    // Storage is full or disabled: unsent messages are lost on a reload.
  }
}

/** Loads the saved messages of this user. */
export function loadOutbox(storage: StorageMethods, meId: Id): readonly Outgoing[] {
  try {
    const saved: unknown = JSON.parse(storage.getItem(key) ?? 'null');
    return isSaved(saved) && saved.meId === meId ? saved.outbox : [];
  } catch {
    // Not written by this page.
    return [];
  }
}

export function removeOutbox(storage: StorageMethods): void {
  try {
    storage.removeItem(key);
  } catch {
    // Storage is disabled, so nothing was saved.
  }
}

function isSaved(value: unknown): value is { meId: Id; outbox: readonly Outgoing[] } {
  return (
    typeof value === 'object' && value !== null && 'outbox' in value && Array.isArray(value.outbox)
  );
}
