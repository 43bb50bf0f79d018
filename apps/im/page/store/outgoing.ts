import type { ErrorCode } from '../../shared/error-code.ts';
import type { SendContent } from '../../shared/http-api.ts';
import type { Id, Picture, Time } from '../../shared/model.ts';

/** A picture that is not stored yet. */
export interface LocalPicture {
  /** `blob:` address of it. */
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

/** What an error says that is shown to somebody. */
export interface Problem {
  /** `network` when there was no answer. */
  readonly code: ErrorCode | 'network';
  readonly message: string;
}

/** A message of mine that is not in the history yet. */
export interface Outgoing {
  readonly clientId: string;
  readonly conversationId: Id;
  readonly createdAt: Time;
  /** Words of it, or those beside the picture. */
  readonly text: string;
  readonly picture: Picture | null;
  /** Shown until the picture comes back from the server. */
  readonly localPicture: LocalPicture | null;
  readonly status: 'uploading' | 'sending' | 'failed';
  /** Why it failed, or why it waits. */
  readonly problem: Problem | null;
  /** Set once it is stored: it is shown until the message itself is there. */
  readonly seq: number | null;
}

/** What is sent of it; undefined while its picture is not uploaded. */
export function toContent({ text, picture, localPicture }: Outgoing): SendContent | undefined {
  if (picture !== null) return { kind: 'picture', picture: picture.hash, text };
  return localPicture === null ? { kind: 'text', text } : undefined;
}

/** Whether it waits to be answered by the server. */
export function isUnanswered({ status, seq }: Outgoing): boolean {
  return status === 'sending' && seq === null;
}
