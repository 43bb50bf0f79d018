/** What a page gets to hear over its websocket; `time` is in milliseconds since 1970. */
export type ServerMessage =
  /** The first message on every connection: what the page posts to the app to be bound. */
  | { readonly type: 'init'; readonly clientId: string; readonly token: string }
  /** A push: to one person, or to everybody who follows the topic. */
  | {
      readonly type: 'push';
      readonly topic: string | null;
      readonly from: string;
      readonly text: string;
      readonly time: number;
    }
  /** Somebody came or went: time to ask the app who is online. */
  | { readonly type: 'presence' };

/** Writes a message the way it goes to the page. */
export function encodeServerMessage(message: ServerMessage): string {
  return JSON.stringify(message);
}
