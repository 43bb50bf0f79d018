import { type EventHandler, gateway, type HandshakeRequest } from 'gatewayworker';
import { verifyToken } from './token.ts';

/** A browser sends the cookie for a websocket of any page, so it is accepted only from this one. */
const PAGE_ORIGIN = 'https://app.example';

export const Events: EventHandler = {
  /** A client without a valid token gets HTTP 401 and never a websocket. */
  onHandshake(request) {
    const uid = verifyToken(readToken(request));
    if (uid === undefined) return { accept: false, status: 401, reason: 'no valid token' };
    return { accept: true, uid };
  },

  onConnect(_clientId, ctx) {
    ctx.send(`you are ${ctx.uid}`);
  },

  /** `grace hello` sends `hello` to every connection of grace. */
  onMessage(_clientId, message, ctx) {
    const [, to, text] = /^(\S{1,64}) (.+)$/s.exec(message.toString()) ?? [];
    if (to === undefined) ctx.send('send: <uid> <text>');
    else gateway.sendToUid(to, `${ctx.uid}: ${text}`);
  },
};

/** Programs send a header. A browser cannot set one for a websocket, so a page sends a cookie. */
function readToken({ headers, cookies }: HandshakeRequest): string {
  const [, bearer] = /^Bearer (\S+)$/.exec(headers['authorization'] ?? '') ?? [];
  if (bearer !== undefined) return bearer;
  return headers['origin'] === PAGE_ORIGIN ? (cookies['token'] ?? '') : '';
}
