import { useEffect, useState } from 'react';
import { type Session, SessionKeeper } from '../client/session-keeper.ts';

/** Keeps who is logged in while the page is open. */
export function useSession(
  notify: (text: string) => void,
): readonly [Session, SessionKeeper | null] {
  const [session, setSession] = useState<Session>({ phase: 'starting' });
  const [keeper, setKeeper] = useState<SessionKeeper | null>(null);
  useEffect(() => {
    const created = new SessionKeeper(setSession, notify);
    setKeeper(created);
    created.start();
    return () => created.stop();
  }, [notify]);
  return [session, keeper];
}
