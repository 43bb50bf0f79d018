import type { WelcomeFrame } from '@gatewayworker/client-protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { MovingState } from './moving-state.ts';
import type { ResumableContext } from './resumable-context.ts';

/** Makes the answer to a Hello. */
export function welcomeFrame(
  client: ClientConnection,
  { secret, numbers }: MovingState,
  context: ResumableContext,
  { isResumed, reason }: Pick<WelcomeFrame, 'isResumed' | 'reason'>,
): WelcomeFrame {
  const { windowMs, pingMs, spreadMs, maxMessageBytes, lanes, clientId } = context;
  return {
    ...{ op: 'welcome', isResumed, reason, windowMs, pingMs },
    clientId: clientId(client),
    secret: secret.current,
    spreadMs: spreadMs(),
    handled: numbers.received,
    maxBytes: maxMessageBytes,
    // A client that resumes keeps its positions.
    positions: isResumed ? new Map() : lanes.positions,
  };
}
