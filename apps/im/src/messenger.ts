import type { Logger } from 'gatewayworker';
import { Accounts } from './accounts/accounts.ts';
import { Devices } from './accounts/devices.ts';
import { PasswordHasher } from './accounts/password.ts';
import { Conversations } from './conversations/conversations.ts';
import { Groups } from './conversations/groups.ts';
import { Invitations } from './conversations/invitations.ts';
import { Marks } from './conversations/marks.ts';
import { MessageWriter } from './conversations/message-writer.ts';
import { openDatabase } from './database/open-database.ts';
import type { Database } from './database/schema.ts';
import { IdGenerator } from './ids/id-generator.ts';
import { NodeLease } from './ids/node-lease.ts';
import { People } from './people/people.ts';
import { PresenceTracker } from './people/presence.ts';
import type { Push } from './push.ts';
import type { ImSettings } from './settings.ts';

/** The logic of the messenger, shared by the HTTP process and the business workers. */
export interface Messenger {
  readonly settings: ImSettings;
  readonly db: Database;
  readonly push: Push;
  readonly accounts: Accounts;
  readonly devices: Devices;
  readonly people: People;
  readonly presence: PresenceTracker;
  readonly conversations: Conversations;
  readonly groups: Groups;
  readonly invitations: Invitations;
  readonly messages: MessageWriter;
  readonly marks: Marks;
  /** Stores pending writes, releases the node number and closes the database. */
  close(): Promise<void>;
}

/** Dependencies of a messenger. */
export interface MessengerOptions {
  readonly settings: ImSettings;
  readonly push: Push;
  readonly logger: Logger;
  /** Aborted when the process is about to end. */
  readonly signal: AbortSignal;
}

/** Opens the database, leases a node number and creates the parts of the messenger. */
export async function openMessenger(options: MessengerOptions): Promise<Messenger> {
  const { settings, push, logger, signal } = options;
  const db = await openDatabase(settings);
  const ids = new IdGenerator();
  const lease = new NodeLease({ db, ids, logger });
  await lease.start().catch(async (error: unknown) => {
    await db.destroy();
    throw error;
  });
  const hasher = new PasswordHasher(settings.passwordCost);
  const { registrationsPerHour } = settings;
  const devices = new Devices({ db, push });
  const presence = new PresenceTracker({ db, push, signal });
  const groups = new Groups({ db, ids, push });
  const messages = new MessageWriter({ db, ids, push });
  const marks = new Marks({ db, push });
  return {
    ...{ settings, db, push, devices, presence, groups, messages, marks },
    accounts: new Accounts({ db, ids, push, hasher, devices, registrationsPerHour }),
    people: new People({ db, ids, push }),
    conversations: new Conversations(db),
    invitations: new Invitations(db, groups),
    async close() {
      await presence.drain();
      await Promise.all([messages.drain(), marks.drain(), devices.drain()]);
      await lease.stop();
      await db.destroy();
    },
  };
}
