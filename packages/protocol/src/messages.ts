import type { commands } from './command.ts';
import type {
  AcceptorRole,
  ClosedBy,
  DialerRole,
  fieldMaps,
  ReceiptOutcome,
} from './field-maps.ts';
import type { queries } from './query.ts';

type Commands = typeof commands;
type Maps = typeof fieldMaps;
type Queries = typeof queries;

/** What the types of fields are in TypeScript; `fields.ts` has a reader for each that is not a map. */
export type FieldTypes = ScalarTypes & { readonly [N in keyof Maps]: Fields<Maps[N]> };

/** Types of fields that are not maps of `field-maps.ts`. */
export interface ScalarTypes {
  any: unknown;
  /** False when it is absent. */
  boolean: boolean;
  bytes: Uint8Array;
  /** Bytes that are themselves msgpack, passed on unread. */
  packed: Uint8Array;
  /** An integer from 0 to 2^53 - 1. */
  position: number;
  /** A name, an address or an id, up to 512 characters: it is sent to other peers and logged. */
  shortString: string;
  string: string;
  /** An integer from 0 to 2^32 - 1. */
  u32: number;
  AcceptorRole: AcceptorRole;
  ClosedBy: ClosedBy;
  DialerRole: DialerRole;
  Query: AskedQuery;
  ReceiptOutcome: ReceiptOutcome;
}

/** The TypeScript type of a field type; `Absent` is what stands for an absent value. */
type FieldType<T, Absent = undefined> = T extends `${infer Base}?`
  ? FieldType<Base, Absent> | Absent
  : T extends `[${infer First}, ${infer Second}][]`
    ? readonly (readonly [FieldType<First, Absent>, FieldType<Second, Absent>])[]
    : T extends `${infer Entry}[]`
      ? readonly FieldType<Entry>[]
      : T extends `${infer Entry}{}`
        ? Readonly<Record<string, FieldType<Entry>>>
        : T extends keyof FieldTypes
          ? FieldTypes[T]
          : never;

/** The TypeScript type of a map with these fields. */
type Fields<T> = Flat<
  { readonly [N in keyof T as T[N] extends `${string}?` ? never : N]: FieldType<T[N]> } & {
    readonly [N in keyof T as T[N] extends `${string}?` ? N : never]?: FieldType<T[N]>;
  }
>;

type Flat<T> = { [N in keyof T]: T[N] };

/** Messages by type: the name of the command with a small first letter. */
type Messages = {
  [N in keyof Commands as Commands[N] extends { fields: unknown } ? Uncapitalize<N> : never]: Flat<
    { readonly type: Uncapitalize<N> } & Fields<FieldsOf<Commands[N]>>
  >;
};

type FieldsOf<T> = T extends { readonly fields: infer F } ? F : never;

/** A command whose body is a msgpack map, as an object: of this type, or of any. */
export type Message<T extends keyof Messages = keyof Messages> = Messages[T];

/** The websocket handshake of a client. */
export type ClientRequest = FieldTypes['ClientRequest'];

/** The numbers of a client id without its gateway. */
export type ConnectionAddress = FieldTypes['ConnectionAddress'];

/** A live gateway process. */
export type GatewayEntry = FieldTypes['GatewayEntry'];

/** The link that a dialer resumes, and how much of it has arrived. */
export type LinkPosition = FieldTypes['LinkPosition'];

/** A place in the lane of a caller. */
export type SourcePosition = FieldTypes['SourcePosition'];

/** What a worker keeps of a client that can resume. */
export type ResumableInfo = FieldTypes['ResumableInfo'];

/** The session of a client that moves to another gateway. */
export type SessionState = FieldTypes['SessionState'];

/** The receipt of a client. */
export type ReceiptOfDevice = FieldTypes['ReceiptOfDevice'];

/** The clients of a uid at one gateway. */
export type UidPresence = FieldTypes['UidPresence'];

/** Changes of an object by key, at any depth. */
export type ObjectDelta = FieldTypes['ObjectDelta'];

/** Changes of a session. */
export type SessionDelta = FieldTypes['SessionDelta'];

/** Whether a client is accepted. */
export type HandshakeDecision = Omit<Message<'handshakeResponse'>, 'type' | 'requestId'>;

type QueryOf<N extends keyof Queries> = Flat<{ readonly kind: N } & Fields<Queries[N]['fields']>>;

type QueriesOf<Scope> = {
  [N in keyof Queries as Queries[N]['scope'] extends Scope ? N : never]: QueryOf<N>;
};

/** A query to the gateway of one client. */
export type ClientQuery = Values<QueriesOf<'client'>>;

/** A query to every gateway. */
export type ClusterQuery = Values<QueriesOf<'cluster'>>;

/** A query that this version knows. */
export type Query = ClientQuery | ClusterQuery;

/** A query as a gateway reads it: one that a newer peer may know fails alone, not the link. */
export type AskedQuery = Query | { readonly kind: 'unknown'; readonly name: string };

/** The answers to queries by kind. */
export type QueryAnswers = { [N in keyof Queries]: FieldType<Queries[N]['answer'], null> };

type Values<T> = T[keyof T];

/** Client id and packed session; `null` when the session was never set. */
export type SessionOfClient = QueryAnswers['getAllClientSessions'][number];
