import type { About, ClientMessage } from './client-message.ts';

/** A person in a room. The id distinguishes people with the same name. */
export interface Person {
  readonly id: string;
  readonly name: string;
}

/** A message to a page; `time` is in milliseconds since 1970. */
export type ServerMessage =
  /** Answers `enter`; `people` are all people in the room, including the sender of `enter`. */
  | {
      readonly type: 'entered';
      readonly room: string;
      readonly name: string;
      readonly people: readonly Person[];
    }
  | {
      readonly type: 'joined' | 'left';
      readonly room: string;
      readonly person: Person;
      readonly time: number;
    }
  | {
      readonly type: 'said';
      readonly room: string;
      readonly from: Person;
      readonly text: string;
      readonly time: number;
    }
  /** A private message, sent to the recipient and to the sender. */
  | {
      readonly type: 'whispered';
      readonly from: Person;
      readonly to: Person;
      readonly text: string;
      readonly time: number;
    }
  /** Why a message was rejected, as a text for the user. */
  | { readonly type: 'error'; readonly about: About; readonly text: string };

/** What the page and the server send to each other: the type parameter of `connect`. */
export interface ChatProtocol {
  ClientToServer: ClientMessage;
  ServerToClient: ServerMessage;
  Requests: Record<never, never>;
}

/** Encodes a message for the page. */
export function encodeServerMessage(message: ServerMessage): string {
  return JSON.stringify(message);
}
