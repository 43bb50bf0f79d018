import type { ErrorCode } from '../../shared/error-code.ts';
import type { SendContent } from '../../shared/http-api.ts';
import type { Id, Picture, Time } from '../../shared/model.ts';

/** A picture that is not on the server yet. */
export interface LocalPicture {
  /** Its `blob:` URL. */
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

/** An error that is shown to the user. */
export interface Problem {
  /** `network` if there was no response. */
  readonly code: ErrorCode | 'network';
  readonly message: string;
}

/** A message of the user that is not in the history yet. */
export interface Outgoing {
  readonly clientId: string;
  readonly conversationId: Id;
  readonly createdAt: Time;
  /** The text, or the caption of the picture. */
  readonly text: string;
  readonly picture: Picture | null;
  /** Shown until the message is in the history. */
  readonly localPicture: LocalPicture | null;
  readonly status: 'uploading' | 'sending' | 'failed';
  /** Why it failed or waits. */
  readonly problem: Problem | null;
  /** Set when it is stored; it is shown until the message itself arrives. */
  readonly seq: number | null;
}

/** Returns the content to send; undefined until its picture is uploaded. */
export function toContent({ text, picture, localPicture }: Outgoing): SendContent | undefined {
  if (picture !== null) return { kind: 'picture', picture: picture.hash, text };
  return localPicture === null ? { kind: 'text', text } : undefined;
}

/** Returns true if it needs an answer of the server. */
export function isUnanswered({ status, seq }: Outgoing): boolean {
  return status === 'sending' && seq === null;
}
