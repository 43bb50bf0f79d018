import { useEffect, useState } from 'react';
import { type Session, SessionManager } from '../client/session-manager.ts';

/** Manages the login while the page is open. */
export function useSession(
  notify: (text: string) => void,
): readonly [Session, SessionManager | null] {
  const [session, setSession] = useState<Session>({ phase: 'starting' });
  const [manager, setKeeper] = useState<SessionManager | null>(null);
  useEffect(() => {
    const created = new SessionManager(setSession, notify);
    setKeeper(created);
    created.start();
    return () => created.stop();
  }, [notify]);
  return [session, manager];
}
