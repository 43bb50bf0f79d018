import { useEffect, useState } from 'react';
import type { Connection } from '../store/state.ts';
import { useMessenger } from './messenger-context.ts';

/** Shorter interruptions are not shown, in milliseconds. */
const delayMs = 800;

/** Shows that there is no connection; messages are sent later. */
export function ConnectionNotice({
  connection,
}: {
  readonly connection: Connection;
}): React.JSX.Element {
  const messenger = useMessenger();
  const isOpen = connection.status === 'open';
  const isShown = useDelayed(!isOpen);
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

/** Returns true if the value has been true for some time. */
function useDelayed(value: boolean): boolean {
  const [isDelayed, setDelayed] = useState(false);
  useEffect(() => {
    if (!value) {
      setDelayed(false);
      return;
    }
    const timer = setTimeout(() => setDelayed(true), delayMs);
    return () => clearTimeout(timer);
  }, [value]);
  return isDelayed;
}
