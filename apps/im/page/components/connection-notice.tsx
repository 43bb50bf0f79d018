import { useEffect, useState } from 'react';
import type { Connection } from '../store/state.ts';
import { useMessenger } from './messenger-context.ts';

/** A connection that is back sooner than this is not worth a word, in milliseconds. */
const patienceMs = 800;

/** Tells that the server does not hear us; what is written meanwhile is sent later. */
export function ConnectionNotice({
  connection,
}: {
  readonly connection: Connection;
}): React.JSX.Element {
  const messenger = useMessenger();
  const isOpen = connection.status === 'open';
  const isShown = useLasting(!isOpen);
  return (
    <div className="connection-notice" role="status" hidden={!isShown}>
      {isShown && (
        <>
          <span>Reconnecting… What you write is sent as soon as the connection is back.</span>
          {connection.status === 'waiting' && (
            <button type="button" className="text-button" onClick={() => messenger.wake()}>
              Try now
            </button>
          )}
        </>
      )}
    </div>
  );
}

/** Whether it has been so for a while. */
function useLasting(isSo: boolean): boolean {
  const [isLasting, setLasting] = useState(false);
  useEffect(() => {
    if (!isSo) {
      setLasting(false);
      return;
    }
    const timer = setTimeout(() => setLasting(true), patienceMs);
    return () => clearTimeout(timer);
  }, [isSo]);
  return isLasting;
}
