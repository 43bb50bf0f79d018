/** A message to a page; `time` is in milliseconds since 1970. */
export type ServerMessage =
  /** The first message of every session; the page posts its fields to `/bind`. */
  | { readonly type: 'init'; readonly clientId: string; readonly token: string }
  /** A push to one user, or to all followers of a topic. */
  | {
      readonly type: 'push';
      readonly topic: string | null;
      readonly from: string;
      readonly text: string;
      readonly time: number;
    }
  /** A user connected or disconnected: the page requests `/online` again. */
  | { readonly type: 'presence' };

/** What the page and the server send to each other: the type parameter of `connect`. */
export interface PushProtocol {
  /** Pages send nothing. */
  ClientToServer: never;
  ServerToClient: ServerMessage;
  Requests: Record<never, never>;
}

/** Encodes a message for the page. */
export function encodeServerMessage(message: ServerMessage): string {
  return JSON.stringify(message);
}
