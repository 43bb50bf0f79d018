import type { PictureBody } from '../../shared/http-api.ts';
import type { Id } from '../../shared/model.ts';
import type { ClientMessage, ServerMessage } from '../../shared/socket-message.ts';
import type { Action } from '../store/action.ts';
import { isUnanswered, type LocalPicture, type Outgoing } from '../store/outgoing.ts';
import type { State } from '../store/state.ts';
import type { Store } from '../store/store.ts';
import { type Api, ApiError, toProblem } from './api.ts';
import { createClientId } from './client-id.ts';
import { forgetOutbox, readOutbox, saveOutbox } from './outbox-storage.ts';
import { Sender } from './sender.ts';

/** A picture that somebody has chosen. */
export interface ChosenPicture extends LocalPicture {
  readonly file: Blob;
}

/** What an outbox works with. */
export interface OutboxOptions {
  readonly api: Api;
  readonly store: Store<State, Action>;
  readonly say: (message: ClientMessage) => boolean;
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

/** What somebody has written: shown at once, sent as soon as possible, kept until it is answered. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #sender: Sender;
  /** Pictures that are not uploaded yet, by client id. */
  readonly #files = new Map<string, Blob>();
  #saved: State['outbox'] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#sender = new Sender({ outbox: () => options.store.get().outbox, say: options.say });
    options.store.subscribe(() => this.#save());
  }

  /** Takes up what was not sent when the page was closed. */
  restore(): void {
    const { store, storage } = this.#options;
    for (const outgoing of readOutbox(storage, store.get().me.id)) {
      store.dispatch({ type: 'written', outgoing });
    }
  }

  /** A new connection: all that is not answered is sent again. */
  restart(): void {
    this.#sender.restart();
  }

  stop(): void {
    this.#sender.stop();
  }

  /** Forgets what would be taken up later. */
  forget(): void {
    forgetOutbox(this.#options.storage);
  }

  heard(answer: Extract<ServerMessage, { type: 'sent' | 'refused' }>): void {
    this.#sender.heard(answer);
  }

  /** Sends a text. */
  write(conversationId: Id, text: string): void {
    this.#add({ conversationId, text, localPicture: null, status: 'sending' });
  }

  /** Uploads a picture, and sends it with the words beside it. */
  writePicture(conversationId: Id, { file, ...localPicture }: ChosenPicture, text: string): void {
    const clientId = this.#add({ conversationId, text, localPicture, status: 'uploading' });
    this.#files.set(clientId, file);
    this.#upload(clientId, file);
  }

  /** Tries again what has failed. */
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

  /** Gives up what has failed. */
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
    this.#options.store.dispatch({ type: 'written', outgoing });
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
        // What was written behind it has waited for it.
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

/** Lets go of the pictures that are no longer shown from memory. */
function release(before: State['outbox'], now: State['outbox']): void {
  const kept = new Set(now.map(({ clientId }) => clientId));
  for (const { clientId, localPicture } of before) {
    if (localPicture !== null && !kept.has(clientId)) URL.revokeObjectURL(localPicture.url);
  }
}
