import type { About } from './client-message.ts';

/** Somebody in a room; the id tells two people of the same name apart. */
export interface Person {
  readonly id: string;
  readonly name: string;
}

/** What a page gets to hear; `time` is in milliseconds since 1970. */
export type ServerMessage =
  /** The first message on every connection. */
  | { readonly type: 'init'; readonly clientId: string }
  /** Answers `enter`; `people` are all in the room, the one who asked included. */
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
  /** A private message: one copy for the person it is for, one for the sender. */
  | {
      readonly type: 'whispered';
      readonly from: Person;
      readonly to: Person;
      readonly text: string;
      readonly time: number;
    }
  /** What the sender did wrong, in words. */
  | { readonly type: 'error'; readonly about: About; readonly text: string };

/** Writes a message the way it goes to the page. */
export function encodeServerMessage(message: ServerMessage): string {
  return JSON.stringify(message);
}
