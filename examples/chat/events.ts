import { allowPartial, type Context, type EventHandler, gateway } from 'gatewayworker';
import { type About, type ClientMessage, parseClientMessage } from './client-message.ts';
import { encodeServerMessage, type Person, type ServerMessage } from './server-message.ts';

/** What the chat keeps for each client; nothing until it has entered a room. */
export interface Session {
  readonly name: string;
  readonly room: string;
}

/** The chat: a room is a group, a person is a client. */
export class Events implements EventHandler<Session> {
  onConnect(clientId: string, context: Context<Session>): void {
    reply(context, { type: 'init', clientId });
  }

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

  onClose(clientId: string, context: Context<Session>): void {
    if (context.session !== undefined) announce('left', clientId, context.session);
  }
}

async function enter(
  clientId: string,
  { name, room }: Extract<ClientMessage, { type: 'enter' }>,
  context: Context<Session>,
): Promise<void> {
  const former = context.session;
  const stays = former?.room === room && former.name === name;
  if (former !== undefined && !stays) {
    gateway.leaveGroup(clientId, former.room);
    announce('left', clientId, former);
  }
  if (!stays) {
    const session = { name, room };
    context.session = session;
    // Stored now rather than when this callback is done: somebody who enters at the same moment
    // asks for the people of the room and must find the name of this one.
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

/** Tells everybody else in the room that somebody came or went. */
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
  // When the gateway of that person does not answer, nobody can write to them now.
  return (await allowPartial(gateway.getSession<Session>(clientId))) ?? undefined;
}

async function findPeople(room: string): Promise<Person[]> {
  const people: Person[] = [];
  // A gateway that dies takes its people along; the others are still worth showing.
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
