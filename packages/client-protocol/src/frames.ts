/** The websocket subprotocol that a client offers and a gateway selects. */
export const SUBPROTOCOL = 'gatewayworker.1';

/** Most sources in the positions of a Hello. */
export const MAX_RESUME_SOURCES = 1024;

// Constants of their own, because a bundler replaces them by their values.

export const HELLO = 0x01;
export const SEND = 0x02;
export const REQUEST = 0x03;
export const CANCEL = 0x04;
export const PONG = 0x05;
export const BYE = 0x06;
export const RECEIVED = 0x07;
export const WELCOME = 0x81;
export const REFUSED = 0x82;
export const MESSAGE = 0x83;
export const REPLY = 0x84;
export const HANDLED = 0x85;
export const GAP = 0x86;
export const PING = 0x87;
export const GO_AWAY = 0x88;
export const SOURCE_ENDED = 0x89;

/** First byte of each frame of a client. */
export const clientOps: Readonly<Record<ClientFrame['op'], number>> = {
  hello: HELLO,
  send: SEND,
  request: REQUEST,
  cancel: CANCEL,
  pong: PONG,
  bye: BYE,
  received: RECEIVED,
};

/** First byte of each frame of a gateway. */
export const gatewayOps: Readonly<Record<GatewayFrame['op'], number>> = {
  welcome: WELCOME,
  refused: REFUSED,
  message: MESSAGE,
  reply: REPLY,
  handled: HANDLED,
  gap: GAP,
  ping: PING,
  goAway: GO_AWAY,
  sourceEnded: SOURCE_ENDED,
};

/** The highest offset received of each source. */
export type Positions = ReadonlyMap<number, number>;

/** The session that a Hello resumes. */
export interface Resume {
  readonly clientId: string;
  readonly secret: Uint8Array;
  /** At most {@link MAX_RESUME_SOURCES}. */
  readonly positions: Positions;
}

/** The first frame of a client. */
export interface HelloFrame {
  readonly op: 'hello';
  readonly token?: string | undefined;
  readonly resume?: Resume | undefined;
}

/** A message to the application. */
export interface SendFrame {
  readonly op: 'send';
  /** At least 1. */
  readonly number: number;
  readonly isBinary: boolean;
  /** UTF-8 text unless `isBinary`, which is not checked. */
  readonly payload: Uint8Array;
}

/** A message that the application answers. */
export interface RequestFrame {
  readonly op: 'request';
  /** At least 1. Send and Request share their numbers. */
  readonly number: number;
  readonly isBinary: boolean;
  readonly type: string;
  /** UTF-8 JSON unless `isBinary`, which is not checked; empty for `undefined`. */
  readonly payload: Uint8Array;
}

/** The client no longer waits for a reply. */
export interface CancelFrame {
  readonly op: 'cancel';
  /** Number of the request. */
  readonly number: number;
}

/** A frame of a client without a body. */
export interface EmptyFrame {
  readonly op: 'pong' | 'bye';
}

/** The answer to a message that has a receipt. */
export interface ReceivedFrame {
  readonly op: 'received';
  readonly receipt: number;
  readonly state: 'received' | 'handled';
  readonly value: string;
}

/** A frame of a client. */
export type ClientFrame =
  | HelloFrame
  | SendFrame
  | RequestFrame
  | CancelFrame
  | EmptyFrame
  | ReceivedFrame;

/** The answer to a Hello. */
export interface WelcomeFrame {
  readonly op: 'welcome';
  readonly isResumed: boolean;
  readonly clientId: string;
  /** For the next resume. */
  readonly secret: Uint8Array;
  /** Why a requested resume was not possible; otherwise empty. */
  readonly reason: string;
  /** How long the session can be resumed after its connection has ended. */
  readonly windowMs: number;
  readonly pingMs: number;
  /** Longest random wait before the first attempt to reconnect. */
  readonly spreadMs: number;
  /** Highest number of the client that the application has received. */
  readonly handled: number;
  /** Longest frame that the gateway accepts. */
  readonly maxBytes: number;
  readonly positions: Positions;
}

/** The application has refused the client. */
export interface RefusedFrame {
  readonly op: 'refused';
  /** 400 to 599. */
  readonly status: number;
  readonly reason: string;
}

/** A message to the client. */
export interface MessageFrame {
  readonly op: 'message';
  /** 0 if the message has no offset. */
  readonly source: number;
  /** 0 exactly if the source is 0. */
  readonly offset: number;
  readonly isBinary: boolean;
  /** Present if the application expects a Received. */
  readonly receipt?: number | undefined;
  /** UTF-8 text unless `isBinary`, which is not checked. */
  readonly payload: Uint8Array;
}

/** The answer to a request. */
export interface ReplyFrame {
  readonly op: 'reply';
  /** 0 if the reply has no offset. */
  readonly source: number;
  /** 0 exactly if the source is 0. */
  readonly offset: number;
  /** Number of the request. */
  readonly number: number;
  readonly isBinary: boolean;
  /** True: the payload is the JSON of `{ code, message }`. */
  readonly isFailed: boolean;
  /** UTF-8 JSON unless `isBinary`, which is not checked; empty for `undefined`. */
  readonly payload: Uint8Array;
}

/** The application has handled every Send and Request up to a number. */
export interface HandledFrame {
  readonly op: 'handled';
  readonly number: number;
}

/** Messages of a source may be lost. */
export interface GapFrame {
  readonly op: 'gap';
  readonly source: number;
  /** The last message that may be lost; 0 means all messages of a source that has ended. */
  readonly offset: number;
  readonly reason: string;
}

/** Sent every `pingMs`. */
export interface PingFrame {
  readonly op: 'ping';
  readonly positions: Positions;
}

/** The gateway is about to end. */
export interface GoAwayFrame {
  readonly op: 'goAway';
  /** Range of the random wait before the client resumes on a second connection. */
  readonly minMs: number;
  readonly maxMs: number;
  readonly reason: string;
}

/** A source has ended, and the client has received everything of it. */
export interface SourceEndedFrame {
  readonly op: 'sourceEnded';
  readonly source: number;
}

/** A frame of a gateway. */
export type GatewayFrame =
  | WelcomeFrame
  | RefusedFrame
  | MessageFrame
  | ReplyFrame
  | HandledFrame
  | GapFrame
  | PingFrame
  | GoAwayFrame
  | SourceEndedFrame;
