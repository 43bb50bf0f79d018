import { allowPartial, type EventHandler, gateway } from 'gatewayworker';

/** Every member of a room receives the list of names whenever it may have changed. */
export const Events: EventHandler<{ room: string }> = {
  /** `/?room=lobby&name=ada`; a name with several connections is in the list once. */
  onHandshake({ query }) {
    const [room, name] = [query.get('room') ?? '', query.get('name') ?? ''];
    if (!/^[\w-]{1,32}$/.test(room) || !/^[\w-]{1,32}$/.test(name)) {
      return { accept: false, status: 400, reason: 'required: ?room=<word>&name=<word>' };
    }
    // The client is in the group before its first event.
    return { accept: true, uid: name, session: { room }, groups: [room] };
  },

  async onConnect(_clientId, { session }) {
    if (session !== undefined) await announce(session.room);
  },

  /** Called after the client has left its groups, for every kind of close. */
  async onClose(_clientId, { session }) {
    if (session !== undefined) await announce(session.room);
  },
};

/**
 * Sends the list to the room, and again if the list has changed since it was read. Without the second look two workers
 * could announce at the same time and the older list arrive last.
 */
async function announce(room: string): Promise<void> {
  let sent: string | undefined;
  for (;;) {
    // If a gateway does not answer, the list has the clients of the others.
    const names = (await allowPartial(gateway.getUidListByGroup(room))) ?? [];
    const list = JSON.stringify({ room, names: names.sort() });
    if (list === sent) return;
    gateway.sendToGroup(room, list);
    sent = list;
  }
}
