import { type Context, type EventHandler, gateway } from 'gatewayworker';
import { issueClientToken } from './client-token.ts';
import { encodeServerMessage } from './server-message.ts';
import { resolvePushSettings } from './settings.ts';
import { topic } from './topic.ts';

/** The session of each client that the app has bound. */
export interface Session {
  readonly uid: string;
}

const { tokenKey } = resolvePushSettings(process.env);

/** Pages only receive: a worker issues their tokens and announces disconnects. */
export class Events implements EventHandler<Session> {
  onConnect(clientId: string, context: Context<Session>): void {
    const token = issueClientToken(tokenKey, clientId, Date.now());
    context.send(encodeServerMessage({ type: 'init', clientId, token }));
  }

  onMessage(clientId: string): void {
    gateway.closeClient(clientId, null, { code: 1008, reason: 'send requests to the app by HTTP' });
  }

  onDrop(_clientId: string, context: Context<Session>): void {
    announcePresence(context);
  }

  onResume(_clientId: string, context: Context<Session>): void {
    announcePresence(context);
  }

  onClose(_clientId: string, context: Context<Session>): void {
    announcePresence(context);
  }
}

function announcePresence({ session }: Context<Session>): void {
  if (session === undefined) return;
  gateway.sendToGroup(topic, encodeServerMessage({ type: 'presence' }));
}
