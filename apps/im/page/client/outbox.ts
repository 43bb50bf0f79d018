import type { PictureBody } from '../../shared/http-api.ts';
import type { Id } from '../../shared/model.ts';
import type { ClientMessage, ServerMessage } from '../../shared/socket-message.ts';
import type { Action } from '../store/action.ts';
import { isUnanswered, type LocalPicture, type Outgoing } from '../store/outgoing.ts';
import type { State } from '../store/state.ts';
import type { Store } from '../store/store.ts';
import { type Api, ApiError, toProblem } from './api.ts';
import { createClientId } from './client-id.ts';
import { loadOutbox, removeOutbox, saveOutbox } from './outbox-storage.ts';
import { Sender } from './sender.ts';

/** A picture that the user has selected. */
export interface ChosenPicture extends LocalPicture {
  readonly file: Blob;
}

/** Dependencies of an outbox. */
export interface OutboxOptions {
  readonly api: Api;
  readonly store: Store<State, Action>;
  readonly transmit: (message: ClientMessage) => boolean;
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

/** Messages of the user: shown at once, sent as soon as possible, kept until they are answered. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #sender: Sender;
  /** Pictures that are not uploaded yet, by client id. */
  readonly #files = new Map<string, Blob>();
  #saved: State['outbox'] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
    const { store, transmit } = options;
    this.#sender = new Sender({ outbox: () => store.get().outbox, transmit });
    options.store.subscribe(() => this.#save());
  }

  /** Restores the messages that were unsent at the last close of the page. */
  restore(): void {
    const { store, storage } = this.#options;
    for (const outgoing of loadOutbox(storage, store.get().me.id)) {
      store.dispatch({ type: 'outgoing-added', outgoing });
    }
  }

  /** Call it for a new connection: unanswered messages are sent again. */
  restart(): void {
    this.#sender.restart();
  }

  stop(): void {
    this.#sender.stop();
  }

  /** Removes the saved messages. */
  forget(): void {
    removeOutbox(this.#options.storage);
  }

  handleAnswer(answer: Extract<ServerMessage, { type: 'sent' | 'refused' }>): void {
    this.#sender.handleAnswer(answer);
  }

  /** Sends a text. */
  write(conversationId: Id, text: string): void {
    this.#add({ conversationId, text, localPicture: null, status: 'sending' });
  }

  /** Uploads a picture, and sends it with a text. */
  writePicture(conversationId: Id, { file, ...localPicture }: ChosenPicture, text: string): void {
    const clientId = this.#add({ conversationId, text, localPicture, status: 'uploading' });
    this.#files.set(clientId, file);
    this.#upload(clientId, file);
  }

  /** Retries a failed message. */
  retry({ clientId, picture }: Outgoing): void {
    const file = this.#files.get(clientId);
    if (file !== undefined && picture === null) {
      this.#change(clientId, { status: 'uploading', problem: null });
      this.#upload(clientId, file);
      return;
    }
    this.#change(clientId, { status: 'sending', problem: null });
    this.#sender.flush();
  }

  /** Removes a failed message. */
  discard({ clientId }: Outgoing): void {
    this.#files.delete(clientId);
    this.#options.store.dispatch({ type: 'discarded', clientId });
  }

  #add(written: Pick<Outgoing, 'conversationId' | 'text' | 'localPicture' | 'status'>): string {
    const clientId = createClientId();
    const outgoing: Outgoing = {
      ...{ ...written, clientId, createdAt: Date.now() },
      ...{ picture: null, problem: null, seq: null },
    };
    this.#options.store.dispatch({ type: 'outgoing-added', outgoing });
    this.#sender.flush();
    return clientId;
  }

  #upload(clientId: string, file: Blob): void {
    const form = new FormData();
    form.append('picture', file, 'picture');
    this.#options.api.post<PictureBody>('/api/pictures', form).then(
      ({ picture }) => {
        this.#files.delete(clientId);
        this.#change(clientId, { picture, status: 'sending' });
        this.#sender.flush();
      },
      (error: unknown) => {
        this.#change(clientId, { status: 'failed', problem: toProblem(error) });
        // Later messages have waited for this picture.
        this.#sender.flush();
        if (!(error instanceof ApiError)) throw error;
      },
    );
  }

  #change(clientId: string, change: Extract<Action, { type: 'outgoing' }>['change']): void {
    this.#options.store.dispatch({ type: 'outgoing', clientId, change });
  }

  #save(): void {
    const { store, storage } = this.#options;
    const { outbox, me } = store.get();
    if (outbox === this.#saved) return;
    release(this.#saved, outbox);
    this.#saved = outbox;
    saveOutbox(
      storage,
      me.id,
      outbox.filter((outgoing) => isUnanswered(outgoing) || outgoing.status === 'failed'),
    );
  }
}

/** Releases the blob URLs of pictures that are no longer shown. */
function release(previous: State['outbox'], current: State['outbox']): void {
  const kept = new Set(current.map(({ clientId }) => clientId));
  for (const { clientId, localPicture } of previous) {
    if (localPicture !== null && !kept.has(clientId)) URL.revokeObjectURL(localPicture.url);
  }
}
