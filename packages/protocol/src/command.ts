import { laneCommands } from './lane-command.ts';
import { receiptCommands } from './receipt-command.ts';
import { sessionCommands } from './session-command.ts';

/** Version of the inner protocol. Peers of different versions refuse each other's link. */
export const PROTOCOL_VERSION = 3;

const mainCommands = {
  // Setting up a link.

  /** Opens a link: the dialer introduces itself. */
  Hello: {
    number: 0x01,
    direction: 'dialer → acceptor',
    fields: {
      version: 'u32',
      role: 'DialerRole',
      /** Random id of the process, new at every start. */
      instanceId: 'shortString',
      /** Name of its declaration, for logs. */
      name: 'shortString',
      /** Number of the process within its declaration, from 0. */
      id: 'u32',
      /** 32 random bytes. */
      nonce: 'bytes',
      /** The link to resume; absent for a new link. */
      resume: 'LinkPosition?',
    },
  },
  /** The acceptor introduces itself. It proves nothing to a dialer that has not proved itself. */
  Challenge: {
    number: 0x02,
    direction: 'acceptor → dialer',
    fields: {
      version: 'u32',
      role: 'AcceptorRole',
      instanceId: 'shortString',
      /** 32 random bytes. */
      nonce: 'bytes',
    },
  },
  /** The dialer proves that it knows the secret key. */
  Proof: {
    number: 0x03,
    direction: 'dialer → acceptor',
    fields: {
      /** 32 bytes of HMAC-SHA-256, made with the dialer's first key. */
      proof: 'bytes',
      /** The same, made with its other keys. */
      otherProofs: 'bytes[]?',
    },
  },
  /** The acceptor proves that it knows the dialer's key: the link is up. */
  Welcome: {
    number: 0x04,
    direction: 'acceptor → dialer',
    fields: {
      /** 32 bytes of HMAC-SHA-256. */
      proof: 'bytes',
      /** Name of the acceptor's declaration. */
      name: 'shortString',
      /** Number of the acceptor's process within its declaration, from 0. */
      id: 'u32',
      /** First field of the ids of its clients; 0 from a register. */
      gatewayToken: 'u32',
      /** Id by which a new link can be resumed; absent when it cannot be, or when a link is resumed. */
      linkId: 'string?',
      /** Bytes of frames that the acceptor has received over the resumed link; absent for a new link. */
      resumedAt: 'position?',
    },
  },
  /** The handshake failed; the sender closes. */
  Refusal: {
    number: 0x05,
    direction: 'either',
    fields: { code: 'string', message: 'string' },
  },

  // Any link that is up.

  Ping: { number: 0x08, direction: 'either', layout: 'empty' },
  /** The answer to Ping. */
  Pong: { number: 0x09, direction: 'either', layout: 'empty' },
  /** How much of a resumable link has arrived. */
  Received: { number: 0x0a, direction: 'either', layout: 'u32 high, u32 low' },
  /** The sender ends the link in an orderly way, and closes. */
  GoAway: { number: 0x0b, direction: 'either', layout: 'empty' },

  // Register.

  /** A gateway publishes its inner address. */
  GatewayAnnouncement: {
    number: 0x10,
    direction: 'gateway → register',
    fields: {
      gateway: 'GatewayEntry',
      /** True when the gateway has announced itself at this address before. */
      isAgain: 'boolean',
    },
  },
  /** Every live gateway; replaces the previous list. */
  GatewayList: {
    number: 0x11,
    direction: 'register → caller',
    fields: { gateways: 'GatewayEntry[]' },
  },
  /** Every worker linked to the register; replaces the previous list. */
  WorkerList: {
    number: 0x12,
    direction: 'register → gateway',
    fields: { instanceIds: 'string[]' },
  },

  // Events of clients.

  /** Binds a client to the worker, with all that does not change from event to event. */
  ClientAttached: {
    number: 0x20,
    direction: 'gateway → worker',
    fields: {
      connection: 'u32',
      nonceHigh: 'u32',
      nonceLow: 'u32',
      remoteAddress: 'string',
      remotePort: 'u32',
      /** Port of the listener that accepted the client. */
      gatewayPort: 'u32',
      /** A `ClientRequest`; absent when the protocol has no handshake. */
      request: 'packed?',
      uid: 'string?',
      /** Absent when it was never set. */
      session: 'packed?',
      /** Set for a client that can resume. */
      resumable: 'ResumableInfo?',
    },
  },
  /** Event: the client can be sent to. */
  ClientConnected: {
    number: 0x21,
    direction: 'gateway → worker',
    layout: 'u32 connection, u8 flags',
  },
  /** Event: a message of a client. */
  ClientMessage: {
    number: 0x22,
    direction: 'gateway → worker',
    layout: 'u32 connection, payload',
  },
  /** Last event of a client. */
  ClientClosed: {
    number: 0x23,
    direction: 'gateway → worker',
    fields: {
      connection: 'u32',
      by: 'ClosedBy',
      code: 'u32?',
      reason: 'string?',
      /** True when another worker may have handled the event before. */
      isRedelivered: 'boolean',
    },
  },
  /** Another process has changed the session of a client. */
  SessionChanged: {
    number: 0x24,
    direction: 'gateway → worker',
    fields: {
      connection: 'u32',
      /** Changes by this worker that the gateway applied before this one. */
      appliedChanges: 'u32',
      delta: 'SessionDelta',
    },
  },
  /** A client was bound to a uid or unbound. */
  UidChanged: {
    number: 0x25,
    direction: 'gateway → worker',
    fields: {
      connection: 'u32',
      /** Changes of the uid by this worker that the gateway applied up to this one. */
      appliedChanges: 'u32',
      uid: 'string?',
    },
  },
  /** Asks the application of the worker whether to accept a client. */
  HandshakeRequest: {
    number: 0x26,
    direction: 'gateway → worker',
    fields: {
      requestId: 'u32',
      remoteAddress: 'string',
      remotePort: 'u32',
      /** Port of the listener that accepted the client. */
      gatewayPort: 'u32',
      /** A `ClientRequest`. */
      request: 'packed',
    },
  },
  /** Another worker has the client from now on. */
  ClientDetached: { number: 0x27, direction: 'gateway → worker', layout: 'u32 connection' },
  /** Acknowledges events; the bytes are those of their payloads. */
  EventsAck: {
    number: 0x28,
    direction: 'worker → gateway',
    layout: '(u32 connection, u32 count, u32 bytes) * n',
  },
  /** The worker accepts clients. */
  WorkerReady: { number: 0x29, direction: 'worker → gateway', layout: 'u8 flags' },
  /** The answer to HandshakeRequest: the initial state of an accepted client, or the reason of a refusal. */
  HandshakeResponse: {
    number: 0x2a,
    direction: 'worker → gateway',
    fields: {
      requestId: 'u32',
      isAccepted: 'boolean',
      /** HTTP status of a refusal, 400 to 599. */
      status: 'u32',
      /** Body of a refusal. */
      reason: 'string',
      uid: 'string?',
      session: 'packed?',
      groups: 'string[]',
    },
  },
  /** The worker is about to stop and takes nothing new. */
  WorkerDraining: { number: 0x2b, direction: 'worker → gateway', layout: 'empty' },
  /** The answer to WorkerDraining: the worker has no clients and no unacknowledged events left. */
  WorkerDrained: { number: 0x2c, direction: 'gateway → worker', layout: 'empty' },
  /** The worker has ended these clients because it lost the gateway. */
  ClientsEnded: { number: 0x2d, direction: 'worker → gateway', layout: 'u32 connection * n' },
  /** Event: a client with the client protocol expects an answer, a SendReply. */
  ClientRequested: {
    number: 0x2e,
    direction: 'gateway → worker',
    layout: 'u32 connection, u32 high, u32 low, name type, payload',
  },
  /** Event: the client has lost its connection and can resume. */
  ClientDropped: {
    number: 0x2f,
    direction: 'gateway → worker',
    layout: 'u32 connection, u8 flags',
  },
  /** Event: the client is connected again. */
  ClientResumed: {
    number: 0x30,
    direction: 'gateway → worker',
    layout: 'u32 connection, u8 flags, u32 awayMs',
  },

  // Commands.

  SendToClient: { number: 0x40, direction: 'caller → gateway', layout: 'address, payload' },
  SendToClients: { number: 0x41, direction: 'caller → gateway', layout: 'addresses, payload' },
  SendToAll: { number: 0x42, direction: 'caller → gateway', layout: 'addresses excluded, payload' },
  SendToUids: { number: 0x43, direction: 'caller → gateway', layout: 'names uids, payload' },
  SendToGroups: {
    number: 0x44,
    direction: 'caller → gateway',
    layout: 'names groups, addresses excluded, payload',
  },
  /** The answer to a request of a client. */
  SendReply: {
    number: 0x45,
    direction: 'caller → gateway',
    layout: 'address, u32 high, u32 low number, payload',
  },
  /** Flushes, then closes. */
  CloseClient: { number: 0x48, direction: 'caller → gateway', layout: 'address, close' },
  /** Closes without a flush. */
  DestroyClient: { number: 0x49, direction: 'caller → gateway', layout: 'address' },
  CloseUid: { number: 0x4a, direction: 'caller → gateway', layout: 'name uid, close' },
  CloseGroup: { number: 0x4b, direction: 'caller → gateway', layout: 'name group, close' },
  BindUid: { number: 0x50, direction: 'caller → gateway', layout: 'address, rest uid' },
  UnbindUid: { number: 0x51, direction: 'caller → gateway', layout: 'address' },
  JoinGroup: { number: 0x52, direction: 'caller → gateway', layout: 'address, rest group' },
  LeaveGroup: { number: 0x53, direction: 'caller → gateway', layout: 'address, rest group' },
  Ungroup: { number: 0x54, direction: 'caller → gateway', layout: 'rest group' },
  SetSession: {
    number: 0x58,
    direction: 'caller → gateway',
    layout: 'address, rest packed session',
  },
  UpdateSession: {
    number: 0x59,
    direction: 'caller → gateway',
    layout: 'address, rest packed session',
  },
  ApplySessionDelta: {
    number: 0x5a,
    direction: 'caller → gateway',
    layout: 'address, rest packed PackedDelta',
  },

  // Queries.

  Query: {
    number: 0x60,
    direction: 'caller → gateway',
    fields: { requestId: 'u32', query: 'Query' },
  },
  QueryAnswer: {
    number: 0x61,
    direction: 'gateway → caller',
    fields: { requestId: 'u32', answer: 'any' },
  },
  QueryFailure: {
    number: 0x62,
    direction: 'gateway → caller',
    fields: { requestId: 'u32', code: 'string', message: 'string' },
  },
  /** A part of an answer that is a long list; QueryAnswer carries the last part. */
  QueryPart: {
    number: 0x63,
    direction: 'gateway → caller',
    fields: { requestId: 'u32', part: 'any[]' },
  },

  // Interest: which uids and groups have members at a gateway.

  InterestSubscribe: { number: 0x70, direction: 'caller → gateway', layout: 'empty' },
  /** These names now have members. */
  InterestAdded: { number: 0x71, direction: 'gateway → caller', layout: 'u8 kind, name * n' },
  /** These names have lost their last member. */
  InterestRemoved: { number: 0x72, direction: 'gateway → caller', layout: 'u8 kind, name * n' },
  /** Whether the caller knows every name of the kind that has members. */
  InterestKnown: { number: 0x73, direction: 'gateway → caller', layout: 'u8 kind, u8 isKnown' },
  /** How many joins of the caller the gateway has carried out. */
  JoinsApplied: { number: 0x74, direction: 'gateway → caller', layout: 'u32 high, u32 low' },

  // Between a gateway and its successor, over a pipe of their own.

  Handover: { number: 0x80, direction: 'either', layout: 'a msgpack map with a type' },
} as const;

/**
 * Every frame type of the inner protocol; the code calls each one a command. The types in `messages.ts`, the codec in
 * `codec.ts` and the tables of `docs/protocol.md` follow from this table.
 *
 * `number` is the first byte of the frame. It never gets a second meaning; receivers ignore numbers that they
 * do not know. A caller is a worker or a client of the Gateway API.
 *
 * A command with `fields` is a message: its body is a msgpack map, which `writeMessage` and `readMessage`
 * convert. `field-maps.ts` describes the types of fields. A command with a `layout` is binary, for speed: functions
 * of its own write and read it in place, and the layout documents it.
 */
export const commands: typeof mainCommands &
  typeof receiptCommands &
  typeof laneCommands &
  typeof sessionCommands = {
  ...mainCommands,
  ...receiptCommands,
  ...laneCommands,
  ...sessionCommands,
};

/** Sender and receiver of a command. */
type Direction = 'either' | `${Peer} → ${Peer}`;
type Peer = 'acceptor' | 'caller' | 'dialer' | 'gateway' | 'register' | 'worker';

interface CommandDeclaration {
  readonly number: number;
  readonly direction: Direction;
  readonly fields?: Readonly<Record<string, string>>;
  readonly layout?: string;
}

commands satisfies Readonly<Record<string, CommandDeclaration>>;

/** Numbers of the commands by name. */
export const Command: CommandNumbers = parseNumbers();

type CommandNumbers = { readonly [N in keyof typeof commands]: (typeof commands)[N]['number'] };

/** First byte of a frame. */
export type Command = CommandNumbers[keyof CommandNumbers];

function parseNumbers(): CommandNumbers {
  const numbers = Object.entries(commands).map(([name, { number }]) => [name, number]);
  return Object.fromEntries(numbers) as CommandNumbers;
}
