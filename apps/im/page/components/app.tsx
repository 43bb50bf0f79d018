import { useCallback, useRef, useState } from 'react';
import { type Notice, Notices } from './notices.tsx';
import { Shell } from './shell.tsx';
import { useSession } from './use-session.ts';
import { Welcome } from './welcome.tsx';

const noticeMs = 6000;

/** The page: a login form, or the messenger of the logged-in user. */
export function App(): React.JSX.Element {
  const [notices, notify] = useNotices();
  const [session, manager] = useSession(notify);
  const [invitation, setInvitation] = useState(readInvitation);
  const forgetInvitation = () => {
    history.replaceState(null, '', '/');
    setInvitation(null);
  };
  return (
    <>
      {session.phase === 'starting' && <p className="starting">Loading…</p>}
      {session.phase === 'unreachable' && (
        <p className="starting" role="status">
          The server cannot be reached. Trying again…
        </p>
      )}
      {session.phase === 'welcome' && manager !== null && (
        <Welcome manager={manager} notice={session.notice} isInvited={invitation !== null} />
      )}
      {session.phase === 'open' && manager !== null && (
        <Shell
          key={session.messenger.store.get().deviceId}
          messenger={session.messenger}
          notify={notify}
          logOut={(everywhere) => manager.logOut(everywhere)}
          invitation={invitation}
          onInvitationDone={forgetInvitation}
        />
      )}
      <Notices notices={notices} />
    </>
  );
}

function useNotices(): readonly [readonly Notice[], (text: string) => void] {
  const [notices, setNotices] = useState<readonly Notice[]>([]);
  const next = useRef(0);
  const notify = useCallback((text: string) => {
    next.current += 1;
    const id = next.current;
    setNotices((shown) => [...shown.slice(-2), { id, text }]);
    setTimeout(() => setNotices((shown) => shown.filter((notice) => notice.id !== id)), noticeMs);
  }, []);
  return [notices, notify];
}

/** Returns the invitation code of the URL. */
function readInvitation(): string | null {
  return /^\/i\/([0-9a-zA-Z]{1,11})$/.exec(location.pathname)?.[1] ?? null;
}
