import { useEffect, useState } from 'react';
import type { EmptyBody } from '../../shared/http-api.ts';
import { toProblem } from '../client/api.ts';
import type { Problem } from '../store/outgoing.ts';
import { toLastSeen } from '../text/times.ts';
import { useMessenger, useMessengerState } from './messenger-context.ts';
import { ProblemLine } from './problem-line.tsx';

/** The devices on which the user is logged in. */
export function DeviceList(): React.JSX.Element {
  const messenger = useMessenger();
  const { devices } = useMessengerState();
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    messenger.refreshDevices().catch((error: unknown) => setProblem(toProblem(error)));
  }, [messenger]);
  const end = (id: string) => {
    setProblem(null);
    messenger.api
      .request<EmptyBody>('DELETE', `/api/devices/${id}`)
      .then(() => messenger.refreshDevices())
      .catch((error: unknown) => setProblem(toProblem(error)));
  };
  return (
    <section className="people" aria-label="Devices">
      <h3>Devices</h3>
      <ProblemLine problem={problem} />
      <ul>
        {(devices ?? []).map(({ id, name, current, online, lastUsedAt }) => (
          <li key={id} className="person device">
            <span className="person-text">
              <bdi className="person-name">{name}</bdi>
              <span className="person-line">
                {current ? 'this device' : online ? 'online' : toLastSeen(lastUsedAt, Date.now())}
              </span>
            </span>
            {!current && (
              <button
                type="button"
                className="secondary"
                aria-label={`Log out ${name}`}
                onClick={() => end(id)}
              >
                Log out
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
