import type { ConversationsBody, MessagesBody } from '../../shared/http-api.ts';
import type { Message } from '../../shared/model.ts';
import { ada, conversation, grace } from '../store/samples.fixture.ts';

/** A fake `fetch` of a server with one conversation. */
export class FakeServer {
  /** The stored messages, by `seq`. */
  stored: Message[] = [];
  /** The requested paths. */
  readonly requested: string[] = [];
  /** If set, all requests are answered with this error. */
  failure: { readonly status: number; readonly error: string } | undefined;

  readonly fetch = async (path: string): Promise<Response> => {
    this.requested.push(path);
    const { failure } = this;
    if (failure !== undefined) {
      const body = { error: failure.error, message: 'It failed.' };
      return Response.json(body, { status: failure.status });
    }
    const url = new URL(path, 'http://127.0.0.1');
    if (url.pathname === '/api/conversations') return Response.json(this.#conversations());
    if (url.pathname.endsWith('/messages')) return Response.json(this.#messages(url.searchParams));
    if (url.pathname === '/api/me') return Response.json({ me: ada, deviceId: '5' });
    return Response.json({ friends: [], received: [], sent: [], blocked: [] });
  };

  #conversations(): ConversationsBody {
    const lastSeq = this.stored.length;
    const lastMessage = this.stored.at(-1) ?? null;
    return { conversations: [conversation(lastSeq, { lastMessage })], users: [ada, grace] };
  }

  #messages(query: URLSearchParams): MessagesBody {
    const limit = Number(query.get('limit'));
    const [after, before] = [query.get('after'), query.get('before')];
    if (after !== null) {
      const all = this.stored.filter(({ seq }) => seq > Number(after));
      return { messages: all.slice(0, limit), users: [], hasMore: all.length > limit };
    }
    const all = this.stored.filter(({ seq }) => before === null || seq < Number(before));
    return { messages: all.slice(-limit), users: [], hasMore: all.length > limit };
  }
}
