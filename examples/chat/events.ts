import { allowPartial, type Context, type EventHandler, gateway } from 'gatewayworker';
import { type About, type ClientMessage, parseClientMessage } from './client-message.ts';
import { encodeServerMessage, type Person, type ServerMessage } from './server-message.ts';

/** The session of each client; undefined until the client has entered a room. */
export interface Session {
  readonly name: string;
  readonly room: string;
}

/** A person who is away for a shorter time is not shown as gone: the page was reloaded, or its network was lost. */
const AWAY_MS = 3000;

/** The chat: a room is a group, a person is a client. */
export class Events implements EventHandler<Session> {
  async onMessage(
    clientId: string,
    data: string | Buffer,
    context: Context<Session>,
  ): Promise<void> {
    const parsed = parseClientMessage(data);
    if (!parsed.valid) {
      refuse(context, parsed.problem, parsed.about);
      return;
    }
    const { message } = parsed;
    switch (message.type) {
      case 'enter':
        return enter(clientId, message, context);
      case 'say':
        return say(clientId, message.text, context);
      case 'whisper':
        return whisper(clientId, message, context);
    }
  }

  onDrop(clientId: string, { session }: Context<Session>): void {
    if (session === undefined) return;
    setTimeout(async () => {
      const isBack = await allowPartial(gateway.isOnline(clientId));
      if (!isBack) announce('left', clientId, session);
    }, AWAY_MS);
  }

  /** Pages that show this person already ignore it. */
  onResume(clientId: string, { session }: Context<Session>): void {
    if (session !== undefined) announce('joined', clientId, session);
  }

  onClose(clientId: string, { session }: Context<Session>): void {
    if (session !== undefined) announce('left', clientId, session);
  }
}

async function enter(
  clientId: string,
  { name, room }: Extract<ClientMessage, { type: 'enter' }>,
  context: Context<Session>,
): Promise<void> {
  const previous = context.session;
  const isUnchanged = previous?.room === room && previous.name === name;
  if (previous !== undefined && !isUnchanged) {
    gateway.leaveGroup(clientId, previous.room);
    announce('left', clientId, previous);
  }
  if (!isUnchanged) {
    const session = { name, room };
    context.session = session;
    // Stored now, not when this callback settles: a person who enters at the same time queries the
    // sessions of the room, and must find this one.
    gateway.setSession(clientId, session);
    gateway.joinGroup(clientId, room);
    announce('joined', clientId, session);
  }
  const people = await findPeople(room);
  reply(context, { type: 'entered', room, name, people });
}

function say(clientId: string, text: string, context: Context<Session>): void {
  if (context.session === undefined) {
    refuse(context, 'Please enter a room first.');
    return;
  }
  const { name, room } = context.session;
  const from = { id: clientId, name };
  gateway.sendToGroup(
    room,
    encodeServerMessage({ type: 'said', room, from, text, time: Date.now() }),
  );
}

async function whisper(
  clientId: string,
  { to, text }: Extract<ClientMessage, { type: 'whisper' }>,
  context: Context<Session>,
): Promise<void> {
  if (context.session === undefined) {
    refuse(context, 'Please enter a room first.');
    return;
  }
  const { name, room } = context.session;
  const recipient = await findSession(to);
  if (recipient === undefined || recipient.room !== room) {
    refuse(context, 'That person is no longer in this room.');
    return;
  }
  const from = { id: clientId, name };
  const whispered: ServerMessage = {
    type: 'whispered',
    from,
    to: { id: to, name: recipient.name },
    text,
    time: Date.now(),
  };
  gateway.sendToClient(to, encodeServerMessage(whispered));
  if (to !== clientId) reply(context, whispered);
}

/** Notifies the other people in the room. */
function announce(type: 'joined' | 'left', clientId: string, { name, room }: Session): void {
  const notice: ServerMessage = {
    type,
    room,
    person: { id: clientId, name },
    time: Date.now(),
  };
  gateway.sendToGroup(room, encodeServerMessage(notice), { exclude: [clientId] });
}

async function findSession(clientId: string): Promise<Session | undefined> {
  // If the gateway of that client does not answer, the client counts as gone.
  return (await allowPartial(gateway.getSession<Session>(clientId))) ?? undefined;
}

async function findPeople(room: string): Promise<Person[]> {
  const people: Person[] = [];
  // If a gateway does not answer, the list has the people of the other gateways.
  const sessions = await allowPartial(gateway.getClientSessionsByGroup<Session>(room));
  for (const [id, session] of sessions ?? []) {
    if (session !== undefined) people.push({ id, name: session.name });
  }
  return people;
}

function reply(context: Context<Session>, message: ServerMessage): void {
  context.send(encodeServerMessage(message));
}

function refuse(context: Context<Session>, text: string, about: About = 'message'): void {
  reply(context, { type: 'error', about, text });
}
