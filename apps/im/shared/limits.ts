/** What people may type, upload and ask for. Texts are counted in UTF-16 code units, as `maxlength` does. */
export const limits = {
  /** Shortest and longest account name. */
  nameMin: 2,
  name: 32,
  nickname: 32,
  passwordMin: 8,
  password: 128,
  /** What a device calls itself. */
  device: 64,
  groupName: 64,
  /** A text message, or the words beside a picture. */
  text: 4000,
  /** Bytes of one message on the websocket; past it the connection is closed with 1009. */
  socketMessageBytes: 65_536,
  /** Bytes of the body of a request, but for pictures. */
  bodyBytes: 65_536,
  pictureBytes: 10 * 1024 * 1024,
  /** Width times height of an uploaded picture. */
  picturePixels: 40_000_000,
  /** Longer side of what is served as `full.webp` and as `small.webp`. */
  pictureFull: 2048,
  pictureSmall: 480,
  groupMembers: 200,
  friends: 1000,
  /** Requests to become friends that wait for an answer, of one sender. */
  sentRequests: 100,
  devices: 20,
  /** Groups that one person is in. */
  groups: 200,
  /** Messages of one page of a history. */
  pageSize: 100,
  /** What `unread` counts to; this many means "or more". */
  unread: 999,
} as const;

/** Pace of one person, at one process of the server; past it the answer is `too_fast`. */
export const paces = {
  /** Messages: this many at once, then so many per second. */
  messageBurst: 30,
  messagesPerSecond: 10,
  /** Everything else that is said on the websocket. */
  noticeBurst: 60,
  noticesPerSecond: 20,
  /** Pictures: this many at once, then so many per second. */
  pictureBurst: 20,
  picturesPerSecond: 0.5,
  /** Every other request that changes something. */
  changeBurst: 60,
  changesPerSecond: 5,
} as const;
